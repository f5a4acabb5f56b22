//! What a running process is, from what the kernel shows of it. A gateway of the real program overwrites its command
//! line with a title (OPENCLAW.md 2.6); then title, executable and variables are all there is.

use super::cgroup::{self, Manager, ManagerKind};
use crate::service::verdict::{Command, Role, Verdict, is_gateway_title, judge, runs_gateways};

/// What the kernel shows of a process.
#[derive(Clone, Copy)]
pub struct Process<'a> {
    /// Its command line as read, its environment as far as it can be read, its working directory and home.
    pub command: Command<'a>,
    /// Its name of at most 15 characters.
    pub comm: Option<&'a str>,
    /// Its executable, where it can be read.
    pub exe: Option<&'a str>,
    /// The text of its cgroup file, where there is one.
    pub cgroup: Option<&'a str>,
    /// Its launchd label, where there is one.
    pub label: Option<&'a str>,
}

/// A process judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is. A wrapper that only waits for a gateway is [`Role::Other`]: the gateway is a process of its own.
    pub verdict: Verdict,
    /// Who looks after it.
    pub manager: Manager,
}

/// The verdict on a running process.
pub fn judge_process(process: &Process<'_>) -> Found {
    let manager = match (process.label, process.cgroup) {
        (Some(label), _) => Manager::new(ManagerKind::Launchd, label),
        (None, Some(text)) => cgroup::manager(text),
        (None, None) => Manager::default(),
    };
    Found { verdict: verdict(process), manager }
}

fn verdict(process: &Process<'_>) -> Verdict {
    // A title leaves the rest of the command line's memory empty.
    let argv: Vec<String> = match process.command.argv.iter().rposition(|word| !word.is_empty()) {
        Some(last) => process.command.argv[..=last].to_vec(),
        None => {
            process.comm.filter(|comm| is_gateway_title(comm)).map(ToOwned::to_owned).into_iter().collect()
        }
    };
    let titled = matches!(&argv[..], [title] if is_gateway_title(title));
    // Anybody may call a process so; only what can run a gateway is one.
    if titled && process.exe.is_some_and(|exe| !runs_gateways(exe)) {
        return Verdict::other();
    }
    let mut verdict = judge(&Command { argv: &argv, ..process.command });
    if !verdict.direct {
        return Verdict::other();
    }
    if titled && verdict.role == Role::Gateway {
        verdict.why.insert(0, "its command line is overwritten with a gateway's title".into());
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(argv: &[&str], comm: &str, exe: Option<&str>) -> Role {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let command =
            Command { argv: &argv, environment: None, directory: None, home: None, read: &|_| None };
        let process = Process { command, comm: Some(comm), exe, cgroup: None, label: None };
        judge_process(&process).verdict.role
    }

    #[test]
    fn a_title_counts_with_an_executable_that_can_be_a_gateway() {
        let title = ["openclaw-gateway", "", "", ""];
        for (argv, comm, exe, expected) in [
            (&title[..], "openclaw-gatewa", Some("/usr/bin/node"), Role::Gateway),
            (&title[..], "openclaw-gatewa", Some("/opt/node-24/bin/node24 (deleted)"), Role::Gateway),
            (&title[..], "openclaw-gatewa", None, Role::Gateway),
            (&title[..], "openclaw-gatewa", Some("/usr/bin/sleep"), Role::Other),
            (&[], "openclaw-gatewa", Some("/usr/bin/node"), Role::Gateway),
            (&[], "openclaw-gatewa", Some("/usr/bin/bash"), Role::Other),
            (&["openclaw"], "openclaw", Some("/usr/bin/node"), Role::Other),
            (&["tail", "-f", "openclaw-gateway"], "tail", None, Role::Other),
            (&["bash", "/usr/local/bin/openclaw-gateway"], "openclaw-gatewa", None, Role::Other),
        ] {
            assert_eq!(role(argv, comm, exe), expected, "{argv:?} {exe:?}");
        }
    }

    #[test]
    fn a_wrapper_that_waits_is_not_the_gateway_and_one_that_became_it_is() {
        for (argv, expected) in [
            (&["openclaw", "gateway", "run", "--profile", "work"][..], Role::Gateway),
            (&["node", "/usr/bin/openclaw", "gateway"][..], Role::Gateway),
            (&["sudo", "openclaw", "gateway"][..], Role::Other),
            (&["sh", "-c", "openclaw gateway"][..], Role::Other),
            (&["tmux", "new-session", "-d", "openclaw", "gateway"][..], Role::Other),
            (&["docker", "run", "openclaw"][..], Role::Other),
            (&["openclaw", "supervisor", "run"][..], Role::Supervisor),
        ] {
            assert_eq!(role(argv, "x", None), expected, "{argv:?}");
        }
    }
}
