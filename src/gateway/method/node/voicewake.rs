//! `voicewake.get`, `voicewake.set`, `voicewake.routing.get`: the words that wake the assistant by voice.

use serde_json::Value;

use super::super::Call;
use crate::gateway::nodes::voice;
use crate::wire::Fault;

/// The words.
pub fn get(call: &Call) -> Value {
    voice::words(&call.hub)
}

/// Other words.
///
/// # Errors
/// As [`voice::change`].
pub async fn set(call: Call) -> Result<Value, Fault> {
    let words = call.params["triggers"].as_array().into_iter().flatten();
    voice::change(&call.hub, &words.filter_map(Value::as_str).collect::<Vec<_>>()).await
}

/// Whom a woken assistant answers as.
pub fn routing() -> Value {
    voice::routing()
}
