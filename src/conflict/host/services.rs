//! Services that would start a gateway, against each other, against what runs and against the profiles that are known.
//! A masked unit cannot start and one that is neither enabled nor running does not, so both are silent.

use super::HostReport;
use super::facts::{FoundGateway, FoundUnit, HostFacts, Scope, may_be_same};
use super::gateways::Flagged;
use super::words;
use crate::base::ProfileName;
use crate::base::record::{Holder, HolderKind};
use crate::conflict::cgroup::ManagerKind;
use crate::conflict::verdict::{Code, Conflict, Severity};
use crate::service::verdict::Role;

/// Adds the findings on services.
pub fn findings(facts: &HostFacts, flagged: &mut Flagged, report: &mut HostReport) {
    let mut units: Vec<&FoundUnit> = Vec::new();
    for unit in &facts.units {
        match silent(unit, facts) {
            Some(why) => report.explain.push(format!("{} {why}", words::unit(unit))),
            None => units.push(unit),
        }
    }
    units.sort_by_key(|unit| rank(unit, facts));
    for (place, unit) in units.iter().enumerate() {
        if let Some(conflict) = outdated(unit, facts) {
            report.conflicts.push(conflict);
            continue;
        }
        let twin = units[..place].iter().find_map(|other| Some((*other, same(other, unit)?)));
        let finding = match twin {
            Some((owner, what)) => {
                Some(second(unit, &words::unit(owner), owner.verdict.profile.clone(), &what, facts))
            }
            None => beside_gateway(unit, facts, flagged).or_else(|| wrong_port(unit, facts)),
        };
        match finding {
            Some(conflict) => report.conflicts.push(conflict),
            None => report
                .explain
                .push(format!("{} runs a gateway that no other service runs", words::unit(unit))),
        }
    }
}

/// A unit that has the name of a profile's service and starts the default profile: older versions left `--profile`
/// out, so that the services of several profiles all wanted one lock (INCIDENTS B3).
fn outdated(unit: &FoundUnit, facts: &HostFacts) -> Option<Conflict> {
    let (verdict, known) = (&unit.verdict, facts.profiles.iter().filter(|known| !known.name.is_default()));
    let starts_default = verdict.profile.as_ref().is_some_and(ProfileName::is_default) && !verdict.container;
    let mut named = known.filter(|known| is_named_for(unit, &known.name));
    let profile = named.next().filter(|_| starts_default)?;
    if !may_be_same(unit.user.as_ref(), facts.user.as_ref()) {
        return None;
    }
    let (name, path) = (&profile.name, unit.path.display());
    let mut explain = verdict.why.clone();
    explain.push(format!("its name is that of the service of `{name}`, and no word of it says `{name}`"));
    Some(Conflict {
        code: Code::ServicePortMismatch,
        severity: Severity::Error,
        profile: Some(name.clone()),
        port: verdict.likely_port(),
        holder: Some(holder(unit, facts)),
        message: format!(
            "{} is outdated: it is the service of `{name}` and starts the profile `default`",
            words::unit(unit)
        ),
        remedy: format!("write `--profile {name}` behind the program in the command line of {path}"),
        explain,
    })
}

/// Whether the unit has the name that OpenClaw gives to the service of `name`.
fn is_named_for(unit: &FoundUnit, name: &ProfileName) -> bool {
    let suffix = name.suffix();
    let label = suffix.strip_prefix('-').unwrap_or("gateway");
    unit.name == format!("openclaw-gateway{suffix}.service") || unit.name == format!("ai.openclaw.{label}")
}

/// Why a unit is nobody's concern.
fn silent(unit: &FoundUnit, facts: &HostFacts) -> Option<String> {
    let runs = || facts.gateways.iter().any(|gateway| unit.runs(gateway));
    match unit.verdict.role {
        _ if unit.masked => Some("is masked, so nothing starts it".into()),
        Role::Supervisor => Some("runs the supervisor".into()),
        Role::NodeHost => Some("runs a node host, which owns no gateway".into()),
        Role::Other => Some("runs no gateway".into()),
        Role::Gateway if !unit.enabled && !runs() => Some("is neither enabled nor running".into()),
        Role::Gateway => None,
    }
}

/// The more rightful one first: what runs, what is enabled, what has the name that OpenClaw gives it.
fn rank<'a>(
    unit: &'a FoundUnit,
    facts: &HostFacts,
) -> (bool, bool, bool, Scope, &'a str, &'a std::path::Path) {
    let default = ProfileName::default_profile();
    let named = is_named_for(unit, unit.verdict.profile.as_ref().unwrap_or(&default));
    let runs = facts.gateways.iter().any(|gateway| unit.runs(gateway));
    (!runs, !unit.enabled, !named, unit.scope, &unit.name, &unit.path)
}

