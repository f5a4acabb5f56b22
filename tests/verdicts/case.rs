//! One file of the corpus. A line `#@ key value` (`<!--@ … -->` in a property list) says what surrounds it, `#= key
//! value` what is expected; an empty file has both in `NAME.expect` beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use openclaw_supervisor::conflict::host::{FoundGateway, FoundUnit, HostFacts, KnownProfile, Scope, survey};
use openclaw_supervisor::conflict::process::{Found, Process, judge_process};
use openclaw_supervisor::conflict::{Conflict, Manager, ManagerKind};
use openclaw_supervisor::profile::Environment;
use openclaw_supervisor::service::systemd::{FileKind, Reader};
use openclaw_supervisor::service::{Agent, Command, Role, Unit, Verdict, judge, launchd};

pub const HOME: &str = "/home/ana";
/// The process and the unit of the healthy gateway that no remedy may meet.
pub const HEALTHY_PID: u32 = 1000;
pub const HEALTHY_UNIT: &str = "openclaw-gateway.service";

pub struct Case {
    pub file: PathBuf,
    pub text: String,
    pub around: BTreeMap<String, String>,
    pub expected: Vec<(String, String)>,
}

/// What was made of a case: facts by the words of the expectations, and the conflicts on the host.
pub struct Outcome {
    pub facts: Vec<(String, String)>,
    pub conflicts: Vec<Conflict>,
}

impl Case {
    pub fn read(file: &Path) -> Case {
        let text = fs::read_to_string(file).unwrap();
        let beside = fs::read_to_string(format!("{}.expect", file.display())).unwrap_or_default();
        let marked = |mark: char| -> Vec<(String, String)> {
            let marks = [format!("#{mark} "), format!("<!--{mark} ")];
            let lines = beside.lines().chain(text.lines());
            let lines =
                lines.filter_map(|line| marks.iter().find_map(|mark| line.strip_prefix(mark.as_str())));
            let pairs = lines.map(|line| line.trim_end_matches("-->").trim());
            pairs
                .map(|line| line.split_once(' ').unwrap_or((line, "")))
                .map(|(a, b)| (a.into(), b.into()))
                .collect()
        };
        Case { file: file.into(), around: marked('@').into_iter().collect(), expected: marked('='), text }
    }

    fn name(&self) -> &str {
        self.file.file_name().unwrap().to_str().unwrap()
    }

    pub fn judge(&self) -> Outcome {
        match self.file.extension().and_then(|extension| extension.to_str()) {
            Some("ps") => self.processes(),
            Some("service") => self.unit(),
            Some("plist") => self.agent(),
            _ => {
                assert_eq!(FileKind::of(self.name()), FileKind::Foreign);
                assert!(!launchd::is_agent_file(self.name()));
                Outcome { facts: vec![("file".into(), "foreign".into())], conflicts: Vec::new() }
            }
        }
    }

    fn unit(&self) -> Outcome {
        if FileKind::of(self.name()) == FileKind::Template {
            return Outcome { facts: vec![("file".into(), "template".into())], conflicts: Vec::new() };
        }
        let drop_ins = files(&PathBuf::from(format!("{}.d", self.file.display())));
        let texts: Vec<String> = drop_ins.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let texts: Vec<&str> = std::iter::once(&self.text).chain(&texts).map(String::as_str).collect();
        let reader = Reader { home: Some(HOME), user: Some("ana") };
        let unit = Unit::read(self.name(), &texts, self.around.contains_key("masked"), reader);
        let lines = unit.command_lines();
        let line = lines.first().cloned().unwrap_or_default();
        let verdict = verdict(&line, &unit.environment, unit.directory.as_deref());
        let masked = unit.masked;
        let mut outcome = self.with_unit(verdict, masked, false, false, unit.user);
        outcome.facts.extend(masked.then(|| ("masked".into(), "yes".into())));
        outcome
    }

    fn agent(&self) -> Outcome {
        let agent = Agent::read(self.text.as_bytes()).unwrap();
        assert!(launchd::is_agent_file(self.name()) && agent.keep_alive && agent.run_at_load);
        let verdict = verdict(&agent.program, &agent.environment, agent.directory.as_deref());
        self.with_unit(verdict, false, agent.disabled, true, agent.user)
    }

    fn with_unit(
        &self,
        verdict: Verdict,
        masked: bool,
        disabled: bool,
        launchd: bool,
        user: Option<String>,
    ) -> Outcome {
        let system = self.around.get("scope").is_some_and(|scope| scope == "system");
        let mut facts = facts(&verdict);
        facts.extend(user.clone().map(|user| ("user".into(), user)));
        let unit = FoundUnit {
            name: self.name().into(),
            scope: if system { Scope::System } else { Scope::User },
            launchd,
            path: Path::new("/files").join(self.name()),
            user: self.around.get("user").cloned().or(user).or((!system).then(|| "ana".into())),
            enabled: !disabled && !self.around.contains_key("disabled"),
            masked,
            verdict,
        };
        let mut host = healthy();
        host.units.push(unit);
        Outcome { facts, conflicts: survey(&host).conflicts }
    }

