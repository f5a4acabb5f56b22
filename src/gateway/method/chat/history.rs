//! `chat.history`: what was said in a session, a page at a time from the newest back, or what came behind a cursor.

use serde_json::{Value, json};

use crate::gateway::hub::Hub;
use crate::gateway::method::{Call, models};
use crate::gateway::sessions::message::{self, Kept};
use crate::gateway::sessions::show::{Besides, Found};
use crate::gateway::sessions::{key, row};
use crate::gateway::shape::{COUNT, Shape, TEXT, WORD, optional, required};
use crate::wire::Fault;

/// Messages of a page where nothing is said.
const LIMIT: u64 = 200;
/// Characters of all texts of a page where nothing is said.
const CHARS: usize = 500_000;

/// Which page.
pub const PARAMS: Shape = Shape::Object(&[
    required("sessionKey", WORD),
    optional("agentId", WORD),
    optional("sessionId", WORD),
    optional("cursor", TEXT),
    optional("limit", Shape::Integer(1, 1000)),
    optional("offset", COUNT),
    optional("maxChars", Shape::Integer(1, CHARS as i64)),
]);

/// The answer.
///
/// # Errors
/// `INVALID_REQUEST` for a key or agent that there is not; what the store says.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    key::check_agent(call.params["agentId"].as_str())?;
    let session_key = key::full(call.text("sessionKey"))?;
    let number = |name: &str| call.params[name].as_f64().map(|number| number as u64);
    let (limit, offset) = (number("limit").unwrap_or(LIMIT), number("offset").unwrap_or(0));
    let max_chars = number("maxChars").map_or(CHARS, |chars| chars as usize);
    let cursor = call.params["cursor"].as_str().filter(|cursor| !cursor.is_empty()).map(Cursor::read);
    let wanted = session_key.clone();
    let behind = cursor.clone();
    let read = call.hub.store.read(move |db| {
        let Some(session) = row::find(db, &wanted)? else { return Ok(None) };
        let page = match behind {
            None => message::page(db, &session.id, limit, offset)?,
            Some(Some(Cursor { session_id, seq })) if session_id == session.id => {
                message::behind(db, &session.id, seq, limit)?
            }
            Some(_) => Vec::new(),
        };
        Ok(Some((Found::of(db, session, Besides { title: true, last: false })?, page)))
    });
    let asked = call.params["sessionKey"].clone();
    let Some((found, page)) = read.await? else {
        return Ok(match cursor {
            Some(_) => json!({ "kind": "reset" }),
            None => empty(&call.hub, asked, &session_key),
        });
    };
    let info = found.show(&call.hub);
    let last = page.last().map_or(0, |kept| kept.seq);
    match cursor {
        None => {
            let mut shown = whole(&call.hub, &found, cut(page, max_chars), offset);
            shown["sessionKey"] = asked;
            shown["sessionInfo"] = info;
            Ok(shown)
        }
        Some(Some(Cursor { session_id, seq })) if session_id == found.session.id => Ok(json!({
            "kind": "delta",
            "deltaCursor": Cursor { session_id, seq: last.max(seq) }.show(),
            "messages": cut(page, max_chars),
            "sessionInfo": info,
        })),
        Some(_) => Ok(json!({ "kind": "reset" })),
    }
}

fn whole(hub: &Hub, found: &Found, messages: Vec<Value>, offset: u64) -> Value {
    let total = found.session.messages;
    let shown = offset + messages.len() as u64;
    let last = messages.last().and_then(|message| message["__openclaw"]["seq"].as_u64()).unwrap_or(0);
    let mut answer = json!({
        "sessionId": found.session.id,
        "pendingInputs": { "items": [], "total": 0 },
        "hasMore": shown < total,
        "totalMessages": total,
        "defaults": models::defaults(hub),
        "messages": messages,
    });
    if shown < total {
        answer["nextOffset"] = json!(shown);
    }
    if offset == 0 {
        answer["deltaCursor"] = json!(Cursor { session_id: found.session.id.clone(), seq: last }.show());
    }
    let active = hub.agent.of_session(&found.session.key);
    if let Some(run) = active.iter().find(|run| run.started_at().is_some()) {
        answer["inFlightRun"] = json!({ "runId": run.id, "text": run.live.borrow().text() });
    }
    answer
}

/// The answer for a session in which nothing was said.
fn empty(hub: &Hub, asked: Value, session_key: &str) -> Value {
    let is_main = session_key == key::MAIN;
    json!({
        "sessionKey": asked,
        "messages": [],
        "pendingInputs": { "items": [], "total": 0 },
        "hasMore": false,
        "totalMessages": 0,
        "defaults": models::defaults(hub),
        "sessionInfo": {
            "key": session_key,
            "kind": "direct",
            "classification": if is_main { "main" } else { "direct" },
            "agentId": key::AGENT,
            "isMain": is_main,
            "isBackground": false,
            "updatedAt": null,
            "archived": false,
            "pinned": false,
            "unread": false,
            "hasActiveRun": false,
            "activeRunIds": [],
        },
    })
}

/// The messages within `max_chars`; the older of them lose their texts first.
fn cut(page: Vec<Kept>, max_chars: usize) -> Vec<Value> {
    let mut left = max_chars;
    let mut messages: Vec<Value> = page.into_iter().map(|kept| kept.message).collect();
    for message in messages.iter_mut().rev() {
        for part in message["content"].as_array_mut().into_iter().flatten() {
            let Some(text) = part["text"].as_str() else { continue };
            let length = text.chars().count();
            if length > left {
                let start: String = text.chars().take(left).collect();
                part["text"] = Value::String(format!("{start}…(truncated)"));
            }
            left = left.saturating_sub(length);
        }
    }
    messages
}

/// A place in a session's history, as a client keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cursor {
    session_id: String,
    seq: u64,
}

impl Cursor {
    fn read(text: &str) -> Option<Cursor> {
        let (session_id, seq) = text.rsplit_once(':')?;
        Some(Cursor { session_id: session_id.to_owned(), seq: seq.parse().ok()? })
    }

    fn show(&self) -> String {
        format!("{}:{}", self.session_id, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Kept {
        Kept { id: "i".into(), seq: 1, run_id: None, message: message::of_text("user", text, 1) }
    }

    #[test]
    fn the_oldest_texts_are_cut_first() {
        let texts = |max| -> Vec<String> {
            cut(vec![kept("oldest"), kept("newest")], max).iter().map(message::text).collect()
        };
        assert_eq!(texts(12), ["oldest", "newest"]);
        assert_eq!(texts(8), ["ol…(truncated)", "newest"]);
        assert_eq!(texts(2), ["…(truncated)", "ne…(truncated)"]);
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Cursor { session_id: "a:b".into(), seq: 7 };
        assert_eq!(Cursor::read(&cursor.show()), Some(cursor));
        assert_eq!(Cursor::read("nonsense"), None);
    }
}
