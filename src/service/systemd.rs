//! A systemd service with its drop-ins, read as systemd reads it: later assignments win, an empty one resets.
//! Only `[Service]` decides what runs; `ExecStartPre=` and its siblings are not the service.

use std::collections::BTreeMap;
use std::time::Duration;

use super::quoting::{Names, specifiers, split, variables};
use super::shell::assignment;
use crate::profile::Environment;

/// What a file in a unit folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A service that can be started by its name.
    Service,
    /// A template `NAME@.service`: only its instances run.
    Template,
    /// Nothing that systemd would load as a service, for example a backup.
    Foreign,
}

impl FileKind {
    /// What a file of this name is.
    pub fn of(name: &str) -> FileKind {
        match name.strip_suffix(".service") {
            None | Some("") => FileKind::Foreign,
            Some(stem) if stem.ends_with('@') => FileKind::Template,
            Some(_) => FileKind::Service,
        }
    }
}

/// Which file a unit's text is in: an instance without one of its own has the template's.
pub fn template_of(unit: &str) -> Option<String> {
    let (prefix, instance) = unit.strip_suffix(".service")?.split_once('@')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.service"))
}

/// For whom a unit is read; decides its specifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reader<'a> {
    /// The home of the user whose manager runs the unit; `/root` for the system's.
    pub home: Option<&'a str>,
    /// That user's name.
    pub user: Option<&'a str>,
}

/// What a service runs, and how it is looked after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// The unit's full name.
    pub name: String,
    /// Whether it is masked, so that nothing can start it.
    pub masked: bool,
    /// `Environment=`, with specifiers replaced.
    pub environment: Environment,
    /// `EnvironmentFile=` in order; whoever can read files hands their texts to [`Unit::environment_file`].
    pub environment_files: Vec<String>,
    /// `User=`.
    pub user: Option<String>,
    /// `WorkingDirectory=`.
    pub directory: Option<String>,
    /// `Restart=`.
    pub restart: Option<String>,
    /// `RestartPreventExitStatus=`: codes and signal names.
    pub restart_prevent: Vec<String>,
    /// `TimeoutStopSec=`; [`Duration::MAX`] for `infinity`.
    pub timeout_stop: Option<Duration>,
    starts: Vec<Start>,
}

/// One `ExecStart=` command before its variables are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Start {
    words: Vec<String>,
    literal: bool,
}

impl Unit {
    /// Reads the unit `name` from its file and its drop-ins, in the order in which they apply. An empty file means
    /// that the unit is masked; that a file is a link to `/dev/null` only the caller can see, and says by `masked`.
    pub fn read(name: &str, texts: &[&str], masked: bool, reader: Reader<'_>) -> Unit {
        let names = Names { unit: name, home: reader.home, user: reader.user };
        let masked = masked || texts.first().is_none_or(|text| text.trim().is_empty());
        let mut unit = Unit { name: name.into(), masked, ..Unit::default() };
        let mut environment = BTreeMap::new();
        for text in texts {
            for (key, value) in assignments(text) {
                unit.take(&key, &value, names, &mut environment);
            }
        }
        unit.environment = Environment::from_pairs(environment);
        unit
    }

    /// Adds the text of an environment file; its variables override those of `Environment=`.
    pub fn environment_file(&mut self, text: &str) {
        let own = self.environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let pairs: Vec<(String, String)> = own.chain(environment_file(text)).collect();
        self.environment = Environment::from_pairs(pairs);
    }

    /// The command lines that a start runs, with variables replaced; more than one only for a one-shot service.
    pub fn command_lines(&self) -> Vec<Vec<String>> {
        let known =
            self.environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let expand = |start: &Start| {
            if start.literal { start.words.clone() } else { variables(&start.words, &known) }
        };
        self.starts.iter().map(expand).collect()
    }

    fn take(&mut self, key: &str, value: &str, names: Names<'_>, environment: &mut BTreeMap<String, String>) {
        let plain = || Some(specifiers(value, names)).filter(|text| !text.is_empty());
        match key {
            "ExecStart" if value.is_empty() => self.starts.clear(),
            "ExecStart" => self.starts.extend(starts(value, names)),
            "Environment" if value.is_empty() => environment.clear(),
            "Environment" => {
                environment
                    .extend(split(value).iter().filter_map(|word| assignment(&specifiers(word, names))));
            }
            "UnsetEnvironment" => split(value).iter().for_each(|name| {
                environment.remove(name);
            }),
            "EnvironmentFile" if value.is_empty() => self.environment_files.clear(),
            "EnvironmentFile" => {
                self.environment_files.push(specifiers(value.trim_start_matches('-'), names));
            }
            "User" => self.user = plain(),
            "WorkingDirectory" => {
                self.directory = plain().map(|text| text.trim_start_matches('-').to_owned());
            }
            "Restart" => self.restart = plain(),
            "RestartPreventExitStatus" if value.is_empty() => self.restart_prevent.clear(),
            "RestartPreventExitStatus" => {
                self.restart_prevent.extend(value.split_whitespace().map(Into::into));
            }
            "TimeoutStopSec" | "TimeoutSec" => self.timeout_stop = span(value),
            _ => {}
        }
    }
}

