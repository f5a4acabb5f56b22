//! `sessions.subscribe`, `sessions.messages.subscribe` and `…unsubscribe`: who hears of what.

use serde_json::{Value, json};

use super::list;
use crate::gateway::method::Call;
use crate::gateway::sessions::key;
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::wire::Fault;

/// Sessions whose messages one connection may ask for.
const FOLLOWED_MAX: usize = 256;

/// Which session. What waits for approval is shown by nothing here, so nobody can ask for it.
pub const MESSAGES: Shape = Shape::Object(&[required("key", WORD), optional("agentId", WORD)]);

/// The answer to `sessions.subscribe`, with the list where something is said of it.
///
/// # Errors
/// As `sessions.list`.
pub async fn to_list(call: Call) -> Result<Value, Fault> {
    call.hub.sessions.watch(&call.hub, &call.connection.id);
    match call.params.as_object().is_some_and(|params| params.is_empty()) {
        true => Ok(json!({ "subscribed": true })),
        false => Ok(json!({ "subscribed": true, "list": list::answer(call).await? })),
    }
}

/// The answer to the other two.
///
/// # Errors
/// `INVALID_REQUEST` for what is no key, or one too many.
pub fn to_messages(call: &Call, subscribed: bool) -> Result<Value, Fault> {
    key::check_agent(call.params["agentId"].as_str())?;
    let session_key = key::full(call.text("key"))?;
    let mut followed = call.connection.sessions.borrow_mut();
    if subscribed && followed.len() >= FOLLOWED_MAX {
        return Err(Fault::invalid(format!("a connection follows at most {FOLLOWED_MAX} sessions")));
    }
    match subscribed {
        true => followed.insert(session_key.clone()),
        false => followed.remove(&session_key),
    };
    Ok(json!({ "subscribed": subscribed, "key": session_key }))
}
