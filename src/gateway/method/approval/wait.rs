//! `exec.approval.waitDecision`: what becomes of an approval, as soon as that is known.

use serde_json::{Value, json};

use crate::gateway::approvals::{self, State, Viewer};
use crate::gateway::method::Call;
use crate::wire::Fault;

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let id = call.text("id").trim();
    if id.is_empty() {
        return Err(Fault::invalid("id is required"));
    }
    let missing = || Fault::invalid("approval expired or not found");
    let record = approvals::seen(&call.hub, &Viewer::at(&call.connection), id).ok_or_else(missing)?;
    let state = approvals::settled_state(&call.hub, id).await.ok_or_else(missing)?;
    let mut answer = super::request::outcome(&record, state);
    answer["terminalReason"] = json!(match state {
        State::Ended { end, .. } => end.as_str(),
        State::Decided { .. } | State::Waiting => "user",
    });
    Ok(answer)
}
