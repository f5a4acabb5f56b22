//! Who hears of sessions: `sessions.changed` goes to those who asked for the list, `session.message` to them and to
//! those who asked for that session's messages.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::spawn_local;

use super::message::Kept;
use super::{key, show};
use crate::gateway::connection::Connection;
use crate::gateway::hub::Hub;
use crate::gateway::scope;
use crate::host::clock;

/// The events of this file.
pub const EVENTS: &[&str] = &["session.message", "sessions.changed"];

/// Sessions that the gateway's health names.
const RECENT: u32 = 5;

/// Who asked for the list, and the list in short.
#[derive(Debug, Default)]
pub struct Sessions {
    watchers: RefCell<HashSet<String>>,
    summary: RefCell<Summary>,
    /// Held by the change that is being told, so that changes are told in the order in which they came.
    turn: Mutex<()>,
}

/// The sessions in short, as the gateway's health tells of them.
#[derive(Clone, Debug, Default)]
struct Summary {
    count: u64,
    /// Keys and times of change, milliseconds since the epoch, the last changed first.
    recent: Vec<(String, u64)>,
}

impl Sessions {
    /// Notes that a connection wants to hear of changes of the list.
    pub fn watch(&self, hub: &Hub, connection: &str) {
        let mut watchers = self.watchers.borrow_mut();
        watchers.retain(|id| hub.connection(id).is_some());
        watchers.insert(connection.to_owned());
    }

    /// The sessions in short, in the keys of the real program's health.
    pub fn summary(&self, path: &str) -> Value {
        let (summary, now) = (self.summary.borrow(), clock::epoch_ms());
        let recent: Vec<Value> = summary
            .recent
            .iter()
            .map(|(key, at)| json!({ "key": key, "updatedAt": at, "age": now.saturating_sub(*at) }))
            .collect();
        json!({ "path": path, "count": summary.count, "recent": recent })
    }

    fn watches(&self, connection: &Connection) -> bool {
        self.watchers.borrow().contains(&connection.id) && connection.may(scope::READ)
    }
}

/// Tells of a message that was kept.
pub fn message(hub: &Hub, session_key: &str, run_id: &str, kept: &Kept) {
    let mut payload = json!({
        "sessionKey": session_key,
        "agentId": key::AGENT,
        "message": kept.message,
        "messageId": kept.id,
        "messageSeq": kept.seq,
    });
    if !run_id.is_empty() {
        payload["runId"] = json!(run_id);
    }
    tell(hub, "session.message", &payload, |connection| {
        let asked = connection.sessions.borrow().contains(session_key) && connection.may(scope::READ);
        asked || hub.sessions.watches(connection)
    });
}

/// Tells that a session has changed, with what it is now; `reason` is `message`, `run`, `patch`, `create`, `reset` and
/// so on.
pub fn changed(hub: &Rc<Hub>, session_key: &str, reason: &'static str) {
    let (hub, session_key) = (Rc::clone(hub), session_key.to_owned());
    spawn_local(async move {
        let _turn = hub.sessions.turn.lock().await;
        summarize(&hub).await;
        if !hub.connections().iter().any(|connection| hub.sessions.watches(connection)) {
            return;
        }
        let mut payload = json!({
            "sessionKey": session_key,
            "agentId": key::AGENT,
            "reason": reason,
            "ts": clock::epoch_ms(),
        });
        // Where the row cannot be had, the change is told without it.
        if let Ok(Some(row)) = show::one(&hub, &session_key, show::Besides::default()).await {
            payload["session"] = row;
        }
        tell(&hub, "sessions.changed", &payload, |connection| hub.sessions.watches(connection));
    });
}

/// Counts anew.
pub async fn summarize(hub: &Hub) {
    let read = hub.store.read(|db| {
        let count = db.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?;
        let newest = "SELECT key, updated_at FROM sessions ORDER BY updated_at DESC LIMIT ?1";
        let mut newest = db.prepare_cached(newest)?;
        let recent = newest.query_map([RECENT], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Summary { count, recent: recent.collect::<Result<_, _>>()? })
    });
    // What the store says went wrong is told to whoever asks it for more than a number.
    if let Ok(summary) = read.await {
        hub.sessions.summary.replace(summary);
    }
}

fn tell(hub: &Hub, event: &str, payload: &Value, hears: impl Fn(&Connection) -> bool) {
    for connection in hub.connections() {
        if hears(&connection) {
            connection.tell(event, payload.clone());
        }
    }
}
