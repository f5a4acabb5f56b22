//! `chat.inject`: puts a message into a session in the agent's place; no model is asked.

use serde_json::{Value, json};

use super::of_session;
use crate::gateway::hub::Announcement;
use crate::gateway::method::Call;
use crate::gateway::scope;
use crate::gateway::sessions::{key, message, row, told};
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::host::clock;
use crate::wire::Fault;

const PARAMS: Shape = Shape::Object(&[
    required("sessionKey", WORD),
    required("message", WORD),
    optional("agentId", WORD),
    optional("label", Shape::Text(0, 100)),
]);

/// The answer, once the message is on the disk.
///
/// # Errors
/// `INVALID_REQUEST` for a session that there is not or a message that is too large; what the store says.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    of_session("chat.inject", "sessionKey", &call.params, &PARAMS)?;
    key::check_agent(call.params["agentId"].as_str())?;
    let session_key = key::full(call.text("sessionKey"))?;
    let text = match call.text("label").trim() {
        "" => call.text("message").to_owned(),
        label => format!("[{label}]\n\n{}", call.text("message")),
    };
    if text.len() > message::MESSAGE_MAX {
        return Err(Fault::invalid(format!("a message has at most {} bytes", message::MESSAGE_MAX)));
    }
    let now = clock::epoch_ms();
    let said = message::of_text("assistant", &text, now);
    let wanted = session_key.clone();
    let kept = call.hub.store.write(move |db| {
        let Some(session) = row::find(db, &wanted)? else { return Ok(None) };
        row::touch(db, &wanted, now)?;
        message::append(db, &session.id, None, &said).map(Some)
    });
    let kept = kept.await?.ok_or_else(|| Fault::invalid("session not found"))?;
    told::message(&call.hub, &session_key, "", &kept);
    let payload = json!({
        "runId": format!("inject-{}", kept.id),
        "sessionKey": session_key,
        "agentId": key::AGENT,
        "seq": 0,
        "state": "final",
        "message": kept.message,
    });
    call.hub.announce(Announcement::new("chat", Some(scope::READ), &payload).of_session(&session_key));
    told::changed(&call.hub, &session_key, "message");
    Ok(json!({ "ok": true, "messageId": kept.id }))
}
