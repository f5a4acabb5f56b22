//! Our units and property lists, read back by the readers of everybody's.

use std::time::Duration;

use super::super::form::{Account, USUAL_START, USUAL_STOP};
use super::super::systemd::{Reader, Unit};
use super::super::verdict::{Command, Role, judge};
use super::super::{mark, property_list};
use super::*;
use crate::service::Agent;

fn form(subject: Subject) -> Form {
    Form {
        subject,
        program: "/usr/bin/openclaw".into(),
        account: None,
        home: Some("/home/ana".into()),
        variables: Vec::new(),
        drain: USUAL_STOP,
        start: USUAL_START,
        log: "/home/ana/Library/Logs/openclaw/supervisor.log".into(),
    }
}

fn account(name: &str, home: &str) -> Option<Account> {
    Some(Account { name: name.into(), home: home.into() })
}

fn read(text: &str) -> Unit {
    Unit::read("a@work.service", &[text], false, Reader { home: Some("/home/ana"), user: Some("ana") })
}

#[test]
fn what_is_written_is_read_back_as_what_was_meant() {
    let odd = "/opt/open claw/100%/$x/\"q\"/openclaw";
    for (subject, role) in [
        (Subject::Supervisor, Role::Supervisor),
        (Subject::Gateway("work".parse().unwrap()), Role::Gateway),
        (Subject::Template, Role::Gateway),
    ] {
        let form = Form { program: odd.into(), account: account("ana", "/home/a na"), ..form(subject) };
        let unit = read(&installed(&form));
        let line = unit.command_lines().pop().unwrap();
        assert_eq!(line[0], odd);
        let verdict = judge(&Command {
            argv: &line,
            environment: Some(&unit.environment),
            directory: None,
            home: None,
            read: &|_| None,
        });
        assert_eq!(verdict.role, role);
        if role == Role::Gateway {
            assert_eq!(verdict.profile.unwrap().as_str(), "work");
            assert_eq!(verdict.state_dir.unwrap().to_str(), Some("/home/a na/.openclaw-work"));
        }
        assert_eq!((unit.user.as_deref(), unit.restart.as_deref()), (Some("ana"), Some("always")));
        assert_eq!(unit.restart_prevent, ["78", "0"]);
        assert_eq!(unit.environment.get("HOME"), Some("/home/a na"));
        assert!(unit.timeout_stop.unwrap() > Duration::from_secs(330));
    }
}

#[test]
fn variables_come_through_whatever_they_hold() {
    let odd = "/x/100% \"of\" $HOME\\n";
    let variables = vec![("OPENCLAW_HOME".to_owned(), odd.to_owned())];
    let form = Form { variables, ..form(Subject::Supervisor) };
    assert_eq!(read(&service(&form)).environment.get("OPENCLAW_HOME"), Some(odd));
    let agent = Agent::read(property_list::installed(&form).unwrap().as_bytes()).unwrap();
    assert_eq!(agent.environment.get("OPENCLAW_HOME"), Some(odd));
}

#[test]
fn a_users_unit_uses_no_directive_that_needs_rights_and_each_group_has_a_reason() {
    let text = service(&form(Subject::Supervisor));
    for directive in ["ProtectSystem", "CapabilityBoundingSet", "User=", "ProtectKernelModules"] {
        let given = text.lines().any(|line| line.starts_with(directive));
        assert!(!given, "{directive}: {text}");
    }
    for line in ["Type=notify", "KillMode=mixed", "Delegate=yes", "RestartPreventExitStatus=78 0"] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
    assert!(text.contains("Environment=PATH=/usr/local/bin:/usr/bin"), "{text}");
    let system = service(&Form { account: account("ana", "/home/ana"), ..form(Subject::Supervisor) });
    assert!(system.contains("CapabilityBoundingSet=\n") && system.contains("WantedBy=multi-user.target"));
    let root = service(&Form { account: account("root", "/root"), ..form(Subject::Supervisor) });
    assert!(!root.contains("CapabilityBoundingSet"), "what keeps its rights says nothing of them");
}

#[test]
fn a_property_list_is_read_back_and_marked() {
    let subject = Subject::Gateway("work".parse().unwrap());
    let text = property_list::installed(&form(subject.clone())).unwrap();
    assert_eq!(mark::whose(&text), mark::Whose::Ours, "{text}");
    let agent = Agent::read(text.as_bytes()).unwrap();
    assert_eq!(agent.label, "ai.openclaw.work");
    assert_eq!(agent.program, ["/usr/bin/openclaw", "--profile", "work", "gateway", "run"]);
    assert!(agent.keep_alive && agent.run_at_load && !agent.disabled && agent.user.is_none());
    let exit = |subject| {
        let text = property_list::text(&form(subject)).unwrap();
        Agent::read(text.as_bytes())
            .unwrap()
            .environment
            .get("OPENCLAW_SUPERVISOR_EXIT_TIMEOUT")
            .map(str::to_owned)
    };
    assert_eq!((exit(subject.clone()), exit(Subject::Supervisor)), (None, Some("366s".into())));
    let daemon = Form { account: account("ana", "/Users/ana"), ..form(subject) };
    let agent = Agent::read(property_list::text(&daemon).unwrap().as_bytes()).unwrap();
    assert_eq!((agent.user.as_deref(), agent.environment.get("HOME")), (Some("ana"), Some("/Users/ana")));
}
