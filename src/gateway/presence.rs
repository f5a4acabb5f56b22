//! Who is there: the gateway itself, and the pages and nodes that are connected. Command lines and backends
//! come and go too often to be news; the real gateway leaves them out as well.

use serde_json::{Value, json};

use super::admission::{Grant, Role};
use crate::wire::ConnectParams;

/// How long one that went away is still listed, in milliseconds.
const GONE_FOR_MS: u64 = 5 * 60 * 1000;
/// Most entries listed besides the gateway.
const ENTRIES_MAX: usize = 200;

/// The list and its version.
#[derive(Debug)]
pub struct Presence {
    own: Value,
    entries: Vec<(String, u64, Value)>,
    version: u64,
}

impl Presence {
    /// A list with the gateway alone; `own` is its entry without `ts`.
    pub fn new(own: Value) -> Self {
        Presence { own, entries: Vec::new(), version: 1 }
    }

    /// The list as of `now_ms`.
    pub fn list(&self, now_ms: u64) -> Vec<Value> {
        let mut own = self.own.clone();
        own["ts"] = json!(now_ms);
        let mut others: Vec<_> =
            self.entries.iter().rev().filter(|(_, at, entry)| !is_stale(entry, *at, now_ms)).collect();
        others.sort_by_key(|(_, at, _)| std::cmp::Reverse(*at));
        std::iter::once(own).chain(others.into_iter().map(|(_, _, entry)| entry.clone())).collect()
    }

    /// Grows with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Notes a connection; false when this kind of client is not listed.
    pub fn joined(&mut self, conn_id: &str, params: &ConnectParams, grant: &Grant, now_ms: u64) -> bool {
        let listed =
            grant.role == Role::Node || matches!(params.client.mode.as_str(), "ui" | "webchat" | "node");
        if !listed {
            return false;
        }
        self.entries.retain(|(_, at, entry)| !is_stale(entry, *at, now_ms));
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.remove(0);
        }
        // A node that comes again is not two.
        self.entries.retain(|(_, _, entry)| !is_same_node(entry, grant));
        self.entries.push((conn_id.into(), now_ms, describe(params, grant, now_ms)));
        self.version += 1;
        true
    }

    /// Notes that a connection ended; false when it was not listed.
    pub fn left(&mut self, conn_id: &str, now_ms: u64) -> bool {
        let Some((_, at, entry)) = self.entries.iter_mut().find(|(id, ..)| id == conn_id) else {
            return false;
        };
        *at = now_ms;
        entry["reason"] = json!("disconnect");
        entry["ts"] = json!(now_ms);
        self.version += 1;
        true
    }
}

fn is_stale(entry: &Value, at: u64, now_ms: u64) -> bool {
    entry["reason"] == "disconnect" && now_ms.saturating_sub(at) > GONE_FOR_MS
}

fn is_same_node(entry: &Value, grant: &Grant) -> bool {
    let device = grant.device.as_deref();
    grant.role == Role::Node && entry["roles"] == json!(["node"]) && entry["deviceId"].as_str() == device
}

fn describe(params: &ConnectParams, grant: &Grant, now_ms: u64) -> Value {
    let client = &params.client;
    let node = grant.role == Role::Node;
    let name = client.display_name.as_deref();
    let unnamed = if node { client.id.as_str() } else { "unknown" };
    let mut entry = json!({
        "host": name.unwrap_or(&client.id),
        "version": client.version,
        "platform": client.platform,
        "mode": client.mode,
        "reason": "connect",
        "roles": [grant.role.as_str()],
        "text": format!("Node: {} · mode {}", name.unwrap_or(unnamed), client.mode),
        "ts": now_ms,
    });
    let instance = client.instance_id.as_ref().filter(|_| !node).or(grant.device.as_ref());
    for (key, value) in [
        ("deviceFamily", &client.device_family),
        ("deviceId", &grant.device),
        ("instanceId", &instance.cloned()),
    ] {
        if let Some(value) = value {
            entry[key] = json!(value);
        }
    }
    if !node {
        entry["onlineSince"] = json!(now_ms);
        entry["scopes"] = json!(grant.scopes);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::admission::By;
    use crate::wire::Client;

    fn params(mode: &str) -> ConnectParams {
        let client = Client {
            id: "webchat".into(),
            version: "1".into(),
            platform: "web".into(),
            mode: mode.into(),
            ..Client::default()
        };
        ConnectParams { client, ..ConnectParams::default() }
    }

    #[test]
    fn pages_are_listed_and_command_lines_are_not() {
        let grant = Grant { role: Role::Operator, scopes: vec![], device: Some("d".into()), by: By::Token };
        let mut presence = Presence::new(json!({"mode": "gateway"}));
        assert!(!presence.joined("1", &params("cli"), &grant, 10) && !presence.left("1", 11));
        assert!(presence.joined("2", &params("ui"), &grant, 12));
        assert_eq!((presence.list(13).len(), presence.version()), (2, 2));
        assert_eq!(presence.list(13)[0]["ts"], 13);
        assert!(presence.left("2", 14));
        assert_eq!((presence.list(15)[1]["reason"].as_str(), presence.version()), (Some("disconnect"), 3));
        assert_eq!(presence.list(15 + GONE_FOR_MS).len(), 1);
    }

    #[test]
    fn the_list_is_bounded() {
        let grant = Grant { role: Role::Operator, scopes: vec![], device: None, by: By::None };
        let mut presence = Presence::new(json!({}));
        for number in 0..500 {
            presence.joined(&number.to_string(), &params("ui"), &grant, number);
        }
        assert_eq!(presence.list(500).len(), ENTRIES_MAX + 1);
    }
}
