//! `sessions.patch`, `sessions.reset`, `sessions.delete`, `sessions.compact`.

use serde_json::{Value, json};

use crate::gateway::agent;
use crate::gateway::hub::Hub;
use crate::gateway::method::chat::of_session;
use crate::gateway::method::{Call, models};
use crate::gateway::scope;
use crate::gateway::sessions::row::{self, Change};
use crate::gateway::sessions::show::{self, Besides};
use crate::gateway::sessions::{key, message, told};
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::host::clock;
use crate::wire::Fault;

const PATCH: Shape = Shape::Object(&[
    required("key", WORD),
    optional("agentId", WORD),
    optional("expectedSessionId", WORD),
    optional("label", Shape::Any),
    optional("model", Shape::Any),
    optional("archived", Shape::Boolean),
    optional("pinned", Shape::Boolean),
    optional("unread", Shape::Boolean),
]);
const RESET: Shape = Shape::Object(&[
    required("key", WORD),
    optional("agentId", WORD),
    optional("reason", Shape::OneOf(&["new", "reset"])),
]);
const DELETE: Shape = Shape::Object(&[
    required("key", WORD),
    optional("agentId", WORD),
    optional("deleteTranscript", Shape::Boolean),
    optional("expectedSessionId", WORD),
    optional("emitLifecycleHooks", Shape::Boolean),
    optional("archivedOnly", Shape::Boolean),
]);
const COMPACT: Shape = Shape::Object(&[
    required("key", WORD),
    optional("agentId", WORD),
    optional("maxLines", Shape::Integer(1, i64::MAX)),
]);

/// Holds the parameters against their shape; the full key of the session.
fn target(call: &Call, method: &str, shape: &Shape) -> Result<String, Fault> {
    of_session(method, "key", &call.params, shape)?;
    key::check_agent(call.params["agentId"].as_str())?;
    key::full(call.text("key"))
}

/// A text, or none where it is taken away, or nothing where it is not spoken of.
fn nullable(params: &Value, name: &str) -> Result<Option<Option<String>>, Fault> {
    match params.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) if !text.trim().is_empty() && text.chars().count() <= 512 => {
            Ok(Some(Some(text.trim().to_owned())))
        }
        Some(_) => {
            Err(Fault::invalid(format!("invalid sessions.patch params: at /{name}: must be string or null")))
        }
    }
}

/// Refuses a model that is not configured.
///
/// # Errors
/// `INVALID_REQUEST`, naming it.
pub fn check_model(hub: &Hub, change: &Change) -> Result<(), Fault> {
    match &change.model {
        Some(Some(model)) if !models::knows(hub, model) => {
            Err(Fault::invalid(format!("model not configured: {}", show::shorten(model))))
        }
        _ => Ok(()),
    }
}

/// The answer to `sessions.patch`.
///
/// # Errors
/// `INVALID_REQUEST`; what the store says.
pub async fn patch(call: Call) -> Result<Value, Fault> {
    let session_key = target(&call, "sessions.patch", &PATCH)?;
    let flag = |name: &str| call.params[name].as_bool();
    let change = Change {
        label: nullable(&call.params, "label")?,
        model: nullable(&call.params, "model")?,
        pinned: flag("pinned"),
        archived: flag("archived"),
        unread: flag("unread"),
    };
    check_model(&call.hub, &change)?;
    let expected = call.params["expectedSessionId"].as_str().map(str::to_owned);
    let (wanted, now) = (session_key.clone(), clock::epoch_ms());
    let changed = call.hub.store.write(move |db| {
        let id = row::find(db, &wanted)?.map(|session| session.id);
        if expected.is_some() && expected != id {
            return Ok(false);
        }
        row::change(db, &wanted, change, now).map(|_| true)
    });
    if !changed.await? {
        return Err(changed_meanwhile());
    }
    told::changed(&call.hub, &session_key, "patch");
    entry(&call, session_key).await
}

/// The answer to `sessions.reset`. Whatever is being answered in it ends.
///
/// # Errors
/// `INVALID_REQUEST`; what the store says.
pub async fn reset(call: Call) -> Result<Value, Fault> {
    let session_key = target(&call, "sessions.reset", &RESET)?;
    agent::abort(&call.hub, &session_key, None);
    let (wanted, now) = (session_key.clone(), clock::epoch_ms());
    call.hub.store.write(move |db| row::reset(db, &wanted, now)).await?;
    told::changed(&call.hub, &session_key, "reset");
    entry(&call, session_key).await
}

async fn entry(call: &Call, session_key: String) -> Result<Value, Fault> {
    let entry = show::one(&call.hub, &session_key, Besides::default()).await?;
    Ok(json!({ "ok": true, "key": session_key, "entry": entry }))
}

/// The answer to `sessions.delete`. Whoever may not do everything may delete what was put away.
///
/// # Errors
/// `FORBIDDEN`; `INVALID_REQUEST` for the main session or one that changed meanwhile; what the store says.
pub async fn delete(call: Call) -> Result<Value, Fault> {
    let archived_only = call.params["archivedOnly"] == json!(true);
    if !archived_only {
        call.connection.need(scope::ADMIN)?;
    }
    let session_key = target(&call, "sessions.delete", &DELETE)?;
    if session_key == key::MAIN {
        return Err(Fault::invalid(format!("Cannot delete the main session ({session_key}).")));
    }
    let expected = call.params["expectedSessionId"].as_str().map(str::to_owned);
    let wanted = session_key.clone();
    let found = call.hub.store.read(move |db| row::find(db, &wanted)).await?;
    let Some(session) = found else {
        return Ok(json!({ "ok": true, "key": session_key, "deleted": false, "archived": [] }));
    };
    if expected.is_some_and(|expected| expected != session.id) || (archived_only && !session.archived) {
        return Err(changed_meanwhile());
    }
    agent::abort(&call.hub, &session_key, None);
    let wanted = session_key.clone();
    let deleted = call.hub.store.write(move |db| row::delete(db, &wanted)).await?;
    told::changed(&call.hub, &session_key, "delete");
    Ok(json!({ "ok": true, "key": session_key, "deleted": deleted, "archived": [] }))
}

/// The answer to `sessions.compact`: the oldest messages go. A summary in their place would need a model to write it,
/// so without a number nothing is done, and that is said.
///
/// # Errors
/// `INVALID_REQUEST`; what the store says.
pub async fn compact(call: Call) -> Result<Value, Fault> {
    let session_key = target(&call, "sessions.compact", &COMPACT)?;
    let nothing =
        |reason: &str| json!({ "ok": true, "key": session_key, "compacted": false, "reason": reason });
    let Some(most) = call.params["maxLines"].as_f64() else {
        return Ok(nothing("this gateway writes no summaries; give maxLines to keep the newest messages"));
    };
    if !call.hub.agent.of_session(&session_key).is_empty() {
        return Ok(nothing("a run is active"));
    }
    let wanted = session_key.clone();
    let shortened = call.hub.store.write(move |db| {
        let Some(session) = row::find(db, &wanted)? else { return Ok(None) };
        message::shorten(db, &session.id, most as u64).map(Some)
    });
    match shortened.await? {
        None => Ok(nothing("no sessionId")),
        Some((before, after)) => {
            told::changed(&call.hub, &session_key, "compact");
            Ok(json!({ "ok": true, "key": session_key, "compacted": after < before, "kept": after }))
        }
    }
}

fn changed_meanwhile() -> Fault {
    Fault::invalid("session changed; refresh and retry")
}
