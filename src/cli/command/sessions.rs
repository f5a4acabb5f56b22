//! `sessions list` and `sessions history`: conversations that the gateway keeps.

use serde_json::{Value, json};

use super::{objects, params, sessions_delete, sessions_send};
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::{History, Sessions};
use crate::cli::line::ask;
use crate::cli::render::{Listing, cell};
use crate::host::clock::epoch_ms;

/// Runs one of them.
pub async fn run(context: &Context, command: &Sessions) -> Result<()> {
    match command {
        Sessions::List { limit, active, agent } => {
            let asked = params(&[
                ("limit", json!(limit)),
                ("activeMinutes", json!(active)),
                ("agentId", json!(agent)),
            ]);
            let mut document = ask(context, "sessions.list", asked).await?;
            let now = epoch_ms();
            // As the real program's list has it.
            if let Some(document) = document.as_object_mut() {
                document.insert("activeMinutes".into(), json!(active));
            }
            for session in objects(&mut document, "sessions") {
                let age = session.get("updatedAt").and_then(Value::as_u64).map(|at| now.saturating_sub(at));
                session.insert("ageMs".into(), json!(age));
                session.entry("totalTokens").or_insert(Value::Null);
            }
            context.render.answer(&document, table);
            Ok(())
        }
        Sessions::History(history) => print(context, history).await,
        Sessions::Send(send) => sessions_send::run(context, send).await,
        Sessions::Delete(delete) => sessions_delete::run(context, delete).await,
    }
}

fn table(document: &Value) -> Listing {
    let now = epoch_ms();
    let mut listing = Listing::new(&["SESSION", "KIND", "AGENT", "MODEL", "TOKENS", "ACTIVE"], "no sessions");
    for session in document["sessions"].as_array().into_iter().flatten() {
        listing.row([
            cell::text(&session["key"]),
            cell::text(&session["kind"]),
            cell::text(&session["agentId"]),
            cell::text(&session["model"]),
            cell::text(&session["totalTokens"]),
            cell::distance(now, &session["updatedAt"]),
        ]);
    }
    listing
}

async fn print(context: &Context, history: &History) -> Result<()> {
    let mut params = json!({ "sessionKey": history.key });
    if let Some(limit) = history.limit {
        params["limit"] = json!(limit);
    }
    let document = ask(context, "chat.history", params).await?;
    if context.render.is_json() {
        context.render.document(&document);
        return Ok(());
    }
    let messages = document["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    if messages.is_empty() {
        context.render.text("no messages\n");
    }
    for message in messages {
        let said = said(&message["content"]);
        context.render.text(&format!("{}: {said}\n", cell::text(&message["role"])));
    }
    Ok(())
}

/// A message's text: a text, or parts of which some are text. Line breaks stay, other control characters do not.
fn said(content: &Value) -> String {
    let whole = |text: &str| text.lines().map(cell::clean).collect::<Vec<_>>().join("\n");
    let part = |part: &Value| match (part["text"].as_str(), part["type"].as_str()) {
        (Some(text), _) => whole(text),
        (None, kind) => format!("[{}]", cell::clean(kind.unwrap_or("part"))),
    };
    match content {
        Value::String(text) => whole(text),
        Value::Array(parts) => parts.iter().map(part).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_text_or_parts() {
        assert_eq!(said(&json!("a\nb\u{7}")), "a\nb ");
        assert_eq!(said(&json!([{"type": "text", "text": "hi"}, {"type": "toolCall"}])), "hi\n[toolCall]");
        assert_eq!(said(&Value::Null), "");
    }
}
