//! `node.list`, `node.describe`, `node.rename`: which nodes there are and what they are called.

use serde_json::{Value, json};

use super::super::Call;
use crate::gateway::nodes::{self, pairing};
use crate::gateway::scope;
use crate::host::clock;
use crate::wire::Fault;

/// What only those see who may let nodes in.
const PENDING: [&str; 4] =
    ["pendingRequestId", "pendingDeclaredCaps", "pendingDeclaredCommands", "pendingDeclaredPermissions"];

/// All of them.
pub fn list(call: &Call) -> Value {
    let nodes: Vec<Value> = nodes::list(&call.hub).into_iter().map(|node| shown_to(call, node)).collect();
    json!({ "ts": clock::epoch_ms(), "nodes": nodes })
}

/// One of them.
///
/// # Errors
/// `INVALID_REQUEST` where there is none of that id.
pub fn describe(call: &Call) -> Result<Value, Fault> {
    let node = nodes::entry(&call.hub, call.text("nodeId")).ok_or_else(pairing::unknown_node)?;
    let mut node = shown_to(call, node);
    node["ts"] = json!(clock::epoch_ms());
    Ok(node)
}

/// Names one of them.
///
/// # Errors
/// As [`pairing::rename`].
pub async fn rename(call: Call) -> Result<Value, Fault> {
    pairing::rename(&call.hub, call.text("nodeId"), call.text("displayName"), &call.connection).await
}

fn shown_to(call: &Call, mut node: Value) -> Value {
    if let (false, Some(entry)) = (call.connection.may(scope::PAIRING), node.as_object_mut()) {
        PENDING.iter().for_each(|key| drop(entry.remove(*key)));
    }
    node
}
