//! What one node is known for: what it claims, what of that was approved, and what waits to be. Pure; the words are those
//! of the real gateway's answers (OPENCLAW.md 6.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::policy::{self, Machine};
use crate::profile::embedded::NodeRules;
use crate::wire::ConnectParams;
use crate::wire::connect::Client;

/// Capabilities, commands or permissions of one node that are looked at; a node that claims more has none of the rest.
const CLAIMS_MAX: usize = 256;
/// Longest name of one of them, in characters.
const NAME_MAX: usize = 128;

/// What a node can, as it claims it or as it was approved; every list is sorted and says nothing twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surface {
    /// What it is made for.
    pub caps: Vec<String>,
    /// What it can be told to do.
    pub commands: Vec<String>,
    /// What its own system lets it do, or not.
    pub permissions: BTreeMap<String, bool>,
}

impl Surface {
    /// What a node claims at its connect, as far as the policy lets it.
    pub fn claimed(params: &ConnectParams, rules: &NodeRules) -> Surface {
        let claimed = |list: &Option<Vec<String>>| tidy(list.as_deref().unwrap_or_default());
        let caps = claimed(&params.caps);
        let all = claimed(&params.commands);
        let machine = Machine {
            platform: &params.client.platform,
            family: params.client.device_family.as_deref().unwrap_or_default(),
            talks: talks(&caps, &all),
        };
        let (commands, withheld): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|command| policy::may_offer(machine, rules, command));
        let caps = caps.into_iter().filter(|cap| policy::is_fulfilled(cap, &commands, &withheld)).collect();
        let permissions = params.permissions.iter().flatten().take(CLAIMS_MAX);
        let permissions = permissions
            .filter(|(name, _)| is_name(name))
            .map(|(name, granted)| (name.clone(), *granted))
            .collect();
        Surface { caps, commands, permissions }
    }

    /// Whether nothing of it goes beyond `approved`.
    pub fn is_within(&self, approved: &Surface) -> bool {
        let permitted = |name: &String| approved.permissions.get(name) == Some(&true);
        self.caps.iter().all(|cap| approved.caps.contains(cap))
            && self.commands.iter().all(|command| approved.commands.contains(command))
            && self.permissions.iter().all(|(name, granted)| !granted || permitted(name))
    }

    /// What of it was approved.
    pub fn approved_by(&self, approved: &Surface) -> Surface {
        let both = |mine: &[String], theirs: &[String]| {
            mine.iter().filter(|entry| theirs.contains(entry)).cloned().collect()
        };
        let permissions = self.permissions.iter().filter_map(|(name, granted)| {
            let granted = if *granted { *approved.permissions.get(name)? } else { false };
            Some((name.clone(), granted))
        });
        Surface {
            caps: both(&self.caps, &approved.caps),
            commands: both(&self.commands, &approved.commands),
            permissions: permissions.collect(),
        }
    }
}

/// Whether a node with these claims takes part in talks.
pub fn talks(caps: &[String], commands: &[String]) -> bool {
    let lower = |text: &String| text.to_ascii_lowercase();
    caps.iter().any(|cap| lower(cap) == "talk")
        || commands.iter().any(|name| lower(name).starts_with("talk."))
}

fn tidy(list: &[String]) -> Vec<String> {
    let mut tidy: Vec<String> = list.iter().take(CLAIMS_MAX).map(|entry| entry.trim().to_owned()).collect();
    tidy.retain(|entry| is_name(entry));
    tidy.sort_unstable();
    tidy.dedup();
    tidy
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= NAME_MAX
}

/// A surface that was let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// What.
    pub surface: Surface,
    /// When the node was let in first, milliseconds since the epoch.
    pub created_at_ms: u64,
    /// When it was let in with just this.
    pub approved_at_ms: u64,
}

/// A surface that waits to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// By what it is approved or rejected.
    pub request_id: String,
    /// What.
    pub surface: Surface,
    /// Whether its device was paired without anyone being asked.
    pub silent: bool,
    /// Since when, milliseconds since the epoch.
    pub at_ms: u64,
}

/// A node that was here once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its id, which is its device's.
    pub node_id: String,
    /// Its program, as it named itself last.
    pub client: Client,
    /// What an operator calls it.
    #[serde(default)]
    pub renamed: Option<String>,
    /// When it came first, milliseconds since the epoch.
    pub first_seen_at_ms: u64,
    /// When it gave a sign last.
    pub last_seen_at_ms: u64,
    /// What that was.
    pub last_seen_reason: String,
    /// When it connected last with an approved surface.
    #[serde(default)]
    pub last_connected_at_ms: Option<u64>,
    /// What was let in.
    #[serde(default)]
    pub approved: Option<Approved>,
    /// What waits to be.
    #[serde(default)]
    pub pending: Option<Pending>,
}

