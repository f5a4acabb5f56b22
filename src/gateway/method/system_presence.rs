//! `system-presence`: who is there, the gateway itself first.

use serde_json::Value;

use super::Call;

/// The answer.
pub fn answer(call: &Call) -> Value {
    Value::Array(call.hub.presence())
}
