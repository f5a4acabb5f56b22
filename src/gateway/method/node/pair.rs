//! `node.pair.*`: what waits, who is in, and deciding about it.

use serde_json::Value;

use super::super::Call;
use crate::gateway::nodes::pairing;
use crate::wire::Fault;

/// What waits and who is in.
pub fn list(call: &Call) -> Value {
    pairing::list(&call.hub, &call.connection)
}

/// Lets one in.
///
/// # Errors
/// As [`pairing::approve`].
pub async fn approve(call: Call) -> Result<Value, Fault> {
    pairing::approve(&call.hub, call.text("requestId"), &call.connection).await
}

/// Turns one away.
///
/// # Errors
/// As [`pairing::reject`].
pub async fn reject(call: Call) -> Result<Value, Fault> {
    pairing::reject(&call.hub, call.text("requestId"), &call.connection).await
}

/// Forgets one.
///
/// # Errors
/// As [`pairing::remove`].
pub async fn remove(call: Call) -> Result<Value, Fault> {
    pairing::remove(&call.hub, call.text("nodeId"), &call.connection).await
}
