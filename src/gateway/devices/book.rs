//! The book of devices: who asked to be paired, who is, and with which tokens. Pure: a change is computed here and
//! carried out, on the book and in the store, by [`super::Devices`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a request waits to be approved, in milliseconds; a repeated one waits anew.
pub const PENDING_FOR_MS: u64 = 5 * 60 * 1000;
/// Most requests that wait; beyond it the oldest is dropped.
pub const PENDING_MAX: usize = 256;

/// A device as it describes itself when it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Lower-case hex SHA-256 of its public key.
    pub device_id: String,
    /// Its public key, as it was first sent.
    pub public_key: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The system that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The kind of machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// The client program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What the client program is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    /// The role that it connects with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The roles that it has, or asks for.
    pub roles: Vec<String>,
    /// The scopes that it has, or asks for, in the order in which they came.
    pub scopes: Vec<String>,
    /// Its address, where it is of another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
}

/// A request to be paired, as `device.pair.requested` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// Its id.
    pub request_id: String,
    /// Who asks, and for what.
    #[serde(flatten)]
    pub card: Card,
    /// Whether it is approved without anyone being asked.
    pub silent: bool,
    /// Whether the device was paired already.
    pub is_repair: bool,
    /// When it was first asked, milliseconds since the epoch.
    pub ts: u64,
    /// When it was last asked, where that was later; told to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed_at_ms: Option<u64>,
}

impl Pending {
    /// Whether it waits no more.
    pub fn is_over(&self, now_ms: u64) -> bool {
        now_ms > self.refreshed_at_ms.unwrap_or(self.ts) + PENDING_FOR_MS
    }

    /// As clients see it.
    pub fn shown(&self) -> Value {
        json!(Pending { refreshed_at_ms: None, ..self.clone() })
    }
}

/// How a pairing came to be approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// By someone who may.
    Owner,
    /// By being a device of this machine with the shared secret.
    Silent,
}

/// What a device shows instead of the shared secret. It is kept as it is, not as a hash: each `hello-ok` tells it again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// 32 random bytes, base64url.
    pub token: String,
    /// The role that it is for.
    pub role: String,
    /// The most that it may ask for, sorted.
    pub scopes: Vec<String>,
    /// When it was first made, milliseconds since the epoch.
    pub created_at_ms: u64,
    /// When it was last replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at_ms: Option<u64>,
    /// When it was revoked; then it opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_ms: Option<u64>,
    /// When it last opened a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at_ms: Option<u64>,
}

impl Token {
    /// When it came to be as it is.
    pub fn issued_at_ms(&self) -> u64 {
        self.rotated_at_ms.unwrap_or(self.created_at_ms)
    }

    /// As clients see it: all but the token itself.
    fn shown(&self) -> Value {
        let mut shown = json!(self);
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("token");
        }
        shown
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({}: {})", self.role, self.scopes.join(","))
    }
}

/// A paired device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paired {
    /// Who it is and what was approved: its scopes are the most that any of its tokens may have.
    #[serde(flatten)]
    pub card: Card,
    /// What the owner calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_label: Option<String>,
    /// How it came to be paired.
    pub approved_via: Via,
    /// When it was first paired, milliseconds since the epoch.
    pub created_at_ms: u64,
    /// When that was last approved.
    pub approved_at_ms: u64,
    /// When it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at_ms: Option<u64>,
    /// By what it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_reason: Option<String>,
    /// Its tokens, one for each role.
    #[serde(default)]
    pub tokens: BTreeMap<String, Token>,
}

impl Paired {
    /// Whether it may connect with `role`: that was approved, and its token was not revoked since.
    pub fn has_role(&self, role: &str) -> bool {
        let alive = self.tokens.get(role).is_some_and(|token| token.revoked_at_ms.is_none());
        alive && self.card.roles.iter().any(|approved| approved == role)
    }

    /// Whether it is more than an operator.
    pub fn is_beyond_operator(&self) -> bool {
        self.card.roles.iter().chain(self.tokens.keys()).any(|role| role != "operator")
    }

    /// As clients see it: `connected` only where it is known.
    pub fn shown(&self, connected: Option<bool>) -> Value {
        let mut shown = json!(self);
        if let Some(connected) = connected {
            shown["connected"] = json!(connected);
        }
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("tokens");
        }
        if !self.tokens.is_empty() {
            shown["tokens"] = self.tokens.values().map(Token::shown).collect();
        }
        shown
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    /// Requests by their id.
    pub pending: BTreeMap<String, Pending>,
    /// Paired devices by their id.
    pub paired: BTreeMap<String, Paired>,
}

/// A change of the book: for each record named, what it becomes; `None` ends it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Of requests.
    pub pending: Vec<(String, Option<Pending>)>,
    /// Of devices.
    pub paired: Vec<(String, Option<Paired>)>,
}

impl Change {
    /// Of one device.
    pub fn of_device(device: Paired) -> Self {
        Change { paired: vec![(device.card.device_id.clone(), Some(device))], ..Change::default() }
    }
}

impl Book {
    /// Carries out a change, and gives back the one that undoes it.
    pub fn apply(&mut self, change: &Change) -> Change {
        let put = |slot: Option<Pending>, id: &String, map: &mut BTreeMap<String, Pending>| match slot {
            Some(record) => map.insert(id.clone(), record),
            None => map.remove(id),
        };
        let mut undo = Change::default();
        for (id, record) in &change.pending {
            undo.pending.push((id.clone(), put(record.clone(), id, &mut self.pending)));
        }
        for (id, record) in &change.paired {
            let before = match record {
                Some(record) => self.paired.insert(id.clone(), record.clone()),
                None => self.paired.remove(id),
            };
            undo.paired.push((id.clone(), before));
        }
        undo
    }

    /// The request of that id that still waits.
    pub fn waiting(&self, request_id: &str, now_ms: u64) -> Option<&Pending> {
        self.pending.get(request_id).filter(|pending| !pending.is_over(now_ms))
    }

    /// The requests that still wait, the newest first.
    pub fn all_waiting(&self, now_ms: u64) -> Vec<&Pending> {
        let mut waiting: Vec<_> = self.pending.values().filter(|pending| !pending.is_over(now_ms)).collect();
        waiting.sort_by(|a, b| b.ts.cmp(&a.ts).then_with(|| a.request_id.cmp(&b.request_id)));
        waiting
    }

    /// Ends the requests that wait no more.
    pub fn expired(&self, now_ms: u64) -> Change {
        let over = self.pending.values().filter(|pending| pending.is_over(now_ms));
        Change { pending: over.map(|pending| (pending.request_id.clone(), None)).collect(), paired: vec![] }
    }
}
