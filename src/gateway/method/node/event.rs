//! `node.event`: what a node tells of its own accord. Signs of life are kept; what its programs did is written to the log;
//! of what this gateway has no use for it says so.

use serde_json::{Value, json};

use super::super::Call;
use crate::gateway::nodes::{self, presence};
use crate::gateway::shape::{Shape, TEXT, WORD, optional, required};
use crate::wire::Fault;

/// Which event, and what happened.
pub const PARAMS: Shape =
    Shape::Object(&[required("event", WORD), optional("payload", Shape::Any), optional("payloadJSON", TEXT)]);

/// Takes the event.
///
/// # Errors
/// `UNAVAILABLE` with `PAIRING_CHANGED` where the node is not let in.
pub fn answer(call: &Call) -> Result<Value, Fault> {
    let node = nodes::speaks_for(&call.hub, &call.connection)?;
    let event = call.text("event");
    let payload = match call.params["payloadJSON"].as_str() {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => call.params["payload"].clone(),
    };
    let (handled, reason) = match event {
        "node.presence.alive" => presence::alive(&call.hub, &node, &payload),
        "node.presence.activity" => presence::activity(&call.hub, &node, &payload),
        "exec.started" | "exec.finished" | "exec.denied" => {
            tracing::info!(target: "gateway/nodes", node, event, run = payload["runId"].as_str(), "told");
            (true, "logged")
        }
        _ => (false, "unsupported_event"),
    };
    Ok(json!({ "ok": true, "event": event, "handled": handled, "reason": reason }))
}
