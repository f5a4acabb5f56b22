//! The primary rule (invariant I2): the host's one gateway starts only when no other gateway runs on the host, whoever
//! started it. An isolated profile passes; what it shares is proved elsewhere.

use std::path::PathBuf;

use super::facts::{FoundGateway, may_be_same};
use super::words;
use crate::base::ProfileName;
use crate::base::record::Isolation;
use crate::conflict::cgroup::ManagerKind;
use crate::conflict::verdict::{Code, Conflict, Severity};

/// A start that may ask for the host's one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryClaim {
    /// The profile that is to start.
    pub profile: ProfileName,
    /// Primary or isolated.
    pub isolation: Isolation,
    /// The user who starts it.
    pub user: Option<String>,
    /// Its port, where its commands look for its gateway.
    pub port: u16,
    /// Its real state directory.
    pub state_dir: PathBuf,
}

/// The refusal of a primary gateway while another gateway runs; `None` for an isolated profile, for a free host, and
/// when only our own run of the profile is there. A gateway in a container with a network of its own is not on the
/// host.
pub fn primary_refusal(claim: &PrimaryClaim, gateways: &[FoundGateway]) -> Option<Conflict> {
    if claim.isolation == Isolation::Isolated && !claim.profile.is_default() {
        return None;
    }
    let same = |gateway: &FoundGateway| {
        gateway.profile.as_ref() == Some(&claim.profile)
            && may_be_same(gateway.user.as_ref(), claim.user.as_ref())
    };
    // One user may have two homes and a profile of one name in each; a command that meets another gateway than the
    // one in the way is no remedy.
    let reached = |gateway: &FoundGateway| {
        same(gateway)
            && gateway.state_dir.as_ref() == Some(&claim.state_dir)
            && gateway.port == Some(claim.port)
    };
    let mut others: Vec<&FoundGateway> =
        gateways.iter().filter(|gateway| !(gateway.apart || (gateway.ours && same(gateway)))).collect();
    // The one of the claimed profile explains most; beyond that the order is only to be the same each time.
    others.sort_by_key(|gateway| (!same(gateway), (*gateway).clone()));
    let holder = *others.first()?;
    let name = &claim.profile;
    let nobodys = matches!(holder.manager.kind, ManagerKind::None | ManagerKind::Unknown) && !holder.ours;
    let unmanaged = same(holder) && nobodys;
    let code = if unmanaged { Code::UnmanagedGateway } else { Code::HostHasPrimary };
    let more = match others.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let remedy = if reached(holder) {
        format!("use the one that runs: openclaw --profile {name} health")
    } else if name.is_default() {
        "start a gateway of its own beside it, isolated: openclaw profile start work".into()
    } else {
        format!(
            "set isolation = \"isolated\" in the manifest of `{name}`, then: openclaw profile start {name}"
        )
    };
    let elsewhere = match &holder.state_dir {
        Some(dir) if same(holder) && *dir != claim.state_dir => format!(" on {}", dir.display()),
        _ => String::new(),
    };
    Some(Conflict {
        code,
        severity: Severity::Error,
        profile: Some(name.clone()),
        port: holder.port,
        holder: Some(holder.holder()),
        message: format!(
            "`{name}` is to be the one gateway of this host, and {}{elsewhere} runs already{more}",
            words::gateway(holder)
        ),
        remedy,
        explain: others
            .iter()
            .map(|gateway| format!("{} has the network of this host", words::gateway(gateway)))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conflict::cgroup::Manager;

    fn claim(name: &str, isolation: Isolation) -> PrimaryClaim {
        PrimaryClaim {
            profile: name.parse().unwrap(),
            isolation,
            user: Some("ana".into()),
            port: 18789,
            state_dir: "/home/ana/.openclaw".into(),
        }
    }

    fn gateway(name: &str, pid: u32, user: &str, manager: Manager) -> FoundGateway {
        FoundGateway {
            profile: name.parse().ok(),
            pid: Some(pid),
            user: Some(user.into()),
            port: Some(18789),
            manager,
            ..FoundGateway::default()
        }
    }

    #[test]
    fn a_primary_is_refused_beside_any_gateway_and_an_isolated_one_passes() {
        let service = Manager::new(ManagerKind::SystemdUser, "openclaw-gateway.service");
        let container = Manager::new(ManagerKind::Container, "docker-3f2a.scope");
        for (found, code) in [
            (gateway("default", 1, "ana", service.clone()), Code::HostHasPrimary),
            (gateway("default", 1, "ana", Manager::none()), Code::UnmanagedGateway),
            (gateway("default", 1, "bo", Manager::none()), Code::HostHasPrimary),
            (gateway("work", 1, "ana", Manager::none()), Code::HostHasPrimary),
            (gateway("default", 1, "ana", container), Code::HostHasPrimary),
            (FoundGateway { ours: true, ..gateway("work", 1, "ana", service.clone()) }, Code::HostHasPrimary),
        ] {
            let all = [found];
            for (name, isolation) in [("default", Isolation::Primary), ("default", Isolation::Isolated)] {
                let conflict = primary_refusal(&claim(name, isolation), &all).unwrap();
                assert_eq!(
                    (conflict.code, conflict.severity),
                    (code, Severity::Error),
                    "{}",
                    conflict.message
                );
                assert_eq!(conflict.holder.as_ref().unwrap().pid, Some(1));
                assert!(conflict.remedy.contains(": openclaw ") && !conflict.remedy.contains("stop"));
            }
            assert!(primary_refusal(&claim("main", Isolation::Primary), &all).is_some());
            assert_eq!(primary_refusal(&claim("work", Isolation::Isolated), &all), None);
        }
    }

    #[test]
    fn the_one_that_runs_is_to_be_used_only_where_the_own_commands_reach_it() {
        let told = |dir: &str, port: u16| {
            let found = FoundGateway {
                state_dir: Some(dir.into()),
                port: Some(port),
                ..gateway("default", 1, "ana", Manager::none())
            };
            primary_refusal(&claim("default", Isolation::Primary), &[found]).unwrap()
        };
        assert!(told("/home/ana/.openclaw", 18789).remedy.contains("openclaw --profile default health"));
        for (dir, port) in [("/home/bob/.openclaw", 18789), ("/home/ana/.openclaw", 19001)] {
            let conflict = told(dir, port);
            assert!(conflict.remedy.ends_with(": openclaw profile start work"), "{}", conflict.remedy);
        }
        assert!(told("/home/bob/.openclaw", 18789).message.contains(" on /home/bob/.openclaw "));
    }

    #[test]
    fn our_own_run_and_a_gateway_with_another_network_are_not_in_the_way() {
        let own = FoundGateway { ours: true, ..gateway("default", 1, "ana", Manager::none()) };
        let apart = FoundGateway { apart: true, ..gateway("work", 2, "ana", Manager::none()) };
        assert_eq!(primary_refusal(&claim("default", Isolation::Primary), &[own, apart]), None);
    }
}
