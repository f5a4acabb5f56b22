//! The sessions themselves in the store.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use uuid::Uuid;

use super::key;

/// Sessions that are kept; beyond that, the one that rested longest is forgotten.
pub const SESSIONS_MAX: usize = 500;

const COLUMNS: &str = "key, id, label, model, pinned, archived, unread, created_at, updated_at, input_tokens, output_tokens, \
     (SELECT count(*) FROM messages WHERE session_id = sessions.id)";

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its key, for life.
    pub key: String,
    /// Its id, until it is reset.
    pub id: String,
    /// What it is called.
    pub label: Option<String>,
    /// The model that was chosen for it, `provider/model`.
    pub model: Option<String>,
    /// Whether it is to stand on top.
    pub pinned: bool,
    /// Whether it was put away.
    pub archived: bool,
    /// Whether it was marked as not read.
    pub unread: bool,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// The same.
    pub updated_at: u64,
    /// Tokens that models read for it.
    pub input_tokens: u64,
    /// Tokens that models wrote for it.
    pub output_tokens: u64,
    /// Messages in its history.
    pub messages: u64,
}

fn session(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        key: row.get(0)?,
        id: row.get(1)?,
        label: row.get(2)?,
        model: row.get(3)?,
        pinned: row.get(4)?,
        archived: row.get(5)?,
        unread: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        input_tokens: row.get(9)?,
        output_tokens: row.get(10)?,
        messages: row.get(11)?,
    })
}

/// The session of that key.
///
/// # Errors
/// What the store says; so everywhere in this folder.
pub fn find(db: &Connection, key: &str) -> Result<Option<Session>> {
    db.query_row(&format!("SELECT {COLUMNS} FROM sessions WHERE key = ?1"), [key], session).optional()
}

/// Every session, the last changed first.
///
/// # Errors
/// As [`find`].
pub fn all(db: &Connection) -> Result<Vec<Session>> {
    let mut all = db.prepare(&format!("SELECT {COLUMNS} FROM sessions ORDER BY updated_at DESC, key"))?;
    all.query_map([], session)?.collect()
}

/// The session of that key, made where there is none; it counts as changed `now`, milliseconds since the epoch.
///
/// # Errors
/// As [`find`].
pub fn touch(db: &Connection, key: &str, now: u64) -> Result<Session> {
    db.execute(
        "INSERT INTO sessions (key, id, created_at, updated_at) VALUES (?1, ?2, ?3, ?3)
         ON CONFLICT (key) DO UPDATE SET updated_at = ?3",
        params![key, Uuid::new_v4().to_string(), now],
    )?;
    // The main session is the gateway's own: it stays, however long nobody spoke there.
    db.execute(
        "DELETE FROM sessions WHERE key IN (SELECT key FROM sessions WHERE key NOT IN (?1, ?2)
         ORDER BY pinned DESC, updated_at DESC LIMIT -1 OFFSET ?3)",
        params![key, key::MAIN, SESSIONS_MAX - 2],
    )?;
    db.query_row(&format!("SELECT {COLUMNS} FROM sessions WHERE key = ?1"), [key], session)
}

/// What a client may change of a session; `None` leaves it, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What it is called.
    pub label: Option<Option<String>>,
    /// The model for it.
    pub model: Option<Option<String>>,
    /// Whether it is to stand on top.
    pub pinned: Option<bool>,
    /// Whether it is put away.
    pub archived: Option<bool>,
    /// Whether it is marked as not read.
    pub unread: Option<bool>,
}

/// Changes the session of that key; it is made where there is none.
///
/// # Errors
/// As [`find`].
pub fn change(db: &Connection, key: &str, change: Change, now: u64) -> Result<Session> {
    let old = touch(db, key, now)?;
    db.execute(
        "UPDATE sessions SET label = ?2, model = ?3, pinned = ?4, archived = ?5, unread = ?6 WHERE key = ?1",
        params![
            key,
            change.label.unwrap_or(old.label),
            change.model.unwrap_or(old.model),
            change.pinned.unwrap_or(old.pinned),
            change.archived.unwrap_or(old.archived),
            change.unread.unwrap_or(old.unread),
        ],
    )?;
    touch(db, key, now)
}

/// Begins the session anew: another id, an empty history.
///
/// # Errors
/// As [`find`].
pub fn reset(db: &Connection, key: &str, now: u64) -> Result<Session> {
    let old = touch(db, key, now)?;
    db.execute("DELETE FROM messages WHERE session_id = ?1", [&old.id])?;
    db.execute(
        "UPDATE sessions SET id = ?2, input_tokens = 0, output_tokens = 0 WHERE key = ?1",
        params![key, Uuid::new_v4().to_string()],
    )?;
    touch(db, key, now)
}

/// Forgets the session and its history; whether there was one.
///
/// # Errors
/// As [`find`].
pub fn delete(db: &Connection, key: &str) -> Result<bool> {
    Ok(db.execute("DELETE FROM sessions WHERE key = ?1", [key])? > 0)
}

/// Adds what a model read and wrote for the session.
///
/// # Errors
/// As [`find`].
pub fn count_tokens(db: &Connection, key: &str, input: u64, output: u64) -> Result<()> {
    let add = "UPDATE sessions SET input_tokens = input_tokens + ?2, output_tokens = output_tokens + ?3 WHERE key = ?1";
    db.execute(add, params![key, input, output]).map(drop)
}
