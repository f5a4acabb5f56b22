//! Programs that run OpenClaw by its file or its package: Node.js and its like, package runners, shells. Each is
//! followed to the file, package or script that it is told to run.

use super::entry;
use super::shell;
use super::systemd::environment_file;
use super::verdict::{Next, Scene, base_name};

const INTERPRETERS: [&str; 5] = ["node", "nodejs", "bun", "deno", "tsx"];

/// Options of the interpreters that take a word; `-e` and `-p` bring the program themselves.
const INTERPRETER_VALUED: [&str; 10] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "--env-file",
    "-C",
    "--conditions",
    "--title",
    "--max-old-space-size",
];

/// Package runners, and the words with which each runs a package's program.
const RUNNERS: [(&str, &[&str]); 7] = [
    ("npx", &[]),
    ("bunx", &[]),
    ("pnpx", &[]),
    ("npm", &["exec", "x"]),
    ("pnpm", &["dlx", "exec", "run"]),
    ("yarn", &["dlx", "exec", "run"]),
    ("bun", &["x", "run"]),
];

const RUNNER_VALUED: [&str; 8] = ["-p", "--package", "-C", "--dir", "--prefix", "--cwd", "-w", "--workspace"];

const SHELLS: [&str; 8] = ["sh", "bash", "dash", "zsh", "ash", "ksh", "fish", "busybox"];

/// The wrapper that the real program writes for launchd: it reads a file of variables and becomes what follows.
const ENV_WRAPPER: &str = "-env-wrapper.sh";

/// How a file's text is read, where the caller can.
pub type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What an interpreter, a package runner or a shell runs.
pub fn step(words: &[String], scene: &Scene, read: Read<'_>) -> Option<Next> {
    let name = base_name(words.first()?);
    let rest = &words[1..];
    if SHELLS.contains(&name) {
        return Some(shell_step(name, rest, scene, read));
    }
    if is_interpreter(name)
        && let Some(next) = interpreter(name, rest, scene)
    {
        return Some(next);
    }
    let (_, verbs) = RUNNERS.iter().find(|(runner, _)| *runner == name)?;
    Some(package(name, rest, verbs, scene))
}

/// Whether a program runs JavaScript; versions are part of some names (`node24`, `node-22`).
pub fn is_interpreter(name: &str) -> bool {
    let stem =
        name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == '-');
    INTERPRETERS.contains(&stem)
}

fn interpreter(name: &str, words: &[String], scene: &Scene) -> Option<Next> {
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.starts_with('-')) {
        if matches!(word.as_str(), "-e" | "--eval" | "-p" | "--print" | "-v" | "--version" | "-c" | "--check")
        {
            return Some(Next::End);
        }
        at += 1 + usize::from(INTERPRETER_VALUED.contains(&word.as_str()));
    }
    let script = words.get(at)?;
    if entry::is_script(script, scene) {
        let scene = scene.clone().note(format!("`{name}` runs OpenClaw's entry {script}"));
        return Some(Next::Entry(words[at + 1..].to_vec(), scene));
    }
    if script.contains('/') || name != "bun" {
        // A runner's own program is a script too: `node …/npx-cli.js openclaw gateway`.
        return Some(match base_name(script) {
            "npx-cli.js" | "npx" => package("npx", &words[at + 1..], &[], scene),
            "npm-cli.js" | "npm" => package("npm", &words[at + 1..], &["exec", "x"], scene),
            _ => Next::End,
        });
    }
    None
}

fn package(name: &str, words: &[String], verbs: &[&str], scene: &Scene) -> Next {
    let scene = scene.clone().stays(name);
    let mut at = 0;
    let mut verb_open = !verbs.is_empty();
    while let Some(word) = words.get(at) {
        if verbs.is_empty() && (word == "-c" || word == "--call") {
            return Next::Script(words.get(at + 1).cloned().unwrap_or_default(), Vec::new(), scene);
        }
        if word.starts_with('-') {
            at += 1 + usize::from(RUNNER_VALUED.contains(&word.as_str()));
        } else if verb_open && verbs.contains(&word.as_str()) {
            verb_open = false;
            at += 1;
        } else {
            break;
        }
    }
    let Some(spec) = words.get(at) else { return Next::End };
    // `npm openclaw` is no way to run anything, unlike `pnpm openclaw`.
    if (name == "npm" && verb_open) || !entry::is_name(package_name(spec)) {
        return Next::End;
    }
    let scene = scene.note(format!("`{name}` runs the package {}", package_name(spec)));
    Next::Entry(words[at + 1..].to_vec(), scene)
}

