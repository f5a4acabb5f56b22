//! The verdict over the whole host (DESIGN 3.4, `host conflicts`): every gateway that runs, every service that would
//! start one, every profile that is known. Three classes (INCIDENTS D2): a second owner of the same thing is an
//! error, another isolated profile is only listed, everything else is silent. The order of what was found changes
//! nothing, and each thing is named once.

mod facts;
mod gateways;
mod ports;
mod primary;
mod rivals;
mod services;
mod words;

use serde::{Deserialize, Serialize};

use super::verdict::{Code, Conflict, Severity};
pub use facts::{Blocker, FoundGateway, FoundUnit, HostFacts, KnownProfile, Recorded, Scope};
pub use primary::{PrimaryClaim, primary_refusal};
pub use rivals::{Claimed, Meant, Origin, Registration, Rival, rivals};

/// What `host conflicts` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostReport {
    /// Whether nothing was found that hurts; a finding that is only good to know does not.
    pub ok: bool,
    /// Every gateway, in a stable order.
    pub gateways: Vec<FoundGateway>,
    /// What is in conflict: the worst first.
    pub conflicts: Vec<Conflict>,
    /// How everything that is no conflict was judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explain: Vec<String>,
}

impl HostReport {
    /// The same without its reasons, for whoever did not ask for them.
    #[must_use]
    pub fn without_reasons(mut self) -> Self {
        self.explain.clear();
        self.conflicts.iter_mut().for_each(|conflict| conflict.explain.clear());
        self
    }
}

/// Judges the host.
pub fn survey(facts: &HostFacts) -> HostReport {
    let facts = facts.ordered();
    let mut report =
        HostReport { ok: true, gateways: Vec::new(), conflicts: Vec::new(), explain: Vec::new() };
    let mut flagged = gateways::findings(&facts, &mut report);
    services::findings(&facts, &mut flagged, &mut report);
    ports::findings(&facts, &mut report);
    report.conflicts.extend(facts.shared.iter().cloned());
    report.conflicts.extend(facts.profiles.iter().filter_map(|profile| stale_record(profile, &facts)));
    report.conflicts.sort_by(|a, b| key(a).cmp(&key(b)));
    report.ok = report.conflicts.iter().all(|conflict| conflict.severity == Severity::Info);
    report.gateways = facts.gateways;
    report
}

/// The worst first, then by kind and by who is in the way.
fn key(conflict: &Conflict) -> (std::cmp::Reverse<Severity>, Code, Option<u32>, &str) {
    let pid = conflict.holder.as_ref().and_then(|holder| holder.pid);
    (std::cmp::Reverse(conflict.severity), conflict.code, pid, &conflict.message)
}

/// A record is information and never proof: a wrong one blocks nothing, and the next start replaces it.
fn stale_record(profile: &KnownProfile, facts: &HostFacts) -> Option<Conflict> {
    let record = profile.record.filter(|record| !record.proved)?;
    let lives = |gateway: &FoundGateway| {
        gateway.pid == Some(record.pid) && gateway.profile.as_ref() == Some(&profile.name)
    };
    if facts.gateways.iter().any(lives) {
        return None;
    }
    let name = &profile.name;
    Some(Conflict {
        code: Code::StaleRecord,
        severity: Severity::Info,
        profile: Some(name.clone()),
        port: None,
        holder: None,
        message: format!("the record of `{name}` names pid {}, which is no gateway of it", record.pid),
        remedy: format!(
            "nothing needs to be removed; the next start replaces it: openclaw profile start {name}"
        ),
        explain: vec![format!(
            "pid {} could not be proved to be the run that the record describes",
            record.pid
        )],
    })
}

#[cfg(test)]
mod tests;
