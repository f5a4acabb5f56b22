//! What was said in a session: messages as JSON, in the form in which clients see them, with the place of each under
//! `__openclaw`, where the real program keeps it.

use rusqlite::{Connection, Result, params};
use serde_json::{Value, json};
use uuid::Uuid;

/// Largest message that is taken, in bytes.
pub const MESSAGE_MAX: usize = 256 * 1024;
/// Messages that one session keeps; beyond that, the oldest are forgotten.
pub const MESSAGES_MAX: u64 = 5000;

/// A message that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Its place in the session, from 1.
    pub seq: u64,
    /// The run that said it.
    pub run_id: Option<String>,
    /// As clients see it.
    pub message: Value,
}

/// Something that `role` said `now`, milliseconds since the epoch, as plain text.
pub fn of_text(role: &str, text: &str, now: u64) -> Value {
    json!({ "role": role, "content": [{ "type": "text", "text": text }], "timestamp": now })
}

/// The text of a message, its parts joined by line ends.
pub fn text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        parts => {
            let parts = parts.as_array().into_iter().flatten();
            let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
            texts.join("\n")
        }
    }
}

/// Keeps a message at the end of the history of `session_id`.
///
/// # Errors
/// What the store says; so everywhere in this file.
pub fn append(db: &Connection, session_id: &str, run_id: Option<&str>, message: &Value) -> Result<Kept> {
    let last = "SELECT coalesce(max(seq), 0) FROM messages WHERE session_id = ?1";
    let seq = db.query_row(last, [session_id], |row| row.get::<_, u64>(0))? + 1;
    let id = Uuid::new_v4().to_string();
    db.execute(
        "INSERT INTO messages (id, session_id, seq, run_id, message) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id, session_id, seq, run_id, message.to_string()],
    )?;
    if seq > MESSAGES_MAX {
        let old = "DELETE FROM messages WHERE session_id = ?1 AND seq <= ?2";
        db.execute(old, params![session_id, seq - MESSAGES_MAX])?;
    }
    Ok(Kept { message: placed(message.clone(), &id, seq), id, seq, run_id: run_id.map(str::to_owned) })
}

/// At most `limit` messages of the history, oldest first, without the newest `offset`.
///
/// # Errors
/// As [`append`].
pub fn page(db: &Connection, session_id: &str, limit: u64, offset: u64) -> Result<Vec<Kept>> {
    let newest = "SELECT id, seq, run_id, message FROM messages WHERE session_id = ?1 ORDER BY seq DESC LIMIT ?2 OFFSET ?3";
    let mut page = read(db, newest, params![session_id, limit, offset])?;
    page.reverse();
    Ok(page)
}

/// At most `limit` messages behind the place `seq`, oldest first.
///
/// # Errors
/// As [`append`].
pub fn behind(db: &Connection, session_id: &str, seq: u64, limit: u64) -> Result<Vec<Kept>> {
    let next = "SELECT id, seq, run_id, message FROM messages WHERE session_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    read(db, next, params![session_id, seq, limit])
}

/// Keeps only the newest `most` messages; how many were there before and after.
///
/// # Errors
/// As [`append`].
pub fn shorten(db: &Connection, session_id: &str, most: u64) -> Result<(u64, u64)> {
    let count = "SELECT count(*), coalesce(max(seq), 0) FROM messages WHERE session_id = ?1";
    let (before, last) =
        db.query_row(count, [session_id], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)))?;
    let old = "DELETE FROM messages WHERE session_id = ?1 AND seq <= ?2";
    let gone = db.execute(old, params![session_id, last.saturating_sub(most)])?;
    Ok((before, before - gone as u64))
}

/// The first thing that a person said in it, where that is still kept.
///
/// # Errors
/// As [`append`].
pub fn first_words(db: &Connection, session_id: &str) -> Result<Option<String>> {
    let first = "SELECT id, seq, run_id, message FROM messages WHERE session_id = ?1 \
                 AND json_extract(message, '$.role') = 'user' ORDER BY seq LIMIT 1";
    Ok(read(db, first, params![session_id])?.first().map(|kept| text(&kept.message)))
}

fn read(db: &Connection, query: &str, what: &[&dyn rusqlite::ToSql]) -> Result<Vec<Kept>> {
    let mut query = db.prepare_cached(query)?;
    let rows = query.query_map(what, |row| {
        let (id, seq, run_id) = (row.get::<_, String>(0)?, row.get(1)?, row.get(2)?);
        let text: String = row.get(3)?;
        let message = serde_json::from_str(&text).unwrap_or_default();
        Ok(Kept { message: placed(message, &id, seq), id, seq, run_id })
    })?;
    rows.collect()
}

fn placed(mut message: Value, id: &str, seq: u64) -> Value {
    message["__openclaw"] = json!({ "id": id, "seq": seq });
    message
}
