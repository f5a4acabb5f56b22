//! `status`: what the gateway is doing. It has the keys of the real answer; what this gateway does not have
//! is empty. The process itself is shown to admins only.

use serde_json::{Value, json};

use super::{Call, health, models};
use crate::gateway::machine;
use crate::gateway::sessions::key;
use crate::gateway::shape::{Shape, optional};

/// What may be asked for besides; neither changes the answer of a gateway without channels.
pub const PARAMS: Shape = Shape::Object(&[
    optional("includeChannelSummary", Shape::Boolean),
    optional("includeCliProjection", Shape::Boolean),
]);

/// The answer.
pub fn answer(call: &Call) -> Value {
    let hub = &call.hub;
    let sessions = hub.sessions.summary(&hub.options.store.display().to_string());
    let defaults = models::defaults(hub);
    let mut status = json!({
        "runtimeVersion": hub.options.version,
        "hostDesktop": { "enabled": false, "state": "disabled" },
        "heartbeat": {
            "defaultAgentId": key::AGENT,
            "agents": [{ "agentId": key::AGENT, "enabled": false, "every": "disabled", "everyMs": null }],
        },
        "channelSummary": [],
        "queuedSystemEvents": [],
        "degradedSecretOwners": [],
        "degradedPlugins": [],
        "tasks": {
            "total": 0, "active": 0, "terminal": 0, "failures": 0,
            "byStatus": {
                "queued": 0, "running": 0, "succeeded": 0, "failed": 0, "timed_out": 0, "cancelled": 0, "lost": 0,
            },
            "byRuntime": { "subagent": 0, "acp": 0, "cli": 0, "cron": 0 },
        },
        "taskAudit": {
            "total": 0, "warnings": 0, "errors": 0,
            "byCode": {
                "stale_queued": 0, "stale_running": 0, "lost": 0, "delivery_failed": 0, "missing_cleanup": 0,
                "inconsistent_timestamps": 0,
            },
        },
        "sessions": {
            "paths": [sessions["path"]],
            "count": sessions["count"],
            "defaults": { "model": defaults["model"], "contextTokens": defaults["contextTokens"] },
            "recent": sessions["recent"],
            "byAgent": [{
                "agentId": key::AGENT, "path": sessions["path"], "count": sessions["count"], "recent": sessions["recent"],
            }],
        },
        "modelRuntime": health::model_runtime(),
        "eventLoop": hub.load.borrow().show(),
        "workerPools": {},
    });
    if call.is_admin() {
        status["pid"] = json!(machine::pid());
        // A process without a JavaScript heap has none to show.
        status["processMemory"] = json!({
            "rssBytes": machine::resident_bytes(),
            "heapUsedBytes": 0, "heapTotalBytes": 0, "externalBytes": 0, "arrayBuffersBytes": 0,
        });
        status["shutdownBudget"] = json!({
            "timeoutMs": hub.options.limits.linger.as_millis() as u64,
            "reserveMs": 0,
            "nativeStopBudget": false,
            "activeWork": {
                "rootRequests": 0, "cronRuns": 0, "sessionMutations": 0, "terminalPersistence": 0, "lifecycleWrites": 0,
            },
            "writeCustody": [],
        });
    }
    status
}
