//! `sessions.create`, `sessions.send`, `sessions.abort`: a session begins, something is said in it, it is ended.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::gateway::agent::{self, Errand};
use crate::gateway::method::Call;
use crate::gateway::method::chat::{author, begin, no_attachments, of_session, timeout};
use crate::gateway::sessions::row::{self, Change};
use crate::gateway::sessions::show::{self, Besides};
use crate::gateway::sessions::{key, told};
use crate::gateway::shape::{COUNT, Shape, TEXT, WORD, optional, required};
use crate::host::clock;
use crate::wire::Fault;

/// Of which key, called what, with which model, beginning with what.
pub const CREATE: Shape = Shape::Object(&[
    optional("key", WORD),
    optional("idempotencyKey", WORD),
    optional("agentId", WORD),
    optional("label", Shape::Text(1, 512)),
    optional("displayName", Shape::Text(1, 500)),
    optional("model", WORD),
    optional("task", TEXT),
    optional("message", TEXT),
    optional("attachments", Shape::List(&Shape::Any)),
]);
const SEND: Shape = Shape::Object(&[
    required("key", WORD),
    required("message", TEXT),
    optional("agentId", WORD),
    optional("thinking", TEXT),
    optional("attachments", Shape::List(&Shape::Any)),
    optional("timeoutMs", COUNT),
    optional("idempotencyKey", WORD),
]);
/// Which session, or which run.
pub const ABORT: Shape = Shape::Object(&[
    optional("key", WORD),
    optional("runId", WORD),
    optional("agentId", WORD),
    optional("clearQueued", Shape::Boolean),
]);

/// The answer to `sessions.create`.
///
/// # Errors
/// `INVALID_REQUEST`; what the store says.
pub async fn create(call: Call) -> Result<Value, Fault> {
    key::check_agent(call.params["agentId"].as_str())?;
    no_attachments(&call.params)?;
    let text = |name: &str| call.params[name].as_str().map(str::to_owned);
    let session_key = match text("key") {
        Some(key) => key::full(&key)?,
        None => format!("agent:{}:dashboard:{}", key::AGENT, Uuid::new_v4()),
    };
    let label = text("label").or(text("displayName"));
    let change = Change { label: label.map(Some), model: text("model").map(Some), ..Change::default() };
    super::change::check_model(&call.hub, &change)?;
    let (wanted, now) = (session_key.clone(), clock::epoch_ms());
    let session = call.hub.store.write(move |db| row::change(db, &wanted, change, now)).await?;
    told::changed(&call.hub, &session_key, "create");
    let mut answer = json!({ "ok": true, "key": session_key, "sessionId": session.id, "runStarted": false });
    if let Some(message) = text("message").or(text("task")).filter(|message| !message.trim().is_empty()) {
        let errand = Errand {
            session_key: session_key.clone(),
            message,
            author: author(&call.connection),
            run_id: text("idempotencyKey").unwrap_or_else(|| Uuid::new_v4().to_string()),
            timeout: None,
        };
        match begin(&call, errand).await {
            Ok(begun) => {
                answer["runStarted"] = json!(true);
                answer["runId"] = begun["runId"].clone();
            }
            Err(fault) => answer["runError"] = json!(fault),
        }
    }
    answer["entry"] = show::one(&call.hub, &session_key, Besides::default()).await?.unwrap_or_default();
    Ok(answer)
}

/// The answer to `sessions.send`.
///
/// # Errors
/// As `chat.send`; `INVALID_REQUEST` where there is no such session.
pub async fn send(call: Call) -> Result<Value, Fault> {
    of_session("sessions.send", "key", &call.params, &SEND)?;
    key::check_agent(call.params["agentId"].as_str())?;
    no_attachments(&call.params)?;
    let session_key = key::full(call.text("key"))?;
    let run_id = call.params["idempotencyKey"].as_str();
    let errand = Errand {
        session_key,
        message: call.text("message").to_owned(),
        author: author(&call.connection),
        run_id: run_id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned),
        timeout: timeout(&call.params["timeoutMs"]),
    };
    begin(&call, errand).await
}

/// The answer to `sessions.abort`.
///
/// # Errors
/// `INVALID_REQUEST`: it names neither session nor run, or they do not belong together.
pub fn abort(call: &Call) -> Result<Value, Fault> {
    key::check_agent(call.params["agentId"].as_str())?;
    let (named, run_id) = (call.params["key"].as_str(), call.params["runId"].as_str());
    let run = run_id.and_then(|id| call.hub.agent.find(id));
    let session_key = match (named, &run) {
        (Some(named), _) => key::full(named)?,
        (None, Some(run)) => run.session_key.clone(),
        (None, None) if run_id.is_some() => String::new(),
        (None, None) => {
            let details = json!({ "code": "SESSION_MUTATION_TARGET_REQUIRED", "method": "sessions.abort" });
            return Err(Fault::invalid("session mutation target is unavailable").details(details));
        }
    };
    if run.as_ref().is_some_and(|run| run.session_key != session_key) {
        return Err(Fault::invalid("runId does not match sessionKey"));
    }
    let ended = match session_key.is_empty() {
        true => Vec::new(),
        false => agent::abort(&call.hub, &session_key, run_id),
    };
    if !ended.is_empty() {
        told::changed(&call.hub, &session_key, "abort");
    }
    let status = if ended.is_empty() { "no-active-run" } else { "aborted" };
    Ok(json!({ "ok": true, "abortedRunId": ended.first(), "status": status }))
}