impl Known {
    /// A node that comes for the first time.
    pub fn new(node_id: &str, client: &Client, now_ms: u64) -> Known {
        Known {
            node_id: node_id.into(),
            client: client.clone(),
            renamed: None,
            first_seen_at_ms: now_ms,
            last_seen_at_ms: now_ms,
            last_seen_reason: "connect".into(),
            last_connected_at_ms: None,
            approved: None,
            pending: None,
        }
    }

    /// Notes that it connects with these claims; true when what it claims has to be approved and was not asked about
    /// before. `fresh_id` becomes the request's then.
    pub fn connects(
        &mut self,
        client: &Client,
        claims: &Surface,
        silent: bool,
        now_ms: u64,
        fresh_id: &str,
    ) -> bool {
        self.client = client.clone();
        self.seen("connect", now_ms);
        if let Some(approved) = &self.approved {
            self.last_connected_at_ms = Some(now_ms);
            if claims.is_within(&approved.surface) {
                self.pending = None;
                return false;
            }
        }
        if self.pending.as_ref().is_some_and(|pending| pending.surface == *claims) {
            return false;
        }
        self.pending = Some(Pending {
            request_id: fresh_id.into(),
            surface: claims.clone(),
            silent: silent && self.approved.is_none(),
            at_ms: now_ms,
        });
        true
    }

    /// Notes a sign of life.
    pub fn seen(&mut self, reason: &str, now_ms: u64) {
        (self.last_seen_at_ms, self.last_seen_reason) = (now_ms, reason.into());
    }

    /// Lets in what waits; false where nothing does.
    pub fn approve(&mut self, now_ms: u64) -> bool {
        let Some(pending) = self.pending.take() else { return false };
        let created_at_ms = self.approved.as_ref().map_or(now_ms, |approved| approved.created_at_ms);
        self.approved = Some(Approved { surface: pending.surface, created_at_ms, approved_at_ms: now_ms });
        true
    }

    /// Its name for people, where it has one.
    pub fn name(&self) -> Option<&str> {
        self.renamed.as_deref().or(self.client.display_name.as_deref())
    }

    /// What of its claims may be used.
    pub fn usable(&self, claims: &Surface) -> Surface {
        self.approved.as_ref().map(|approved| claims.approved_by(&approved.surface)).unwrap_or_default()
    }

    /// The entry of `node.list`. `live` are its claims and the time of its connect, where it is connected.
    pub fn entry(&self, live: Option<(&Surface, u64)>) -> Value {
        let usable = match (live, &self.approved) {
            (Some((claims, _)), _) => self.usable(claims),
            (None, Some(approved)) => approved.surface.clone(),
            (None, None) => Surface::default(),
        };
        let mut entry = self.described();
        entry["caps"] = json!(usable.caps);
        entry["commands"] = json!(usable.commands);
        if !usable.permissions.is_empty() {
            entry["permissions"] = json!(usable.permissions);
        }
        entry["sessionHost"] = json!(false);
        entry["approvalState"] = json!(match (&self.approved, &self.pending) {
            (Some(_), Some(_)) => "pending-reapproval",
            (None, Some(_)) => "pending-approval",
            (Some(_), None) => "approved",
            (None, None) => "unapproved",
        });
        if let Some(pending) = &self.pending {
            entry["pendingRequestId"] = json!(pending.request_id);
            entry["pendingDeclaredCaps"] = json!(pending.surface.caps);
            entry["pendingDeclaredCommands"] = json!(pending.surface.commands);
            if !pending.surface.permissions.is_empty() {
                entry["pendingDeclaredPermissions"] = json!(pending.surface.permissions);
            }
        }
        let (mut seen, mut reason) = (self.last_seen_at_ms, self.last_seen_reason.as_str());
        let mut connected = self.last_connected_at_ms;
        if let Some((_, since)) = live {
            entry["nodePluginTools"] = json!([]);
            entry["connectedAtMs"] = json!(since);
            connected = Some(since);
            if since >= seen {
                (seen, reason) = (since, "connect");
            }
        }
        if let Some(connected) = connected {
            entry["lastConnectedAtMs"] = json!(connected);
        }
        entry["lastSeenAtMs"] = json!(seen);
        entry["lastSeenReason"] = json!(reason);
        let since = self.approved.as_ref().map_or(self.first_seen_at_ms, |approved| approved.approved_at_ms);
        entry["approvedAtMs"] = json!(since);
        entry["paired"] = json!(true);
        entry["connected"] = json!(live.is_some());
        entry
    }

    /// What waits, as `node.pair.list` and `node.pair.requested` say it.
    pub fn request(&self) -> Option<Value> {
        let pending = self.pending.as_ref()?;
        let mut request = self.described();
        request["requestId"] = json!(pending.request_id);
        self.add_surface(&mut request, &pending.surface);
        request["requiredApproveScopes"] = json!(policy::approve_scopes(&pending.surface.commands));
        request["silent"] = json!(pending.silent);
        request["ts"] = json!(pending.at_ms);
        Some(request)
    }

