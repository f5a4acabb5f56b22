//! How each account of a channel is, as `channels.status` and `health` show it. No token is in it.

use serde_json::{Value, json};

use super::{CHANNEL, LABEL};
use crate::gateway::hub::Hub;
use crate::profile::embedded::telegram::{Account, People};

/// How an account is. Times are milliseconds since the epoch.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Whether its poller runs.
    pub running: bool,
    /// Whether the last question was answered; `None` before the first one.
    pub connected: Option<bool>,
    /// A word for how it is.
    pub health: &'static str,
    /// Failures in a row.
    pub attempts: u64,
    /// What went wrong last; gone when all is well.
    pub last_error: Option<String>,
    /// When it was started.
    pub last_start_at: Option<u64>,
    /// When it was stopped.
    pub last_stop_at: Option<u64>,
    /// When it was first answered after trouble.
    pub last_connected_at: Option<u64>,
    /// When something came.
    pub last_inbound_at: Option<u64>,
    /// When something went out.
    pub last_outbound_at: Option<u64>,
    /// When it was answered.
    pub last_transport_at: Option<u64>,
}

/// Every account with its standing, for `channels.status`.
pub fn accounts(hub: &Hub) -> Vec<Value> {
    hub.embedded().telegram.accounts.iter().map(|account| shown(hub, account)).collect()
}

fn shown(hub: &Hub, account: &Account) -> Value {
    let standing = hub.channels.standing(&account.id, |standing| standing.clone());
    let desks = hub.channels.desks.borrow();
    let bot = super::telegram::api::Bot::of(account).ok();
    let desk = bot.and_then(|bot| desks.get(&bot.id).cloned());
    let running = desk.as_ref().map_or(0, |desk| desk.running());
    let username = desk.map(|desk| desk.me().username).filter(|name| !name.is_empty());
    let mut shown = json!({
        "accountId": account.id,
        "enabled": account.enabled,
        "configured": account.token.is_ok(),
        "running": standing.running,
        "reconnectAttempts": standing.attempts,
        "lastConnectedAt": standing.last_connected_at,
        "lastError": standing.last_error,
        "healthState": if standing.health.is_empty() { "stopped" } else { standing.health },
        "lastStartAt": standing.last_start_at,
        "lastStopAt": standing.last_stop_at,
        "lastInboundAt": standing.last_inbound_at,
        "lastOutboundAt": standing.last_outbound_at,
        "lastTransportActivityAt": standing.last_transport_at,
        "busy": running > 0,
        "activeRuns": running,
        "mode": "polling",
        "dmPolicy": account.dm_policy.as_str(),
        "allowFrom": listed(&account.allow_from),
        "tokenSource": account.token_source,
    });
    if let Some(connected) = standing.connected {
        shown["connected"] = json!(connected);
    }
    if let Some(name) = &account.name {
        shown["name"] = json!(name);
    }
    if let Some(username) = username {
        shown["bot"] = json!({ "username": username });
    }
    shown
}

fn listed(people: &People) -> Vec<String> {
    let all = people.all.then(|| "*".to_owned());
    all.into_iter().chain(people.ids.iter().map(i64::to_string)).collect()
}

/// The parts of `health` that tell of channels: by name, their order, their names for people.
pub fn summary(hub: &Hub) -> (Value, Value, Value) {
    let accounts = accounts(hub);
    if accounts.is_empty() {
        return (json!({}), json!([]), json!({}));
    }
    let default = &hub.embedded().telegram.default_account;
    let of = |id: &str| accounts.iter().find(|account| account["accountId"] == id).cloned();
    let by_name: serde_json::Map<String, Value> = accounts
        .iter()
        .filter_map(|account| Some((account["accountId"].as_str()?.to_owned(), account.clone())))
        .collect();
    let mut channel = of(default).unwrap_or_default();
    channel["accounts"] = Value::Object(by_name);
    (json!({ CHANNEL: channel }), json!([CHANNEL]), json!({ CHANNEL: LABEL }))
}

/// What wants a person's help, in sentences.
pub fn warnings(hub: &Hub) -> Vec<String> {
    let rules = hub.embedded();
    let mut found = Vec::new();
    for account in rules.telegram.accounts.iter().filter(|account| account.enabled) {
        found.extend(hub.channels.standing(&account.id, |standing| standing.last_error.clone()));
        found.extend(account.notes.iter().map(|note| format!("account `{}`: {note}", account.id)));
    }
    found
}
