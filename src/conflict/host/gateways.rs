//! Gateways against each other and against the profiles that are known. Of two that clash, the less rightful one is
//! named; the other is never what a remedy is aimed at.

use super::HostReport;
use super::facts::{FoundGateway, HostFacts, KnownProfile, may_be_same};
use super::words;
use crate::conflict::cgroup::ManagerKind;
use crate::conflict::verdict::{Code, Conflict, Severity};

/// Which gateways a finding is about already, by their place.
pub struct Flagged(Vec<bool>);

impl Flagged {
    /// Whether the gateway at this place is named in a finding.
    pub fn has(&self, place: usize) -> bool {
        self.0.get(place).copied().unwrap_or(false)
    }

    /// Notes that it is.
    pub fn set(&mut self, place: usize) {
        if let Some(flag) = self.0.get_mut(place) {
            *flag = true;
        }
    }
}

/// Adds the findings on gateways; `facts` are ordered, the most rightful gateway first.
pub fn findings(facts: &HostFacts, report: &mut HostReport) -> Flagged {
    let mut flagged = Flagged(vec![false; facts.gateways.len()]);
    for (place, gateway) in facts.gateways.iter().enumerate() {
        let before = &facts.gateways[..place];
        let clash = before.iter().find_map(|other| Some((other, clash(other, gateway, facts)?)));
        let finding = match clash {
            Some((owner, (code, what))) => Some(of_two(owner, gateway, code, &what, facts)),
            None => facts.profiles.iter().find_map(|profile| against(profile, gateway, facts)),
        };
        match finding {
            Some(conflict) => {
                report.conflicts.push(conflict);
                flagged.set(place);
            }
            None => {
                report.explain.push(format!("{} shares nothing with another one", words::gateway(gateway)))
            }
        }
    }
    flagged
}

/// What two gateways share, the gravest first.
fn clash(a: &FoundGateway, b: &FoundGateway, facts: &HostFacts) -> Option<(Code, String)> {
    if let (Some(dir), true) = (&a.state_dir, a.state_dir == b.state_dir) {
        return Some((Code::StateDirShared, format!("both have the state directory {}", dir.display())));
    }
    if a.identity.is_some() && a.identity == b.identity {
        return Some((
            Code::DuplicateIdentity,
            "both have one identity, so one is a copy of the other".into(),
        ));
    }
    if a.apart || b.apart {
        return None;
    }
    if let (Some(port), true) = (a.port, a.port == b.port) {
        return Some((Code::PortInUse, format!("both listen on port {port}")));
    }
    let dirs = may_be_same(a.state_dir.as_ref(), b.state_dir.as_ref());
    let users = may_be_same(a.user.as_ref(), b.user.as_ref());
    if let (Some(name), true) = (&a.profile, a.profile == b.profile && users && dirs) {
        return Some((Code::StateDirShared, format!("both run the profile `{name}`")));
    }
    if let (Some(first), Some(second)) = (a.block(), b.block())
        && first.overlaps(second)
    {
        return Some((Code::PortBlockOverlap, format!("their ports {first} and {second} overlap")));
    }
    let primaries = a.is_primary(&facts.profiles) && b.is_primary(&facts.profiles);
    primaries.then(|| (Code::HostHasPrimary, "a host has one primary gateway, and both are one".into()))
}

fn of_two(owner: &FoundGateway, other: &FoundGateway, code: Code, what: &str, facts: &HostFacts) -> Conflict {
    Conflict {
        code,
        severity: Severity::Error,
        profile: owner.profile.clone(),
        port: other.port,
        holder: Some(other.holder()),
        message: format!("{} is in the way of {}: {what}", words::gateway(other), words::gateway(owner)),
        remedy: words::end(other, Some(owner), facts.user.as_deref()),
        explain: vec![
            words::rightful(owner),
            format!("{} runs beside it", words::gateway(other)),
            what.to_owned(),
        ],
    }
}

/// A gateway against a profile of which it may or may not be the own one.
fn against(profile: &KnownProfile, gateway: &FoundGateway, facts: &HostFacts) -> Option<Conflict> {
    if gateway.ours {
        return None;
    }
    let same_dir = gateway.state_dir.as_ref() == Some(&profile.state_dir);
    let same_port = !gateway.apart && gateway.port == Some(profile.port);
    let overlaps = gateway.block().is_some_and(|block| block.overlaps(profile.block));
    let foreign = !may_be_same(facts.user.as_ref(), gateway.user.as_ref());
    let own = !foreign
        && match &gateway.profile {
            Some(name) => *name == profile.name,
            None => same_dir || same_port,
        };
    let has = if same_dir { "the state directory" } else { "the port" };
    let (code, severity, what) = if foreign && (same_dir || same_port) {
        let severity = if profile.managed { Severity::Error } else { Severity::Warning };
        (Code::ForeignOwner, severity, format!("it belongs to another user and has {has}"))
    } else if !profile.managed {
        return None;
    } else if own {
        // Who cannot be seen to be nobody's may well be a service's.
        let nobodys = matches!(gateway.manager.kind, ManagerKind::None | ManagerKind::Container);
        if !nobodys {
            return None;
        }
        (Code::UnmanagedGateway, Severity::Warning, "it was started beside the supervisor".into())
    } else if same_dir {
        (Code::StateDirShared, Severity::Error, "it has the state directory".into())
    } else if same_port {
        (Code::PortInUse, Severity::Error, "it listens on the port".into())
    } else if overlaps {
        (Code::PortBlockOverlap, Severity::Error, "its ports cross those".into())
    } else {
        return None;
    };
    Some(Conflict {
        code,
        severity,
        profile: Some(profile.name.clone()),
        port: gateway.port,
        holder: Some(gateway.holder()),
        message: format!(
            "{} is in the way of the profile `{}`: {what}",
            words::gateway(gateway),
            profile.name
        ),
        remedy: against_remedy(profile, gateway, code, facts),
        explain: vec![
            format!(
                "the profile `{}` has the ports {} and the state directory {}",
                profile.name,
                profile.block,
                profile.state_dir.display()
            ),
            format!("{}: {what}", words::gateway(gateway)),
        ],
    })
}

/// A gateway that only one side knows of may be somebody's healthy one, so the profile is what moves.
fn against_remedy(profile: &KnownProfile, gateway: &FoundGateway, code: Code, facts: &HostFacts) -> String {
    let name = &profile.name;
    match code {
        Code::UnmanagedGateway => format!(
            "end it where it was started, then let the supervisor run it: openclaw profile start {name}"
        ),
        Code::StateDirShared => format!("give `{name}` a state_dir of its own under [paths] in its manifest"),
        Code::ForeignOwner if !profile.managed => {
            let user = gateway.user.as_deref().unwrap_or("its user");
            let me = facts.user.as_deref().unwrap_or("you");
            format!(
                "agree with {user} who has the port; an isolated gateway of {me}: openclaw profile start work"
            )
        }
        _ => format!("give `{name}` another port under [gateway] in its manifest"),
    }
}
