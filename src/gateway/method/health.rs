//! `health`: is the gateway well. Open to every connection, whatever its scopes. It has the keys of the real
//! answer; what this gateway does not have is empty.

use serde_json::{Value, json};

use super::Call;
use crate::gateway::hub::{Announcement, Hub};
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

/// No models, hence none degraded.
pub(super) fn model_runtime() -> Value {
    json!({ "degraded": false, "pendingAgents": [] })
}

/// The snapshot, within the published schema.
pub fn snapshot(hub: &Hub) -> Value {
    json!({
        "ok": true,
        "ts": clock::epoch_ms(),
        // Nothing is asked elsewhere: what is known is known at once.
        "durationMs": 0,
        "plugins": { "loaded": [], "errors": [], "unavailable": [] },
        "configReload": { "hotReloadStatus": "disabled" },
        "channels": {},
        "channelOrder": [],
        "channelLabels": {},
        "heartbeatSeconds": 0,
        "defaultAgentId": "",
        "agents": [],
        "sessions": { "path": "", "count": 0, "recent": [] },
        "eventLoop": hub.load.borrow().show(),
    })
}
