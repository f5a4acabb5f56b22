//! `wake`: tells the agent that something has happened. It answers at once, whatever the mode: there is no heartbeat that
//! it could wait for.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::chat::author;
use crate::gateway::agent::{self, Errand};
use crate::gateway::method::Call;
use crate::gateway::sessions::key;
use crate::gateway::shape::{Shape, TEXT, WORD, optional, required};
use crate::wire::Fault;

/// What happened, and the session that is told of it; the main one where none is named.
pub const PARAMS: Shape = Shape::Object(&[
    required("mode", Shape::OneOf(&["now", "next-heartbeat"])),
    required("text", WORD),
    optional("sessionKey", TEXT),
    optional("agentId", WORD),
]);

/// The answer, once the event is on the disk.
///
/// # Errors
/// As [`agent::begin`].
pub async fn answer(call: Call) -> Result<Value, Fault> {
    key::check_agent(call.params["agentId"].as_str())?;
    let text = call.text("text").trim();
    if text.is_empty() {
        return Err(Fault::invalid("text required"));
    }
    let errand = Errand {
        session_key: key::full(call.text("sessionKey").trim())?,
        // An event is no slash command, whatever it begins with.
        message: format!("[System event] {text}"),
        author: author(&call.connection),
        run_id: format!("wake:{}", Uuid::new_v4()),
        timeout: None,
    };
    agent::begin(&call.hub, errand).await?;
    Ok(json!({ "ok": true }))
}
