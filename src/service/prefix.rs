//! Programs that only run another one: `nohup`, `env`, `sudo`, `tmux new-session`, … and what is left of a command
//! line behind them. The table says of each which options take a word and how many operands stand before the command.

use super::shell;
use super::verdict::{Next, Scene, base_name};

/// A program that runs the command behind its own options.
struct Prefix {
    names: &'static [&'static str],
    /// Options that take the next word as their value.
    valued: &'static [&'static str],
    /// Operands before the command.
    operands: usize,
    /// Whether it becomes the command (`exec`), so that no process of its own stays.
    becomes: bool,
}

const fn prefix(
    names: &'static [&'static str],
    valued: &'static [&'static str],
    operands: usize,
    becomes: bool,
) -> Prefix {
    Prefix { names, valued, operands, becomes }
}

const PREFIXES: [Prefix; 27] = [
    prefix(&["env"], &["-u", "--unset", "-C", "--chdir"], 0, true),
    prefix(&["nohup", "setsid", "time", "command", "builtin", "setarch", "linux64"], &[], 0, true),
    prefix(&["exec"], &["-a"], 0, true),
    prefix(&["nice"], &["-n", "--adjustment"], 0, true),
    prefix(&["ionice"], &["-c", "-n", "--class", "--classdata"], 0, true),
    prefix(&["chrt"], &["-T", "-P", "-D"], 1, true),
    prefix(&["taskset"], &[], 1, true),
    prefix(&["numactl"], &["-m", "-N", "-C", "-p", "-i"], 0, true),
    prefix(&["stdbuf"], &["-i", "-o", "-e"], 0, true),
    prefix(&["prlimit"], &[], 0, true),
    prefix(
        &["chpst", "envdir", "softlimit"],
        &["-u", "-U", "-e", "-d", "-n", "-l", "-L", "-o", "-m"],
        0,
        true,
    ),
    prefix(&["setuidgid", "gosu", "su-exec", "s6-setuidgid"], &[], 1, true),
    prefix(&["setpriv"], &["--reuid", "--regid", "--groups", "--inh-caps", "--ambient-caps"], 0, true),
    prefix(&["runuser"], &["-u", "--user", "-g", "--group", "-G", "-s", "--shell"], 0, false),
    prefix(
        &["sudo"],
        &["-u", "--user", "-g", "--group", "-C", "-D", "--chdir", "-p", "-r", "-t", "-T"],
        0,
        false,
    ),
    prefix(&["doas"], &["-u", "-C"], 0, false),
    prefix(&["timeout", "gtimeout"], &["-k", "--kill-after", "-s", "--signal"], 1, false),
    prefix(&["caffeinate"], &["-t", "-w"], 0, false),
    prefix(&["systemd-inhibit"], &["--what", "--who", "--why", "--mode"], 0, false),
    prefix(&["systemd-cat"], &["-t", "-p", "--identifier", "--priority"], 0, true),
    prefix(
        &["systemd-run"],
        &["-u", "--unit", "-p", "--property", "-E", "--setenv", "--slice", "--description", "--uid", "--gid"],
        0,
        false,
    ),
    prefix(&["tini", "tini-static", "dumb-init", "catatonit"], &["-p", "-e", "-r"], 0, false),
    prefix(&["flock"], &["-w", "--timeout", "-E", "--conflict-exit-code"], 1, false),
    prefix(
        &["dbus-run-session", "dbus-launch", "unbuffer", "unshare", "firejail", "proxychains4"],
        &[],
        0,
        false,
    ),
    prefix(&["xvfb-run"], &["-n", "-s", "-e", "-f", "-w"], 0, false),
    prefix(&["strace", "ltrace"], &["-e", "-o", "-s", "-p", "-u"], 0, false),
    prefix(&["chroot"], &[], 1, true),
];

/// Programs that take the command behind `--` and nothing of interest before it.
const BEHIND_DASHES: [&str; 9] =
    ["op", "doppler", "infisical", "dotenv", "dotenvx", "mise", "direnv", "aws-vault", "chamber"];

/// What is left of `words` behind a program that only runs another one.
pub fn step(words: &[String], scene: &Scene) -> Option<Next> {
    let name = base_name(words.first()?);
    let rest = &words[1..];
    if let Some(prefix) = PREFIXES.iter().find(|prefix| prefix.names.contains(&name)) {
        return Some(behind(prefix, name, rest, scene));
    }
    let scene = || scene.clone().stays(name);
    match name {
        "su" => {
            after(rest, &["-c", "--command"]).map(|text| Next::Script(text.to_owned(), Vec::new(), scene()))
        }
        "tmux" => tmux(rest).map(|words| line(words, scene())),
        "screen" => screen(rest).map(|words| line(words, scene())),
        "pm2" => pm2(rest).map(|words| line(&words, scene())),
        "start-stop-daemon" => {
            let program = after(rest, &["-x", "--exec", "-a", "--startas"])?;
            let arguments = rest.iter().skip_while(|word| *word != "--").skip(1).cloned();
            Some(Next::Words(std::iter::once(program.to_owned()).chain(arguments).collect(), scene()))
        }
        _ if BEHIND_DASHES.contains(&name) => {
            let at = rest.iter().position(|word| word == "--")?;
            Some(Next::Words(rest[at + 1..].to_vec(), scene()))
        }
        _ => None,
    }
}

