//! `agent`: gives the agent an errand. Two answers: that it was taken, and what came of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::chat::author;
use crate::gateway::agent::{self, Begun, Errand, Outcome};
use crate::gateway::method::Call;
use crate::gateway::scope;
use crate::gateway::sessions::key;
use crate::gateway::shape::{COUNT, Shape, TEXT, WORD, optional, required};
use crate::host::clock;
use crate::wire::{Fault, fault};

/// The errand. What asks for something that this gateway does not have is no field.
pub const PARAMS: Shape = Shape::Object(&[
    required("message", WORD),
    required("idempotencyKey", WORD),
    optional("agentId", WORD),
    optional("sessionKey", TEXT),
    optional("sessionId", TEXT),
    optional("thinking", TEXT),
    optional("deliver", Shape::Boolean),
    optional("bestEffortDeliver", Shape::Boolean),
    optional("channel", TEXT),
    optional("attachments", Shape::List(&Shape::Any)),
    optional("timeout", COUNT),
    optional("lane", TEXT),
    optional("label", Shape::Text(1, 512)),
]);

/// Messages that begin the conversation anew need the right to do that.
const BEGINS_ANEW: [&str; 2] = ["/new", "/reset"];

/// The last answer; that the errand was taken is said before.
///
/// # Errors
/// As [`agent::begin`]; `FORBIDDEN` for a message that resets without the right to.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let message = call.text("message").to_owned();
    if BEGINS_ANEW.contains(&message.split_whitespace().next().unwrap_or_default()) {
        call.connection.need(scope::ADMIN)?;
    }
    key::check_agent(call.params["agentId"].as_str())?;
    super::super::chat::no_attachments(&call.params)?;
    if call.params["deliver"] == json!(true) {
        let what = "this gateway delivers an answer to nobody but its caller; leave out `deliver`";
        return Err(Fault::invalid(what));
    }
    let session_key = session_of(&call).await?;
    let run_id = call.text("idempotencyKey").to_owned();
    let seconds = call.params["timeout"].as_f64().filter(|seconds| *seconds > 0.0);
    let errand = Errand {
        session_key: session_key.clone(),
        message,
        author: author(&call.connection),
        run_id: run_id.clone(),
        timeout: seconds.map(|seconds| Duration::from_secs(seconds as u64)),
    };
    let started = clock::epoch_ms();
    let begun = agent::begin(&call.hub, errand).await?;
    let mut taken = json!({
        "runId": run_id,
        "sessionKey": session_key,
        "agentId": key::AGENT,
        "status": "accepted",
        "acceptedAt": started,
    });
    let outcome = match begun {
        Begun::Now(run) => {
            call.accept(taken);
            run.outcome().await
        }
        Begun::Before(run) => {
            taken["status"] = json!("in_flight");
            call.accept(taken);
            run.outcome().await
        }
        Begun::Past(past) => agent::past(&past),
    };
    last(&run_id, outcome, clock::epoch_ms().saturating_sub(started))
}

/// The session that is meant: by its key, by its id, or the main one.
async fn session_of(call: &Call) -> Result<String, Fault> {
    let (named, id) = (call.text("sessionKey").trim(), call.text("sessionId").trim().to_owned());
    if !named.is_empty() || id.is_empty() {
        return key::full(named);
    }
    let found = call.hub.store.read(move |db| {
        Ok(crate::gateway::sessions::row::all(db)?.into_iter().find(|session| session.id == id))
    });
    found.await?.map(|session| session.key).ok_or_else(|| Fault::invalid("session not found"))
}

/// The real gateway's last answer carries both what came of the run and the fault.
fn last(run_id: &str, outcome: Outcome, took_ms: u64) -> Result<Value, Fault> {
    match outcome {
        Outcome::Answered(text) => Ok(json!({
            "runId": run_id,
            "status": "ok",
            "summary": "completed",
            "result": {
                "payloads": [{ "text": text, "mediaUrl": null }],
                "meta": { "durationMs": took_ms },
            },
        })),
        Outcome::Aborted => Ok(json!({ "runId": run_id, "status": "timeout", "summary": "aborted" })),
        Outcome::Failed(words) => {
            let payload = json!({ "runId": run_id, "status": "error", "summary": words });
            Err(Fault::new(fault::UNAVAILABLE, words).beside(payload))
        }
    }
}
