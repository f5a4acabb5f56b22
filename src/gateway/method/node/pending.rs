//! `node.pending.*`: what an operator leaves for a node, and what a node finds.

use std::time::Duration;

use serde_json::Value;

use super::super::Call;
use crate::gateway::nodes::{self, pairing, work};
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::wire::Fault;

/// What an operator leaves.
pub const ENQUEUE: Shape = Shape::Object(&[
    required("nodeId", WORD),
    required("type", Shape::OneOf(&["status.request", "location.request"])),
    optional("priority", Shape::OneOf(&["normal", "high"])),
    optional("expiresInMs", Shape::Integer(1000, 86_400_000)),
    optional("wake", Shape::Boolean),
]);
/// How much a node takes.
pub const DRAIN: Shape = Shape::Object(&[optional("maxItems", Shape::Integer(1, 10))]);
/// How much that is where it does not say.
const USUAL: u64 = 4;

/// Leaves a hint.
///
/// # Errors
/// `INVALID_REQUEST` where there is no such node, `UNAVAILABLE` where too much waits.
pub fn enqueue(call: &Call) -> Result<Value, Fault> {
    let node = call.text("nodeId");
    nodes::entry(&call.hub, node).ok_or_else(pairing::unknown_node)?;
    let wait = call.params["expiresInMs"].as_f64().map(|millis| Duration::from_millis(millis as u64));
    work::enqueue(&call.hub, node, call.text("type"), call.text("priority") == "high", wait)
}

/// Takes the hints that wait.
///
/// # Errors
/// `UNAVAILABLE` with `PAIRING_CHANGED` where the node is not let in, as the two below.
pub fn drain(call: &Call) -> Result<Value, Fault> {
    let node = nodes::speaks_for(&call.hub, &call.connection)?;
    let most = call.params["maxItems"].as_f64().map_or(USUAL, |most| most as u64);
    Ok(work::drain(&call.hub, &node, most as usize))
}

/// Looks at the commands that wait.
///
/// # Errors
/// As [`drain`].
pub fn pull(call: &Call) -> Result<Value, Fault> {
    let node = nodes::speaks_for(&call.hub, &call.connection)?;
    Ok(work::pull(&call.hub, &node))
}

/// Has them.
///
/// # Errors
/// As [`drain`].
pub fn acknowledge(call: &Call) -> Result<Value, Fault> {
    let node = nodes::speaks_for(&call.hub, &call.connection)?;
    let ids: Vec<&str> =
        call.params["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Ok(work::acknowledge(&call.hub, &node, &ids))
}
