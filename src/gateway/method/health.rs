//! `health`: is the gateway well. Open to every connection, whatever its scopes. It has the keys of the real
//! answer; what this gateway does not have is empty.

use serde_json::{Value, json};

use super::Call;
use crate::gateway::channel::standing;
use crate::gateway::hub::{Announcement, Hub};
use crate::gateway::sessions::key;
use crate::host::clock;

/// The answer: the snapshot, and the state of the models.
pub fn answer(call: &Call) -> Value {
    let mut health = snapshot(&call.hub);
    health["modelRuntime"] = model_runtime();
    health
}

/// The event that carries the snapshot.
pub fn announcement(hub: &Hub) -> Announcement {
    Announcement::new("health", None, &snapshot(hub)).versioned()
}

/// A model that cannot be asked is told of by `models.list`; nothing here degrades by itself.
pub(super) fn model_runtime() -> Value {
    json!({ "degraded": false, "pendingAgents": [] })
}

/// The snapshot, within the published schema.
pub fn snapshot(hub: &Hub) -> Value {
    let sessions = hub.sessions.summary(&hub.options.store.display().to_string());
    let (channels, order, labels) = standing::summary(hub);
    json!({
        "ok": true,
        "ts": clock::epoch_ms(),
        // Nothing is asked elsewhere: what is known is known at once.
        "durationMs": 0,
        "plugins": { "loaded": [], "errors": [], "unavailable": [] },
        "configReload": hub.config_reload(),
        "channels": channels,
        "channelOrder": order,
        "channelLabels": labels,
        "heartbeatSeconds": 0,
        "defaultAgentId": key::AGENT,
        "agents": [{
            "agentId": key::AGENT,
            "isDefault": true,
            "heartbeat": {
                "enabled": false, "every": "disabled", "everyMs": null, "prompt": "", "target": "none", "ackMaxChars": 0,
            },
            "sessions": sessions,
        }],
        "sessions": sessions,
        "eventLoop": hub.load.borrow().show(),
    })
}
