//! Tools for sessions: listing them, reading one, saying something in another. For authors who may do the same by hand.

use std::time::Duration;

use serde_json::{Value, json};

use super::tool::{Tool, Used};
use super::{Begun, Errand, Outcome, begin};
use crate::gateway::scope;
use crate::gateway::sessions::{key, message, row, show};

/// Sessions that are listed, and messages that are read, at most.
const LISTED: usize = 50;
const READ: u64 = 50;
/// Characters of one message that are shown.
const CHARS: usize = 2000;
/// How long an answer in another session is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// What marks the runs that a tool began; those begin no others, so that two sessions do not talk for ever.
const BY_TOOL: &str = "tool:";

/// The tools.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "sessions_list",
        does: "Lists the conversations of this gateway, the last changed first.",
        takes: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        here: |_, author| author.may(scope::READ),
        run: |used| Box::pin(list(used)),
    },
    Tool {
        name: "sessions_history",
        does: "Reads the newest messages of a conversation.",
        takes: || {
            json!({
                "type": "object",
                "properties": {
                    "session": { "type": "string", "description": "its key, as sessions_list gives it" },
                    "limit": { "type": "integer", "minimum": 1, "maximum": READ },
                },
                "required": ["session"],
                "additionalProperties": false,
            })
        },
        here: |_, author| author.may(scope::READ),
        run: |used| Box::pin(history(used)),
    },
    Tool {
        name: "sessions_send",
        does: "Says something in another conversation and gives back what is answered there.",
        takes: || {
            json!({
                "type": "object",
                "properties": { "session": { "type": "string" }, "message": { "type": "string" } },
                "required": ["session", "message"],
                "additionalProperties": false,
            })
        },
        here: |_, author| author.may(scope::WRITE),
        run: |used| Box::pin(send(used)),
    },
];

async fn list(used: Used) -> Result<String, String> {
    let all = used.hub.store.read(row::all).await.map_err(|fault| fault.message)?;
    let listed: Vec<Value> = all
        .iter()
        .take(LISTED)
        .map(|session| {
            json!({
                "key": session.key,
                "label": session.label,
                "messages": session.messages,
                "updatedAtMs": session.updated_at,
            })
        })
        .collect();
    Ok(json!({ "sessions": listed, "total": all.len() }).to_string())
}

async fn history(used: Used) -> Result<String, String> {
    let wanted = key::full(used.text("session")).map_err(|fault| fault.message)?;
    let limit = used.args["limit"].as_u64().unwrap_or(20).clamp(1, READ);
    let read = used.hub.store.read(move |db| match row::find(db, &wanted)? {
        Some(session) => message::page(db, &session.id, limit, 0).map(Some),
        None => Ok(None),
    });
    let page = read.await.map_err(|fault| fault.message)?;
    let page = page.ok_or_else(|| format!("there is no session {}", show::shorten(used.text("session"))))?;
    let said: Vec<Value> = page
        .iter()
        .map(|kept| {
            let text: String = message::text(&kept.message).chars().take(CHARS).collect();
            json!({ "role": kept.message["role"], "text": text, "atMs": kept.message["timestamp"] })
        })
        .collect();
    Ok(json!({ "messages": said }).to_string())
}

async fn send(used: Used) -> Result<String, String> {
    let wanted = key::full(used.text("session")).map_err(|fault| fault.message)?;
    if wanted == used.session_key {
        return Err("that is this very conversation".into());
    }
    if used.run_id.starts_with(BY_TOOL) {
        return Err("a message that came from another conversation cannot be passed on to a third".into());
    }
    let errand = Errand {
        session_key: wanted,
        message: used.text("message").to_owned(),
        author: used.author.clone(),
        run_id: format!("{BY_TOOL}{}", uuid::Uuid::new_v4()),
        timeout: Some(PATIENCE),
    };
    match begin(&used.hub, errand).await.map_err(|fault| fault.message)? {
        Begun::Now(run) | Begun::Before(run) => match run.outcome().await {
            Outcome::Answered(text) => Ok(text),
            Outcome::Aborted => Err("the answer was ended by somebody".into()),
            Outcome::Failed(words) => Err(words),
        },
        Begun::Past(_) => Err("that was said already".into()),
    }
}
