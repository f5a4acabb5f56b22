//! `agents.list` and `agent.identity.get`: this gateway has one agent, and it is called what the real one's is called
//! before anyone names it.

use serde_json::{Value, json};

use crate::gateway::method::{Call, models};
use crate::gateway::sessions::key;
use crate::wire::Fault;

/// The answer to `agents.list`.
pub fn list(call: &Call) -> Value {
    let mut agent = json!({ "id": key::AGENT });
    if let Some(model) = models::primary(&call.hub) {
        agent["model"] = json!({ "primary": model });
    }
    json!({
        "defaultId": key::AGENT,
        "ownership": "sole",
        "selectionRequired": false,
        "mainKey": key::MAIN_REST,
        "scope": "per-sender",
        "agents": [agent],
    })
}

/// The answer to `agent.identity.get`.
///
/// # Errors
/// `INVALID_REQUEST` for another agent.
pub fn identity(call: &Call) -> Result<Value, Fault> {
    key::check_agent(call.params["agentId"].as_str())?;
    key::full(call.text("sessionKey"))?;
    Ok(json!({ "agentId": key::AGENT, "name": "Assistant", "nameSource": "default", "avatar": "A" }))
}