/// `openclaw@latest` without its version.
fn package_name(spec: &str) -> &str {
    let spec = spec.strip_prefix("npm:").unwrap_or(spec);
    spec.split('@').next().unwrap_or(spec)
}

fn shell_step(name: &str, words: &[String], scene: &Scene, read: Read<'_>) -> Next {
    let mut at = usize::from(name == "busybox");
    let mut command = false;
    while let Some(word) = words.get(at).filter(|word| word.starts_with(['-', '+'])) {
        at += 1;
        command |= !word.starts_with("--") && word.contains('c');
        at += usize::from(matches!(word.as_str(), "-o" | "+o" | "-O" | "--rcfile" | "--init-file"));
    }
    let Some(first) = words.get(at) else { return Next::End };
    let rest = &words[at + 1..];
    if command {
        // The word behind the text is `$0`.
        return Next::Script(
            first.clone(),
            rest.get(1..).unwrap_or_default().to_vec(),
            scene.clone().stays(name),
        );
    }
    if let (true, Some((file, rest))) = (base_name(first).ends_with(ENV_WRAPPER), rest.split_first()) {
        let mut scene = scene.clone().becomes("the environment wrapper");
        scene.environment.extend(read(file).iter().flat_map(|text| environment_file(text)));
        return Next::Words(rest.to_vec(), scene);
    }
    let scene = scene.clone().stays(name);
    read(first).map_or(Next::End, |text| Next::Script(text, rest.to_vec(), scene))
}

/// A program that is itself a script for a shell, when its text can be read.
pub fn script(words: &[String], scene: &Scene, read: Read<'_>) -> Option<Next> {
    let (program, rest) = words.split_first()?;
    let text = read(program)?;
    let interpreter = shell::words(text.lines().next()?.strip_prefix("#!")?);
    let name = interpreter
        .iter()
        .map(|word| base_name(word))
        .find(|word| *word != "env" && !word.starts_with('-'))?;
    SHELLS.contains(&name).then(|| Next::Script(text, rest.to_vec(), scene.clone().stays(base_name(program))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str) -> String {
        let read = |path: &str| match path {
            "/srv/start.sh" => Some("exec openclaw gateway\n".to_owned()),
            "/srv/x.env" => Some("export OPENCLAW_PROFILE=work\n".to_owned()),
            _ => None,
        };
        match step(&shell::words(text), &Scene::default(), &read) {
            None => "none".into(),
            Some(Next::End) => "end".into(),
            Some(Next::Entry(words, _)) => format!("entry {}", words.join(" ")),
            Some(Next::Script(text, ..)) => format!("script {}", text.trim()),
            Some(Next::Words(words, scene)) => format!("{} {}", scene.environment.len(), words.join(" ")),
        }
    }

    #[test]
    fn runners_are_followed_to_what_they_run() {
        for (text, expected) in [
            (
                "node --max-old-space-size=9 /usr/lib/node_modules/openclaw/dist/index.js gateway",
                "entry gateway",
            ),
            ("/opt/node-24/bin/node24 -r x /usr/bin/openclaw gateway", "entry gateway"),
            ("node /opt/other/dist/index.js gateway", "end"),
            ("node -e 'openclaw gateway'", "end"),
            ("npx -y openclaw@latest gateway run", "entry gateway run"),
            ("npx -p openclaw -c 'openclaw gateway'", "script openclaw gateway"),
            ("npx @openclaw/gateway-client gateway", "end"),
            ("npm exec -- openclaw gateway", "entry gateway"),
            ("npm run gateway", "end"),
            ("pnpm dlx openclaw gateway", "entry gateway"),
            ("pnpm openclaw gateway", "entry gateway"),
            ("bunx openclaw gateway", "entry gateway"),
            ("bun x openclaw gateway", "entry gateway"),
            ("node /usr/lib/node_modules/npm/bin/npx-cli.js openclaw gateway", "entry gateway"),
            ("sh -c 'exec openclaw gateway'", "script exec openclaw gateway"),
            ("bash -lc 'openclaw gateway'", "script openclaw gateway"),
            ("bash /srv/start.sh", "script exec openclaw gateway"),
            ("bash /srv/none.sh", "end"),
            ("/bin/sh /s/ai.openclaw.work-env-wrapper.sh /srv/x.env node x", "1 node x"),
            ("openclaw gateway", "none"),
        ] {
            assert_eq!(next(text), expected, "{text}");
        }
    }
}