    /// What was let in, as `node.pair.list` and `node.pair.approve` say it.
    pub fn pairing(&self) -> Option<Value> {
        let approved = self.approved.as_ref()?;
        let mut pairing = self.described();
        self.add_surface(&mut pairing, &approved.surface);
        pairing["createdAtMs"] = json!(approved.created_at_ms);
        pairing["approvedAtMs"] = json!(approved.approved_at_ms);
        if let Some(connected) = self.last_connected_at_ms {
            pairing["lastConnectedAtMs"] = json!(connected);
        }
        pairing["lastSeenAtMs"] = json!(self.last_seen_at_ms);
        pairing["lastSeenReason"] = json!(self.last_seen_reason);
        Some(pairing)
    }

    fn add_surface(&self, view: &mut Value, surface: &Surface) {
        view["caps"] = json!(surface.caps);
        view["commands"] = json!(surface.commands);
        if !surface.permissions.is_empty() {
            view["permissions"] = json!(surface.permissions);
        }
    }

    /// Who it is.
    fn described(&self) -> Value {
        let client = &self.client;
        let mut view = json!({
            "nodeId": self.node_id,
            "clientId": client.id,
            "clientMode": client.mode,
            "platform": client.platform,
            "version": client.version,
        });
        if let Some(name) = self.name() {
            view["displayName"] = json!(name);
        }
        if let Some(family) = &client.device_family {
            view["deviceFamily"] = json!(family);
        }
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(caps: &[&str], commands: &[&str], permissions: &[(&str, bool)]) -> ConnectParams {
        let texts = |list: &[&str]| Some(list.iter().map(|text| (*text).to_owned()).collect());
        ConnectParams {
            client: Client {
                id: "node-host".into(),
                version: "1".into(),
                platform: "linux".into(),
                mode: "node".into(),
                device_family: Some("Linux".into()),
                ..Client::default()
            },
            caps: texts(caps),
            commands: texts(commands),
            permissions: Some(permissions.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect()),
            ..ConnectParams::default()
        }
    }

    fn claimed(caps: &[&str], commands: &[&str], permissions: &[(&str, bool)]) -> Surface {
        Surface::claimed(&params(caps, commands, permissions), &NodeRules::default())
    }

    #[test]
    fn claims_are_sorted_bounded_and_what_the_policy_withholds_is_gone() {
        let surface = claimed(
            &["system", "camera", "system"],
            &["system.which", " system.run ", "demo.echo", "camera.snap", ""],
            &[("a", true)],
        );
        assert_eq!(
            (surface.caps, surface.commands),
            (vec!["system".into()], vec!["system.run".into(), "system.which".into()])
        );
        let long = "x".repeat(NAME_MAX + 1);
        assert!(claimed(&[&long], &[], &[(&long, true)]) == Surface::default());
        let many: Vec<String> = (0..1000).map(|number| format!("cap{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(claimed(&many, &[], &[]).caps.len(), CLAIMS_MAX);
    }

    #[test]
    fn a_grown_surface_asks_anew_and_what_was_approved_goes_on() {
        let client = params(&[], &[], &[]).client;
        let small = claimed(&["system"], &["system.which"], &[]);
        let large = claimed(&["system"], &["system.which", "system.run"], &[("screen", true)]);
        let mut node = Known::new("n", &client, 1);
        assert!(
            node.connects(&client, &small, true, 1, "r1") && !node.connects(&client, &small, true, 2, "r2")
        );
        let pending = node.pending.clone().unwrap();
        assert_eq!((pending.request_id.as_str(), pending.silent), ("r1", true));
        assert_eq!(node.usable(&small), Surface::default());
        assert!(node.approve(3) && !node.approve(4));
        assert!(!node.connects(&client, &small, true, 5, "r3") && node.pending.is_none());
        assert!(node.connects(&client, &large, true, 6, "r4"));
        assert!(!node.pending.clone().unwrap().silent);
        assert_eq!(node.usable(&large).commands, ["system.which"]);
        assert!(node.usable(&large).permissions.is_empty());
        assert_eq!(node.entry(Some((&large, 6)))["approvalState"], "pending-reapproval");
        // Back to what was approved: there is nothing left to ask about.
        assert!(!node.connects(&client, &small, true, 7, "r5") && node.pending.is_none());
        assert!(node.connects(&client, &large, true, 8, "r6") && node.approve(9));
        let approved = node.approved.clone().unwrap();
        assert_eq!((approved.created_at_ms, approved.approved_at_ms), (3, 9));
        assert_eq!(node.usable(&large), large);
    }

    #[test]
    fn a_permission_that_was_not_granted_is_no_growth() {
        let (off, on) = (claimed(&[], &[], &[("screen", false)]), claimed(&[], &[], &[("screen", true)]));
        assert!(off.is_within(&Surface::default()) && !on.is_within(&off) && on.is_within(&on));
        assert!(!on.approved_by(&off).permissions["screen"]);
        assert!(on.approved_by(&Surface::default()).permissions.is_empty());
    }
}
