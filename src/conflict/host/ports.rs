//! Listeners on a profile's port that are no gateways: a forward, a proxy, any other program. The gateway could not
//! start there, or something else answers in its place.

use super::HostReport;
use super::facts::{Blocker, HostFacts, KnownProfile};
use crate::base::record::{Holder, HolderKind};
use crate::conflict::verdict::{Code, Conflict, Severity};

/// Adds the findings on ports.
pub fn findings(facts: &HostFacts, report: &mut HostReport) {
    for blocker in &facts.in_the_way {
        let wanted = facts.profiles.iter().filter(|profile| profile.port == blocker.port);
        report.conflicts.extend(wanted.map(|profile| finding(profile, blocker)));
    }
}

fn finding(profile: &KnownProfile, Blocker { port, holder }: &Blocker) -> Conflict {
    let name = &profile.name;
    // A directory that was only found may never be started by us; its port may well be somebody else's by right.
    let severity = if profile.managed { Severity::Error } else { Severity::Warning };
    Conflict {
        code: Code::PortInUse,
        severity,
        profile: Some(name.clone()),
        port: Some(*port),
        holder: Some(holder.clone()),
        message: format!("{} listens on port {port} of the profile `{name}`", described(holder)),
        remedy: match profile.managed {
            true => format!(
                "end it where it was started, or give `{name}` another port under [gateway] in its manifest"
            ),
            false => format!(
                "end it where it was started, or give `{name}` another port: openclaw profile adopt {name} --help"
            ),
        },
        explain: vec![
            format!("`{name}` has the ports {}", profile.block),
            format!("the kernel names {} for the socket; {}", described(holder), reason(holder.kind)),
        ],
    }
}

/// The holder in words: what it is, then everything that is known of it.
fn described(holder: &Holder) -> String {
    let what = match holder.kind {
        HolderKind::SshTunnel => "an SSH forward of this port",
        HolderKind::Proxy => "a proxy",
        HolderKind::Container => "a container's forward",
        HolderKind::Gateway | HolderKind::EmbeddedGateway => "a gateway that does not answer",
        HolderKind::Other => "another program",
        HolderKind::Unknown => "an unknown program",
    };
    let mut known = Vec::new();
    known.extend(holder.program.clone());
    known.extend(holder.pid.map(|pid| format!("pid {pid}")));
    known.extend(holder.user.as_ref().map(|user| format!("user {user}")));
    known.extend(holder.unit.as_ref().map(|unit| format!("unit {unit}")));
    known.extend(holder.container.as_ref().map(|container| format!("container {container}")));
    if known.is_empty() { what.to_owned() } else { format!("{what} ({})", known.join(", ")) }
}

fn reason(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::SshTunnel => "its program is an SSH client or server, so what answers is elsewhere",
        HolderKind::Proxy | HolderKind::Container => {
            "its program passes connections on, so what answers is elsewhere"
        }
        HolderKind::Gateway | HolderKind::EmbeddedGateway => {
            "it has a gateway's name and gave no gateway's answer"
        }
        HolderKind::Other => "it gave no gateway's answer when it was asked",
        HolderKind::Unknown => "the kernel does not show its process to this user",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PortBlock;
    use crate::base::record::Isolation;
    use crate::conflict::host::survey;

    fn facts(managed: bool, kind: HolderKind) -> HostFacts {
        let holder = Holder {
            pid: Some(7),
            user: Some("ana".into()),
            program: Some("x".into()),
            kind,
            ..Holder::default()
        };
        let profile = KnownProfile {
            name: "work".parse().unwrap(),
            isolation: Isolation::Isolated,
            port: 20000,
            block: PortBlock::at(20000),
            state_dir: "/s".into(),
            managed,
            record: None,
        };
        HostFacts {
            profiles: vec![profile],
            in_the_way: vec![Blocker { port: 20000, holder }],
            ..HostFacts::default()
        }
    }

    #[test]
    fn whoever_listens_on_a_profiles_port_is_named_by_what_it_is() {
        let kinds = [
            (HolderKind::SshTunnel, "an SSH forward of this port (x, pid 7, user ana)"),
            (HolderKind::Proxy, "a proxy (x, pid 7, user ana)"),
            (HolderKind::Other, "another program (x, pid 7, user ana)"),
            (HolderKind::Unknown, "an unknown program (x, pid 7, user ana)"),
        ];
        for (kind, words) in kinds {
            let report = survey(&facts(true, kind));
            let [conflict] = &report.conflicts[..] else { panic!("{report:?}") };
            assert_eq!(
                (conflict.code, conflict.severity, report.ok),
                (Code::PortInUse, Severity::Error, false)
            );
            assert!(conflict.message.starts_with(words), "{}", conflict.message);
        }
    }

    #[test]
    fn a_directory_that_was_only_found_gets_a_warning() {
        assert_eq!(survey(&facts(false, HolderKind::Other)).conflicts[0].severity, Severity::Warning);
    }

    #[test]
    fn a_port_of_no_profile_is_nobodys_business() {
        let mut facts = facts(true, HolderKind::Other);
        facts.in_the_way[0].port = 30000;
        assert!(survey(&facts).conflicts.is_empty());
    }
}
