//! `chat.abort`: ends what is being answered in a session, or one run of it.

use serde_json::{Value, json};

use super::of_session;
use crate::gateway::agent;
use crate::gateway::method::Call;
use crate::gateway::sessions::key;
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::wire::Fault;

const PARAMS: Shape = Shape::Object(&[
    required("sessionKey", WORD),
    optional("agentId", WORD),
    optional("runId", WORD),
    optional("preserveSideRuns", Shape::Boolean),
]);

/// The answer: which runs were ended.
///
/// # Errors
/// `INVALID_REQUEST`: no such agent, or the run is of another session.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    of_session("chat.abort", "sessionKey", &call.params, &PARAMS)?;
    key::check_agent(call.params["agentId"].as_str())?;
    let session = key::full(call.text("sessionKey"))?;
    let run_id = call.params["runId"].as_str();
    if let Some(run) = run_id.and_then(|id| call.hub.agent.find(id))
        && run.session_key != session
    {
        return Err(Fault::invalid("runId does not match sessionKey"));
    }
    let ended = agent::abort(&call.hub, &session, run_id);
    Ok(json!({ "ok": true, "aborted": !ended.is_empty(), "runIds": ended }))
}
