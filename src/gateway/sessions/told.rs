//! Who hears of sessions: `sessions.changed` goes to those who asked for the list, `session.message` to them and to
//! those who asked for that session's messages.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::task::spawn_local;

use super::message::Kept;
use super::{key, show};
use crate::gateway::connection::Connection;
use crate::gateway::hub::Hub;
use crate::gateway::scope;
use crate::host::clock;

/// The events of this file.
pub const EVENTS: &[&str] = &["session.message", "sessions.changed"];

/// Who asked for the list.
#[derive(Debug, Default)]
pub struct Sessions {
    watchers: RefCell<HashSet<String>>,
}

impl Sessions {
    /// Notes that a connection wants to hear of changes of the list.
    pub fn watch(&self, hub: &Hub, connection: &str) {
        let mut watchers = self.watchers.borrow_mut();
        watchers.retain(|id| hub.connection(id).is_some());
        watchers.insert(connection.to_owned());
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
    if !hub.connections().iter().any(|connection| hub.sessions.watches(connection)) {
        return;
    }
    let (hub, session_key) = (Rc::clone(hub), session_key.to_owned());
    spawn_local(async move {
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

fn tell(hub: &Hub, event: &str, payload: &Value, hears: impl Fn(&Connection) -> bool) {
    for connection in hub.connections() {
        if hears(&connection) {
            connection.tell(event, payload.clone());
        }
    }
}
