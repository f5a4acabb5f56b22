//! A session as clients see it, in the keys of the real program.

use serde_json::{Value, json};

use super::row::Session;
use super::run::{Record, Status};
use super::{key, message, row, run};
use crate::gateway::hub::Hub;
use crate::host::clock;
use crate::wire::Fault;

/// Longest title or preview, in characters.
const WORDS_MAX: usize = 120;

/// What is to be shown beside the row itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Besides {
    /// A title from the first words that a person said.
    pub title: bool,
    /// The last message.
    pub last: bool,
}

/// A session with what else is known of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The row.
    pub session: Session,
    title: Option<String>,
    last_words: Option<String>,
    last_run: Option<Record>,
}

impl Found {
    /// Looks up what is to be shown beside `session`.
    ///
    /// # Errors
    /// What the store says.
    pub fn of(db: &rusqlite::Connection, session: Session, besides: Besides) -> rusqlite::Result<Found> {
        let title = if besides.title { message::first_words(db, &session.id)? } else { None };
        let last_words = match besides.last {
            true => message::page(db, &session.id, 1, 0)?.first().map(|kept| message::text(&kept.message)),
            false => None,
        };
        let last_run = run::last(db, &session.key)?;
        Ok(Found { session, title, last_words, last_run })
    }

    /// As clients see it.
    pub fn show(&self, hub: &Hub) -> Value {
        let session = &self.session;
        let active: Vec<String> =
            hub.agent.of_session(&session.key).iter().map(|run| run.id.clone()).collect();
        let is_main = session.key == key::MAIN;
        let mut shown = json!({
            "key": session.key,
            "sessionId": session.id,
            "kind": "direct",
            "classification": if is_main { "main" } else { "direct" },
            "agentId": key::AGENT,
            "isMain": is_main,
            "isBackground": false,
            "createdAt": session.created_at,
            "updatedAt": session.updated_at,
            "lastActivityAt": session.updated_at,
            "archived": session.archived,
            "pinned": session.pinned,
            "unread": session.unread,
            "messageCount": session.messages,
            "inputTokens": session.input_tokens,
            "outputTokens": session.output_tokens,
            "totalTokens": session.input_tokens + session.output_tokens,
            "totalTokensFresh": true,
            "hasActiveRun": !active.is_empty(),
            "activeRunIds": active,
            "effectiveQueueMode": "followup",
            "modelOverrideSource": session.model.as_ref().map(|_| "user"),
            "snapshotAt": clock::epoch_ms(),
        });
        let texts = [
            ("label", session.label.clone()),
            ("displayName", session.label.clone()),
            ("derivedTitle", self.title.as_deref().map(shorten)),
            ("lastMessagePreview", self.last_words.as_deref().map(shorten)),
        ];
        for (name, text) in texts.into_iter().filter_map(|(name, text)| text.map(|text| (name, text))) {
            shown[name] = json!(text);
        }
        if !active.is_empty() {
            shown["status"] = json!("running");
        }
        if let Some(run) = &self.last_run {
            shown["lastRunId"] = json!(run.id);
            if active.is_empty() {
                shown["status"] = json!(word(run.status));
            }
            if run.status == Status::Error {
                shown["lastRunError"] = json!(shorten(&run.text));
            }
        }
        shown
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Open => "running",
        Status::Ok => "done",
        Status::Aborted => "killed",
        Status::Error => "failed",
    }
}

/// The session of that full key as clients see it.
///
/// # Errors
/// What the store says.
pub async fn one(hub: &Hub, session_key: &str, besides: Besides) -> Result<Option<Value>, Fault> {
    let session_key = session_key.to_owned();
    let found = hub.store.read(move |db| {
        row::find(db, &session_key)?.map(|session| Found::of(db, session, besides)).transpose()
    });
    Ok(found.await?.map(|found| found.show(hub)))
}

/// The first words of a text, on one line.
pub fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(WORDS_MAX) {
        None => line,
        Some((at, _)) => format!("{}…", &line[..at]),
    }
}
