//! `chat.send`: says something in a session. The answer comes once the message is on the disk; what the agent says
//! comes as `chat` events.

use std::time::Duration;

use serde_json::{Value, json};

use super::{author, of_session};
use crate::gateway::agent::{self, Begun, Errand};
use crate::gateway::method::Call;
use crate::gateway::sessions::key;
use crate::gateway::shape::{COUNT, Field, Shape, TEXT, WORD, optional, required};
use crate::wire::Fault;

/// What may be said of the sending; what asks for something that this gateway does not have is no field.
const FIELDS: &[Field] = &[
    required("sessionKey", Shape::Text(1, 512)),
    required("message", TEXT),
    required("idempotencyKey", WORD),
    optional("agentId", WORD),
    optional("sessionId", WORD),
    optional("thinking", TEXT),
    optional("queueMode", Shape::OneOf(&["steer", "followup", "collect", "interrupt"])),
    optional("deliver", Shape::Boolean),
    optional("attachments", Shape::List(&Shape::Any)),
    optional("timeoutMs", COUNT),
];

/// The answer: the run, which is the idempotency key, and how it stands.
///
/// # Errors
/// As [`agent::begin`], and for attachments, which this gateway does not take.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    of_session("chat.send", "sessionKey", &call.params, &Shape::Object(FIELDS))?;
    key::check_agent(call.params["agentId"].as_str())?;
    no_attachments(&call.params)?;
    let errand = Errand {
        session_key: call.text("sessionKey").to_owned(),
        message: call.text("message").to_owned(),
        author: author(&call.connection),
        run_id: call.text("idempotencyKey").to_owned(),
        timeout: timeout(&call.params["timeoutMs"]),
    };
    begin(&call, errand).await
}

/// Takes the errand and says how it stands.
///
/// # Errors
/// As [`agent::begin`].
pub async fn begin(call: &Call, errand: Errand) -> Result<Value, Fault> {
    let run_id = errand.run_id.clone();
    let status = match agent::begin(&call.hub, errand).await? {
        Begun::Now(_) => "started",
        Begun::Before(_) => "in_flight",
        Begun::Past(past) => super::super::agent::word(past.status),
    };
    Ok(json!({ "runId": run_id, "status": status }))
}

/// Refuses what is attached to a message.
///
/// # Errors
/// `INVALID_REQUEST` where there is something.
pub fn no_attachments(params: &Value) -> Result<(), Fault> {
    match params["attachments"].as_array() {
        Some(attached) if !attached.is_empty() => {
            Err(Fault::invalid("this gateway takes no attachments; write what matters into the message"))
        }
        _ => Ok(()),
    }
}

/// A time in milliseconds; zero stands for none, as in the real gateway.
pub fn timeout(millis: &Value) -> Option<Duration> {
    let millis = millis.as_u64().or(millis.as_f64().map(|millis| millis as u64))?;
    (millis > 0).then(|| Duration::from_millis(millis))
}
