//! What was asked of the agent and what came of it, by the key that the caller gave: the same key again is the same
//! run, also after the gateway was started anew.

use rusqlite::{Connection, OptionalExtension, Result, params};

/// Runs that are remembered; beyond that, the oldest are forgotten.
const RUNS_MAX: u64 = 10_000;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waiting or under way.
    Open,
    /// Answered.
    Ok,
    /// Ended by someone.
    Aborted,
    /// Failed.
    Error,
}

impl Status {
    const WORDS: [(&'static str, Status); 4] =
        [("open", Status::Open), ("ok", Status::Ok), ("aborted", Status::Aborted), ("error", Status::Error)];

    fn word(self) -> &'static str {
        Status::WORDS.iter().find(|(_, status)| *status == self).map_or("error", |(word, _)| word)
    }

    fn read(word: &str) -> Status {
        Status::WORDS.iter().find(|(known, _)| *known == word).map_or(Status::Error, |(_, status)| *status)
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// The session that it is of.
    pub session_key: String,
    /// How it stands.
    pub status: Status,
    /// The answer, or what went wrong.
    pub text: String,
    /// Milliseconds since the epoch.
    pub started_at: u64,
    /// The same, once it has ended.
    pub ended_at: Option<u64>,
}

/// The run of that id.
///
/// # Errors
/// What the store says; so everywhere in this file.
pub fn find(db: &Connection, id: &str) -> Result<Option<Record>> {
    let query = "SELECT id, session_key, status, text, started_at, ended_at FROM runs WHERE id = ?1";
    db.query_row(query, [id], |row| {
        Ok(Record {
            id: row.get(0)?,
            session_key: row.get(1)?,
            status: Status::read(&row.get::<_, String>(2)?),
            text: row.get(3)?,
            started_at: row.get(4)?,
            ended_at: row.get(5)?,
        })
    })
    .optional()
}

/// Notes that a run begins `now`, milliseconds since the epoch; the earlier one where there is one of that id.
///
/// # Errors
/// As [`find`].
pub fn open(db: &Connection, id: &str, session_key: &str, now: u64) -> Result<Option<Record>> {
    if let Some(known) = find(db, id)? {
        return Ok(Some(known));
    }
    db.execute(
        "INSERT INTO runs (id, session_key, status, started_at) VALUES (?1, ?2, ?3, ?4)",
        params![id, session_key, Status::Open.word(), now],
    )?;
    let old = "DELETE FROM runs WHERE place <= (SELECT max(place) FROM runs) - ?1 AND status <> 'open'";
    db.execute(old, [RUNS_MAX])?;
    Ok(None)
}

/// Notes how a run ended.
///
/// # Errors
/// As [`find`].
pub fn close(db: &Connection, id: &str, status: Status, text: &str, now: u64) -> Result<()> {
    let end = "UPDATE runs SET status = ?2, text = ?3, ended_at = ?4 WHERE id = ?1";
    db.execute(end, params![id, status.word(), text, now]).map(drop)
}

/// Ends every run that an earlier life of the gateway left open, with `why`; how many there were.
///
/// # Errors
/// As [`find`].
pub fn close_all(db: &Connection, why: &str, now: u64) -> Result<usize> {
    let end = "UPDATE runs SET status = 'error', text = ?1, ended_at = ?2 WHERE status = 'open'";
    db.execute(end, params![why, now])
}

/// How the newest run of a session stands, and what went wrong with it.
///
/// # Errors
/// As [`find`].
pub fn last(db: &Connection, session_key: &str) -> Result<Option<Record>> {
    let newest = "SELECT id FROM runs WHERE session_key = ?1 ORDER BY place DESC LIMIT 1";
    let id: Option<String> = db.query_row(newest, [session_key], |row| row.get(0)).optional()?;
    id.map_or(Ok(None), |id| find(db, &id))
}
