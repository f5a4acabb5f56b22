//! `tools.catalog`: what the agent may use for the caller.

use serde_json::{Value, json};

use crate::gateway::agent::{Author, tool};
use crate::gateway::method::Call;
use crate::gateway::sessions::key;

/// The answer: one group, and no profiles to choose from.
pub fn answer(call: &Call) -> Value {
    let grant = &call.connection.grant;
    let author = Author::Operator { scopes: grant.scopes.clone(), device: grant.device.clone() };
    let here = tool::all().filter(|tool| (tool.here)(&call.hub, &author));
    let tools: Vec<Value> = here
        .map(|tool| {
            json!({
                "id": tool.name, "label": tool.name, "description": tool.does, "source": "core",
                "defaultProfiles": [],
            })
        })
        .collect();
    let group = json!({ "id": "gateway", "label": "Gateway", "source": "core", "tools": tools });
    json!({ "agentId": key::AGENT, "profiles": [], "groups": [group] })
}
