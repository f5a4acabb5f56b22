//! `gateway.restart.preflight`: what a restart would cut off.

use serde_json::{Value, json};

use crate::gateway::method::Call;

/// The answer.
pub fn answer(call: &Call) -> Value {
    let runs = call.hub.agent.open_count();
    let blockers: Vec<Value> = (runs > 0)
        .then(|| {
            let message = format!("{runs} embedded run(s) active");
            json!({ "kind": "embedded-run", "count": runs, "message": message })
        })
        .into_iter()
        .collect();
    let summary =
        if runs == 0 { "safe to restart now".to_owned() } else { format!("{runs} run(s) would be cut off") };
    json!({
        "safe": runs == 0,
        "counts": {
            "queueSize": 0, "pendingReplies": 0, "embeddedRuns": runs, "cronRuns": 0, "backgroundExecSessions": 0,
            "rootRequests": 0, "activeTasks": 0, "totalActive": runs,
        },
        "blockers": blockers,
        "summary": summary,
    })
}
