//! `exec.approval.get` and `exec.approval.list`: what waits and may be decided about.

use serde_json::{Value, json};

use crate::gateway::approvals::{self, Viewer};
use crate::gateway::method::Call;
use crate::wire::Fault;

/// One of them.
///
/// # Errors
/// `INVALID_REQUEST` where there is none.
pub fn get(call: &Call) -> Result<Value, Fault> {
    let record = approvals::find(&call.hub, &Viewer::at(&call.connection), call.text("id"))?;
    let request = &record.request;
    Ok(json!({
        "id": record.id,
        "commandText": request["command"],
        "commandPreview": null,
        "allowedDecisions": request["allowedDecisions"],
        "host": request["host"],
        "nodeId": request["nodeId"],
        "agentId": request["agentId"],
        "expiresAtMs": record.expires_at_ms,
    }))
}

/// All of them, the first one first.
pub fn list(call: &Call) -> Value {
    json!(approvals::list(&call.hub, &Viewer::at(&call.connection)))
}