    fn processes(&self) -> Outcome {
        let mut host = healthy();
        let mut facts = Vec::new();
        for block in self.text.split("\n\n").filter(|block| block.contains("pid ")) {
            let lines: Vec<(&str, &str)> = block.lines().filter_map(|line| line.split_once(' ')).collect();
            let value = |key: &str| lines.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
            let pid: u32 = value("pid").unwrap().parse().unwrap();
            let found = process(&lines);
            let profile = found.verdict.profile.as_ref().map_or("-", |name| name.as_str());
            let role = word(found.verdict.role);
            let whose =
                if found.verdict.role == Role::Gateway { format!(" {profile}") } else { String::new() };
            facts.push(("role".into(), format!("{pid} {role}{whose}")));
            let unit = found.manager.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
            facts.push(("manager".into(), format!("{pid} {}{unit}", word(found.manager.kind))));
            if found.verdict.role == Role::Gateway {
                host.gateways.push(FoundGateway {
                    profile: found.verdict.profile,
                    pid: Some(pid),
                    user: Some(value("user").unwrap_or("ana").into()),
                    program: value("comm").map(Into::into),
                    port: value("port").map(|port| port.parse().unwrap()),
                    state_dir: found.verdict.state_dir,
                    manager: found.manager,
                    identity: value("identity").map(Into::into),
                    ..FoundGateway::default()
                });
            }
        }
        Outcome { facts, conflicts: survey(&host).conflicts }
    }
}

/// The files of a folder in order; none when there is no such folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verdicts").join(name)
}

/// A script that a command names is one of the corpus, by its last part.
pub fn read_script(path: &str) -> Option<String> {
    fs::read_to_string(folder("scripts").join(Path::new(path).file_name()?)).ok()
}

fn verdict(argv: &[String], environment: &Environment, directory: Option<&str>) -> Verdict {
    let environment = Some(environment);
    judge(&Command { argv, environment, directory, home: Some(HOME), read: &read_script })
}

fn process(lines: &[(&str, &str)]) -> Found {
    let value = |key: &str| lines.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let pairs = lines.iter().filter(|(name, _)| *name == "env").filter_map(|(_, pair)| pair.split_once('='));
    let environment = Environment::from_pairs(pairs);
    let mut argv = words(value("argv").unwrap());
    // A title leaves its old room behind.
    argv.extend((argv.len() == 1).then(String::new));
    let read = value("env").is_some().then_some(&environment);
    let command = Command { argv: &argv, environment: read, directory: None, home: None, read: &|_| None };
    judge_process(&Process {
        command,
        comm: value("comm"),
        exe: value("exe"),
        cgroup: value("cgroup"),
        label: None,
    })
}

/// Words between blanks; single quotes hold them together.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(ToOwned::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

fn facts(verdict: &Verdict) -> Vec<(String, String)> {
    let mut facts = vec![("role".to_owned(), word(verdict.role))];
    facts.extend(verdict.profile.as_ref().map(|name| ("profile".into(), name.to_string())));
    facts.extend(verdict.port.map(|port| ("port".into(), port.to_string())));
    facts.extend(verdict.state_dir.as_ref().map(|dir| ("stateDir".into(), dir.display().to_string())));
    facts
}

/// A host with one gateway, run by its own service.
pub fn healthy() -> HostFacts {
    let name = "default".parse().ok();
    let state_dir = Some(PathBuf::from("/home/ana/.openclaw"));
    let verdict = Verdict {
        role: Role::Gateway,
        profile: name.clone(),
        port: Some(18789),
        state_dir: state_dir.clone(),
        ..Verdict::other()
    };
    HostFacts {
        gateways: vec![FoundGateway {
            profile: name,
            pid: Some(HEALTHY_PID),
            user: Some("ana".into()),
            program: Some("openclaw-gateway".into()),
            port: Some(18789),
            state_dir,
            manager: Manager::new(ManagerKind::SystemdUser, HEALTHY_UNIT),
            identity: Some("healthy".into()),
            ..FoundGateway::default()
        }],
        units: vec![FoundUnit {
            name: HEALTHY_UNIT.into(),
            scope: Scope::User,
            launchd: false,
            path: format!("/home/ana/.config/systemd/user/{HEALTHY_UNIT}").into(),
            user: Some("ana".into()),
            enabled: true,
            masked: false,
            verdict,
        }],
        profiles: vec![KnownProfile {
            name: "default".parse().unwrap(),
            isolation: openclaw_supervisor::base::record::Isolation::Primary,
            port: 18789,
            block: openclaw_supervisor::base::PortBlock::at(18789),
            state_dir: "/home/ana/.openclaw".into(),
            managed: false,
            record: None,
        }],
        user: Some("ana".into()),
        ..HostFacts::default()
    }
}