fn behind(prefix: &Prefix, name: &str, words: &[String], scene: &Scene) -> Next {
    let mut scene = if prefix.becomes { scene.clone().becomes(name) } else { scene.clone().stays(name) };
    let (mut at, mut operands) = (0, prefix.operands);
    while let Some(word) = words.get(at) {
        at += 1;
        if matches!((name, word.as_str()), ("flock" | "runuser", "-c" | "--command")) {
            let text = words.get(at).cloned().unwrap_or_default();
            return Next::Script(text, Vec::new(), scene);
        }
        if name == "env" && (word == "-S" || word == "--split-string") {
            let split = words.get(at).map(|text| shell::words(text)).unwrap_or_default();
            return Next::Words(split.into_iter().chain(words[at + 1..].iter().cloned()).collect(), scene);
        }
        if matches!(name, "env" | "sudo" | "doas")
            && let Some((key, value)) = shell::assignment(word)
        {
            scene.environment.insert(key, value);
        } else if word == "--" {
            at += operands;
            break;
        } else if word.starts_with('-') {
            at += usize::from(prefix.valued.contains(&word.as_str()));
        } else if operands > 0 {
            operands -= 1;
        } else {
            at -= 1;
            break;
        }
    }
    Next::Words(words.get(at..).unwrap_or_default().to_vec(), scene)
}

/// One word is a line for a shell; several are a command.
fn line(words: &[String], scene: Scene) -> Next {
    match words {
        [text] => Next::Script(text.clone(), Vec::new(), scene),
        _ => Next::Words(words.to_vec(), scene),
    }
}

/// The word behind the first of `options`, also when it is written `--option=word`.
fn after<'a>(words: &'a [String], options: &[&str]) -> Option<&'a str> {
    words.iter().enumerate().find_map(|(at, word)| {
        if options.contains(&word.as_str()) {
            return words.get(at + 1).map(String::as_str);
        }
        let (option, value) = word.split_once('=')?;
        options.contains(&option).then_some(value)
    })
}

/// Skips options; those in `valued`, and clusters that end with one of them (`-dmS`), take a word.
fn skip<'a>(mut words: &'a [String], valued: &[char]) -> &'a [String] {
    while let Some((word, rest)) = words.split_first() {
        let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) else { break };
        words = if cluster.ends_with(valued) { rest.get(1..).unwrap_or_default() } else { rest };
        if cluster == "-" {
            break;
        }
    }
    words
}

fn tmux(words: &[String]) -> Option<&[String]> {
    let (verb, rest) = skip(words, &['L', 'S', 'f']).split_first()?;
    let opens = ["new-session", "new", "new-window", "neww", "split-window", "respawn-pane"];
    opens.contains(&verb.as_str()).then(|| skip(rest, &['c', 'e', 'F', 'f', 'n', 's', 't', 'x', 'y']))
}

fn screen(words: &[String]) -> Option<&[String]> {
    Some(skip(words, &['S', 'c', 'h', 'p', 's', 'T', 't'])).filter(|rest| !rest.is_empty())
}

fn pm2(words: &[String]) -> Option<Vec<String>> {
    let at = words.iter().position(|word| word == "start")?;
    let rest = &words[at + 1..];
    let target = skip(rest, &['n', 'i']).first()?;
    let arguments = rest.iter().skip_while(|word| *word != "--").skip(1);
    Some(std::iter::once(target).chain(arguments).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(text: &str) -> Option<(String, bool)> {
        match step(&shell::words(text), &Scene::default())? {
            Next::Words(words, scene) => Some((words.join(" "), scene.direct)),
            Next::Script(text, _, scene) => Some((format!("sh: {text}"), scene.direct)),
            _ => None,
        }
    }

    #[test]
    fn what_is_run_is_left_and_it_is_known_whether_a_process_stays() {
        for (text, left, direct) in [
            ("nohup gw run", "gw run", true),
            ("/usr/bin/env -i -u A B=1 gw run", "gw run", true),
            ("env -S 'gw run' x", "gw run x", true),
            ("nice -n 5 gw", "gw", true),
            ("nice -n5 gw", "gw", true),
            ("timeout -k 5 1h gw run", "gw run", false),
            ("sudo -u ana A=1 -- gw", "gw", false),
            ("chrt -f 10 gw", "gw", true),
            ("su - ana -c 'gw run'", "sh: gw run", false),
            ("tmux -L x new-session -d -s name 'gw run'", "sh: gw run", false),
            ("tmux new -d gw run", "gw run", false),
            ("screen -dmS name gw run", "gw run", false),
            ("flock -n /tmp/x gw", "gw", false),
            ("flock /tmp/x -c 'gw run'", "sh: gw run", false),
            ("op run --env-file=x -- gw run", "gw run", false),
            ("start-stop-daemon --start --exec /bin/gw -- run", "/bin/gw run", false),
            ("caffeinate -i gw", "gw", false),
            ("pm2 start gw -n x -- run", "gw run", false),
        ] {
            assert_eq!(rest(text), Some((left.into(), direct)), "{text}");
        }
        for text in ["gw run", "tmux attach -t openclaw", "op item get openclaw", "su ana"] {
            assert_eq!(rest(text), None, "{text}");
        }
    }
}