/// Key and value of each assignment in `[Service]`. A backslash at a line's end joins it with the next; a comment
/// between the two is no part of either.
fn assignments(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut service = false;
    let mut open = String::new();
    for line in text.lines().chain([""]) {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part);
            open.push(' ');
            continue;
        }
        open.push_str(line);
        let whole = std::mem::take(&mut open);
        if let Some(section) = whole.trim().strip_prefix('[') {
            service = section.trim_end_matches(']') == "Service";
        } else if service && let Some((key, value)) = whole.split_once('=') {
            found.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

/// The commands of one `ExecStart=`: a `;` of its own separates them, `\;` is the sign itself.
fn starts(value: &str, names: Names<'_>) -> Vec<Start> {
    let words = split(value);
    let commands = words.split(|word| word == ";").filter(|words| !words.is_empty());
    commands.filter_map(|words| start(words, names)).collect()
}

fn start(words: &[String], names: Names<'_>) -> Option<Start> {
    let (first, rest) = words.split_first()?;
    let program = first.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let prefixes = &first[..first.len() - program.len()];
    // Behind `@` the second word is what the program is told as its own name, not an argument.
    let rest = if prefixes.contains('@') { rest.get(1..).unwrap_or_default() } else { rest };
    let words = std::iter::once(program).chain(rest.iter().map(String::as_str));
    let words = words.map(|word| specifiers(if word == "\\;" { ";" } else { word }, names));
    Some(Start { words: words.collect(), literal: prefixes.contains(':') })
}

/// The variables of an environment file, as systemd reads it: no `export`, comments by `#` or `;`.
pub fn environment_file(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let pairs = lines.filter_map(|line| assignment(line.strip_prefix("export ").unwrap_or(line)));
    pairs.map(|(name, value)| (name, split(&value).join(" "))).collect()
}

fn span(text: &str) -> Option<Duration> {
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) if text == "infinity" => Some(Duration::MAX),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: Reader<'_> = Reader { home: Some("/home/ana"), user: Some("ana") };

    fn read(texts: &[&str]) -> Unit {
        Unit::read("gw@work.service", texts, false, ANA)
    }

    #[test]
    fn drop_ins_apply_in_order_and_an_empty_assignment_resets() {
        let unit = read(&[
            "[Service]\nExecStartPre=/bin/a\nExecStart=/bin/b\nEnvironment=A=1 B=2\nUser=bo\nRestart=always\n",
            "[Service]\nExecStart=\nExecStart=-/bin/c \\\n# no part of it\n  --x ${A}\nEnvironment=A=3\nUser=\n",
        ]);
        assert_eq!(unit.command_lines(), [["/bin/c", "--x", "3"]]);
        assert_eq!((unit.user, unit.restart.as_deref()), (None, Some("always")));
    }

    #[test]
    fn prefixes_templates_and_literals_are_read() {
        let unit =
            read(&["[Service]\nEnvironment=\"P=a b\"\nExecStart=@/bin/x zero %i $P ; :/bin/y $P \\;\n"]);
        assert_eq!(unit.command_lines(), [vec!["/bin/x", "work", "a", "b"], vec!["/bin/y", "$P", ";"]]);
        let unit = read(&["[Service]\nExecStart=+!!|%h/bin/x\n"]);
        assert_eq!(unit.command_lines(), [["/home/ana/bin/x"]]);
    }

    #[test]
    fn other_sections_and_comments_run_nothing() {
        let unit = read(&[
            "[Unit]\nExecStart=/bin/a\n[Service]\n#ExecStart=/bin/b\n; ExecStart=/bin/c\n[X]\nExecStart=d",
        ]);
        assert_eq!(unit.command_lines(), Vec::<Vec<String>>::new());
    }

    #[test]
    fn the_rest_of_the_contract_is_kept() {
        let mut unit = read(&[
            "[Service]\nEnvironment=A=1\nEnvironmentFile=-%h/env\nRestartPreventExitStatus=78 SIGTERM\n\
            TimeoutStopSec=5min 30s\nWorkingDirectory=-/srv\n",
        ]);
        unit.environment_file("# c\nA=2\nB=\"x y\"\n");
        assert_eq!(unit.environment_files, ["/home/ana/env"]);
        assert_eq!((unit.environment.get("A"), unit.environment.get("B")), (Some("2"), Some("x y")));
        assert_eq!(unit.restart_prevent, ["78", "SIGTERM"]);
        assert_eq!(unit.timeout_stop, Some(Duration::from_secs(330)));
        assert_eq!(unit.directory.as_deref(), Some("/srv"));
    }

    #[test]
    fn an_empty_file_is_a_mask_and_names_tell_templates_from_backups() {
        assert!(read(&["\n"]).masked && read(&[]).masked && !read(&["[Service]"]).masked);
        assert_eq!(FileKind::of("a.service"), FileKind::Service);
        assert_eq!(FileKind::of("a@.service"), FileKind::Template);
        assert_eq!(FileKind::of("a.service.bak"), FileKind::Foreign);
        assert_eq!(template_of("a@b.service").as_deref(), Some("a@.service"));
    }
}
