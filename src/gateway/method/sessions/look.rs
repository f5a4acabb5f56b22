//! `sessions.preview`, `sessions.resolve`, `sessions.describe`: what is known of single sessions.

use serde_json::{Value, json};

use crate::gateway::method::Call;
use crate::gateway::sessions::row::{self, Session};
use crate::gateway::sessions::show::{self, Besides};
use crate::gateway::sessions::{key, message};
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::host::clock;
use crate::wire::Fault;

/// Which sessions, how many messages, how many characters of each.
pub const PREVIEW: Shape = Shape::Object(&[
    required("keys", Shape::List(&WORD)),
    optional("limit", Shape::Integer(1, i64::MAX)),
    optional("maxChars", Shape::Integer(20, i64::MAX)),
]);
/// By which of its names.
pub const RESOLVE: Shape = Shape::Object(&[
    optional("key", WORD),
    optional("sessionId", WORD),
    optional("label", Shape::Text(1, 512)),
    optional("agentId", WORD),
    optional("includeGlobal", Shape::Boolean),
    optional("includeUnknown", Shape::Boolean),
    optional("allowMissing", Shape::Boolean),
]);
/// Which session.
pub const DESCRIBE: Shape = Shape::Object(&[
    required("key", WORD),
    optional("includeDerivedTitles", Shape::Boolean),
    optional("includeLastMessage", Shape::Boolean),
]);

/// Sessions that one preview looks at.
const PREVIEWED_MAX: usize = 64;
/// Messages of a preview, where nothing is said and at most.
const ITEMS: (u64, u64) = (12, 50);
/// Characters of a message, the same.
const CHARS: (usize, usize) = (240, 2000);

/// The answer to `sessions.preview`.
///
/// # Errors
/// What the store says.
pub async fn preview(call: Call) -> Result<Value, Fault> {
    let keys = call.params["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    // A key that cannot be one is the key of no session.
    let keys: Vec<(String, Option<String>)> =
        keys.take(PREVIEWED_MAX).map(|written| (written.to_owned(), key::full(written).ok())).collect();
    let limit = call.params["limit"].as_f64().map_or(ITEMS.0, |limit| limit as u64).min(ITEMS.1);
    let chars = call.params["maxChars"].as_f64().map_or(CHARS.0, |chars| chars as usize).min(CHARS.1);
    let previews = call.hub.store.read(move |db| {
        let mut previews = Vec::new();
        for (written, full) in keys {
            let session = full.map(|full| row::find(db, &full)).transpose()?.flatten();
            let Some(session) = session else {
                previews.push(json!({ "key": written, "status": "missing", "items": [] }));
                continue;
            };
            let page = message::page(db, &session.id, limit, 0)?;
            let items: Vec<Value> = page.iter().map(|kept| item(&kept.message, chars)).collect();
            let status = if items.is_empty() { "empty" } else { "ok" };
            previews.push(json!({ "key": written, "status": status, "items": items }));
        }
        Ok(previews)
    });
    Ok(json!({ "ts": clock::epoch_ms(), "previews": previews.await? }))
}

fn item(said: &Value, chars: usize) -> Value {
    let role = match said["role"].as_str() {
        Some("toolResult") => "tool",
        Some(role) => role,
        None => "other",
    };
    let text: String = message::text(said).chars().take(chars).collect();
    json!({ "role": role, "text": text })
}

/// The answer to `sessions.resolve`.
///
/// # Errors
/// `INVALID_REQUEST`: not exactly one name, or none of that name.
pub async fn resolve(call: Call) -> Result<Value, Fault> {
    key::check_agent(call.params["agentId"].as_str())?;
    let names: Vec<(&str, String)> = ["key", "sessionId", "label"]
        .into_iter()
        .filter_map(|name| Some((name, call.params[name].as_str()?.trim().to_owned())))
        .collect();
    let [(kind, name)] = names.as_slice() else {
        return Err(Fault::invalid("Provide exactly one of key, sessionId or label"));
    };
    let (wanted, shown) = (if *kind == "key" { key::full(name)? } else { name.clone() }, name.clone());
    let kind = (*kind).to_owned();
    let is_it = move |session: &Session| match kind.as_str() {
        "key" => session.key == wanted,
        "sessionId" => session.id == wanted,
        _ => session.label.as_deref() == Some(wanted.as_str()),
    };
    let found = call.hub.store.read(move |db| Ok(row::all(db)?.into_iter().find(is_it))).await?;
    match found {
        Some(session) => {
            let mut answer = json!({ "ok": true, "key": session.key, "agentId": key::AGENT });
            if let Some(label) = session.label {
                answer["displayName"] = json!(label);
            }
            Ok(answer)
        }
        None if call.params["allowMissing"] == json!(true) => Ok(json!({ "ok": false, "candidates": [] })),
        None => Err(Fault::invalid(format!("No session found: {}", show::shorten(&shown)))),
    }
}

/// The answer to `sessions.describe`; there is no session in it where there is none.
///
/// # Errors
/// `INVALID_REQUEST` for what is no key; what the store says.
pub async fn describe(call: Call) -> Result<Value, Fault> {
    let flag = |name: &str| call.params[name] == json!(true);
    let besides = Besides { title: flag("includeDerivedTitles"), last: flag("includeLastMessage") };
    let key = key::full(call.text("key"))?;
    Ok(json!({ "session": show::one(&call.hub, &key, besides).await? }))
}