/// What two services would both run.
fn same(a: &FoundUnit, b: &FoundUnit) -> Option<String> {
    let (first, second) = (&a.verdict, &b.verdict);
    if let (Some(dir), true) = (&first.state_dir, first.state_dir == second.state_dir) {
        return Some(format!("both run the gateway of {}", dir.display()));
    }
    if let (Some(port), true) = (first.likely_port(), first.likely_port() == second.likely_port()) {
        return Some(format!("both run a gateway on port {port}"));
    }
    let apart = !may_be_same(first.state_dir.as_ref(), second.state_dir.as_ref());
    let users = may_be_same(a.user.as_ref(), b.user.as_ref());
    let name = first.profile.as_ref().filter(|_| first.profile == second.profile && users && !apart)?;
    Some(format!("both run the profile `{name}`"))
}

/// An enabled service whose gateway runs already, but not by it.
fn beside_gateway(unit: &FoundUnit, facts: &HostFacts, flagged: &mut Flagged) -> Option<Conflict> {
    if facts.gateways.iter().any(|gateway| unit.runs(gateway)) {
        return None;
    }
    let mut running = facts.gateways.iter().enumerate();
    let (place, gateway) = running.find(|(_, gateway)| is_its(unit, gateway))?;
    if flagged.has(place) {
        return None;
    }
    let profile = gateway.profile.clone();
    let what = format!("{} runs already", words::gateway(gateway));
    match gateway.manager.kind {
        // What is not known may be the unit itself.
        ManagerKind::Unknown if !gateway.ours => None,
        ManagerKind::None if !gateway.ours => {
            flagged.set(place);
            Some(Conflict {
                code: Code::UnmanagedGateway,
                severity: Severity::Warning,
                profile,
                port: gateway.port,
                holder: Some(gateway.holder()),
                message: format!(
                    "{} was started by hand, and {} is enabled to run it",
                    words::gateway(gateway),
                    words::unit(unit)
                ),
                remedy: format!(
                    "end it where it was started, then start the service: {}",
                    words::start(unit, facts.user.as_deref())
                ),
                explain: vec![what, format!("{} is enabled and does not run it", words::unit(unit))],
            })
        }
        _ => Some(second(unit, &words::gateway(gateway), profile, &what, facts)),
    }
}

/// Whether a running gateway is what the unit would start.
fn is_its(unit: &FoundUnit, gateway: &FoundGateway) -> bool {
    let verdict = &unit.verdict;
    if let (Some(dir), Some(other)) = (&verdict.state_dir, &gateway.state_dir) {
        return dir == other;
    }
    let users = may_be_same(unit.user.as_ref(), gateway.user.as_ref());
    let profiles = verdict.profile.is_some() && verdict.profile == gateway.profile && users;
    profiles || (!gateway.apart && gateway.port.is_some() && verdict.port == gateway.port)
}

fn second(
    unit: &FoundUnit,
    owner: &str,
    profile: Option<ProfileName>,
    what: &str,
    facts: &HostFacts,
) -> Conflict {
    let mut explain = unit.verdict.why.clone();
    explain.extend([format!("{owner} is the more rightful one"), what.to_owned()]);
    Conflict {
        code: Code::DuplicateService,
        severity: Severity::Error,
        profile,
        port: unit.verdict.port,
        holder: Some(holder(unit, facts)),
        message: format!("{} is a second service beside {owner}: {what}", words::unit(unit)),
        remedy: words::disable(unit, facts.user.as_deref()),
        explain,
    }
}

fn wrong_port(unit: &FoundUnit, facts: &HostFacts) -> Option<Conflict> {
    let (name, port) = (unit.verdict.profile.as_ref()?, unit.verdict.port?);
    if !may_be_same(unit.user.as_ref(), facts.user.as_ref()) || unit.verdict.container {
        return None;
    }
    let known = facts.profiles.iter().find(|known| known.name == *name && known.port != port)?;
    let mut explain = unit.verdict.why.clone();
    explain.push(format!("the profile `{name}` has port {}, and the service says {port}", known.port));
    Some(Conflict {
        code: Code::ServicePortMismatch,
        severity: Severity::Warning,
        profile: Some(name.clone()),
        port: Some(port),
        holder: Some(holder(unit, facts)),
        message: format!(
            "{} starts `{name}` on port {port}, and its profile has {}",
            words::unit(unit),
            known.port
        ),
        remedy: format!(
            "write port {} into {}, or give the profile port {port}",
            known.port,
            unit.path.display()
        ),
        explain,
    })
}

fn holder(unit: &FoundUnit, facts: &HostFacts) -> Holder {
    let running = facts.gateways.iter().find(|gateway| unit.runs(gateway));
    Holder {
        pid: running.and_then(|gateway| gateway.pid),
        user: unit.user.clone(),
        program: running.and_then(|gateway| gateway.program.clone()),
        kind: HolderKind::Gateway,
        unit: Some(unit.name.clone()),
        profile: unit.verdict.profile.as_ref().map(ToString::to_string),
        container: None,
    }
}
