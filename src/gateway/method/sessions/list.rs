//! `sessions.list`: the sessions, a page at a time.

use serde_json::{Value, json};

use crate::gateway::method::{Call, models};
use crate::gateway::sessions::key;
use crate::gateway::sessions::row::{self, Session};
use crate::gateway::sessions::show::{Besides, Found};
use crate::gateway::shape::{COUNT, Shape, TEXT, WORD, optional};
use crate::host::clock;
use crate::wire::Fault;

/// Sessions of a page where nothing is said.
const LIMIT: u64 = 100;

/// Which sessions.
pub const PARAMS: Shape = Shape::Object(&[
    optional("limit", Shape::Integer(1, i64::MAX)),
    optional("offset", COUNT),
    optional("activeMinutes", Shape::Integer(1, i64::MAX)),
    optional("requireLastInteraction", Shape::Boolean),
    optional("sortBy", Shape::OneOf(&["updatedAt", "lastInteractionAt"])),
    optional("includeGlobal", Shape::Boolean),
    optional("includeUnknown", Shape::Boolean),
    optional("configuredAgentsOnly", Shape::Boolean),
    optional("includeDerivedTitles", Shape::Boolean),
    optional("includeLastMessage", Shape::Boolean),
    optional("label", Shape::Text(1, 512)),
    optional("agentId", WORD),
    optional("search", TEXT),
    optional("archived", Shape::Any),
]);

/// Which sessions are asked for.
struct Wanted {
    since: u64,
    label: Option<String>,
    search: String,
    archived: Option<bool>,
    nobody: bool,
}

impl Wanted {
    fn read(params: &Value, now: u64) -> Result<Wanted, Fault> {
        let archived = match &params["archived"] {
            Value::Null => Some(false),
            Value::Bool(archived) => Some(*archived),
            Value::String(all) if all == "all" => None,
            _ => {
                let wrong = "invalid sessions.list params: at /archived: must be equal to constant";
                return Err(Fault::invalid(wrong));
            }
        };
        let minutes = params["activeMinutes"].as_f64().map_or(0, |minutes| minutes as u64);
        let agent = params["agentId"].as_str().unwrap_or(key::AGENT);
        Ok(Wanted {
            since: if minutes == 0 { 0 } else { now.saturating_sub(minutes.saturating_mul(60_000)) },
            label: params["label"].as_str().map(str::to_owned),
            search: params["search"].as_str().unwrap_or_default().trim().to_lowercase(),
            archived,
            nobody: !agent.eq_ignore_ascii_case(key::AGENT),
        })
    }

    fn takes(&self, session: &Session) -> bool {
        let found = |text: &str| text.to_lowercase().contains(&self.search);
        !self.nobody
            && session.updated_at >= self.since
            && self.archived.is_none_or(|archived| session.archived == archived)
            && self.label.as_ref().is_none_or(|label| session.label.as_ref() == Some(label))
            && (self.search.is_empty() || found(&session.key) || session.label.as_deref().is_some_and(found))
    }
}

/// The answer.
///
/// # Errors
/// `INVALID_REQUEST` for a wrong word; what the store says.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let now = clock::epoch_ms();
    let number = |name: &str| call.params[name].as_f64().map(|number| number as u64);
    let (limit, offset) = (number("limit").unwrap_or(LIMIT), number("offset").unwrap_or(0));
    let flag = |name: &str| call.params[name] == json!(true);
    let besides = Besides { title: flag("includeDerivedTitles"), last: flag("includeLastMessage") };
    let wanted = Wanted::read(&call.params, now)?;
    let read = call.hub.store.read(move |db| {
        let all: Vec<Session> = row::all(db)?.into_iter().filter(|session| wanted.takes(session)).collect();
        let total = all.len() as u64;
        let page = all.into_iter().skip(offset as usize).take(limit as usize);
        let page = page.map(|session| Found::of(db, session, besides)).collect::<Result<Vec<_>, _>>()?;
        Ok((total, page))
    });
    let (total, page) = read.await?;
    let sessions: Vec<Value> = page.iter().map(|found| found.show(&call.hub)).collect();
    let shown = offset + sessions.len() as u64;
    Ok(json!({
        "ts": now,
        "path": call.hub.options.store.display().to_string(),
        "count": sessions.len(),
        "totalCount": total,
        "limitApplied": limit,
        "nextOffset": (shown < total).then_some(shown),
        "hasMore": shown < total,
        "owners": [],
        "defaults": models::defaults(&call.hub),
        "sessions": sessions,
    }))
}
