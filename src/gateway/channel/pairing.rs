//! Codes by which people are let in to private chats: asked for by writing to the bot, approved by an operator.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::telegram::gate::Known;
use crate::gateway::store::Store;
use crate::wire::Fault;

/// How long a code can be approved, in milliseconds.
pub const TTL_MS: u64 = 3600 * 1000;
/// People of one account who may wait at a time; others are not answered, so that nobody is kept busy.
pub const PENDING_MAX: usize = 3;
/// Letters of a code.
const CODE_LEN: usize = 8;
/// The letters: 32, none of which is taken for another.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Someone who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The channel.
    pub channel: String,
    /// The account that was written to.
    pub account: String,
    /// Who wrote.
    pub sender: String,
    /// The code.
    pub code: String,
    /// The sender's name for people.
    pub label: String,
    /// The sender's name without `@`; empty where there is none.
    pub username: String,
    /// When it was asked for.
    pub created_at_ms: u64,
    /// When the sender wrote last.
    pub seen_at_ms: u64,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A code was made; the sender is to be told.
    New(Request),
    /// The sender has one already, or has been let in since it was looked at.
    Before,
    /// Too many wait.
    Full,
}

/// A code that cannot be guessed: 40 random bits.
fn code() -> String {
    // The first five bytes of a random UUID are random throughout.
    let bits = Uuid::new_v4().as_bytes()[..5].iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
    (0..CODE_LEN).map(|at| LETTERS[(bits >> (5 * at)) as usize & 31] as char).collect()
}

/// Notes that the sender of `request`, whose code is not read, wants to be let in.
pub async fn ask(store: &Store, request: Request, now: u64) -> Result<Asked, Fault> {
    let request = Request { code: code(), created_at_ms: now, seen_at_ms: now, ..request };
    store
        .write(move |db| {
            forget_old(db, now)?;
            let Request { channel, account, sender, label, username, .. } = &request;
            let sql = "SELECT EXISTS (SELECT 1 FROM channel_senders
                       WHERE channel = ?1 AND account = ?2 AND sender = ?3)";
            if db.query_row(sql, params![channel, account, sender], |row| row.get(0))? {
                return Ok(Asked::Before);
            }
            let sql = "UPDATE channel_requests SET seen_at_ms = ?4, label = ?5, username = ?6
                       WHERE channel = ?1 AND account = ?2 AND sender = ?3";
            if db.execute(sql, params![channel, account, sender, now as i64, label, username])? > 0 {
                return Ok(Asked::Before);
            }
            let sql = "SELECT count(*) FROM channel_requests WHERE channel = ?1 AND account = ?2";
            let waiting: i64 = db.query_row(sql, params![channel, account], |row| row.get(0))?;
            if waiting as usize >= PENDING_MAX {
                return Ok(Asked::Full);
            }
            let sql = "INSERT INTO channel_requests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";
            db.execute(sql, params![channel, account, sender, request.code, label, username, now as i64])?;
            Ok(Asked::New(request))
        })
        .await
}

/// Who waits, the first one first.
pub async fn list(store: &Store, now: u64) -> Result<Vec<Request>, Fault> {
    let since = now.saturating_sub(TTL_MS) as i64;
    store
        .read(move |db| {
            let sql = "SELECT * FROM channel_requests WHERE created_at_ms > ?1 ORDER BY created_at_ms";
            db.prepare(sql)?.query_map([since], read)?.collect()
        })
        .await
}

/// Ends the wait of whoever has `code`: lets them in where `approve` says so, and makes them an owner where it says
/// that too. `None` where nobody has it any more.
pub async fn end(
    store: &Store,
    place: (String, String),
    code: String,
    approve: Option<bool>,
    now: u64,
) -> Result<Option<Request>, Fault> {
    store
        .write(move |db| {
            forget_old(db, now)?;
            let (channel, account) = place;
            let code = code.trim().to_ascii_uppercase();
            let sql =
                "DELETE FROM channel_requests WHERE channel = ?1 AND account = ?2 AND code = ?3 RETURNING *";
            let found = db.query_row(sql, params![channel, account, code], read).optional()?;
            if let (Some(request), Some(owner)) = (&found, approve) {
                let sql = "INSERT INTO channel_senders VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                           ON CONFLICT (channel, account, sender) DO UPDATE
                           SET label = ?4, owner = max(owner, ?5), approved_at_ms = ?6";
                let Request { channel, account, sender, label, .. } = request;
                db.execute(sql, params![channel, account, sender, label, owner, now as i64])?;
            }
            Ok(found)
        })
        .await
}

/// What is noted of a sender.
pub async fn known(
    store: &Store,
    channel: &'static str,
    account: String,
    sender: String,
) -> Result<Known, Fault> {
    store
        .read(move |db| {
            let sql = "SELECT owner FROM channel_senders WHERE channel = ?1 AND account = ?2 AND sender = ?3";
            let owner: Option<bool> =
                db.query_row(sql, params![channel, account, sender], |row| row.get(0)).optional()?;
            Ok(Known { approved: owner.is_some(), owner: owner == Some(true) })
        })
        .await
}

/// Those whom approvals made owners, on any account of the channel.
pub async fn owners(store: &Store, channel: &'static str) -> Result<Vec<String>, Fault> {
    let sql = "SELECT DISTINCT sender FROM channel_senders WHERE channel = ?1 AND owner = 1 ORDER BY sender";
    store.read(move |db| db.prepare(sql)?.query_map([channel], |row| row.get(0))?.collect()).await
}

/// Whether an approval made anybody an owner.
pub async fn has_owner(store: &Store) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM channel_senders WHERE owner = 1)";
    store.read(move |db| db.query_row(sql, [], |row| row.get(0))).await
}

/// Forgets everybody whom approvals let in to an account; how many those were.
pub async fn forget(store: &Store, channel: &'static str, account: String) -> Result<usize, Fault> {
    store
        .write(move |db| {
            db.execute(
                "DELETE FROM channel_requests WHERE channel = ?1 AND account = ?2",
                [channel, &account],
            )?;
            db.execute("DELETE FROM channel_senders WHERE channel = ?1 AND account = ?2", [channel, &account])
        })
        .await
}

fn forget_old(db: &Connection, now: u64) -> rusqlite::Result<()> {
    let since = now.saturating_sub(TTL_MS) as i64;
    db.execute("DELETE FROM channel_requests WHERE created_at_ms <= ?1", [since]).map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Request> {
    Ok(Request {
        channel: row.get("channel")?,
        account: row.get("account")?,
        sender: row.get("sender")?,
        code: row.get("code")?,
        label: row.get("label")?,
        username: row.get("username")?,
        created_at_ms: row.get::<_, i64>("created_at_ms")? as u64,
        seen_at_ms: row.get::<_, i64>("seen_at_ms")? as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(sender: &str) -> Request {
        Request {
            channel: "telegram".into(),
            account: "default".into(),
            sender: sender.into(),
            code: String::new(),
            label: "Ana".into(),
            username: String::new(),
            created_at_ms: 0,
            seen_at_ms: 0,
        }
    }

    #[test]
    fn a_code_has_eight_letters_that_nobody_confuses() {
        let codes: std::collections::HashSet<String> = (0..100).map(|_| code()).collect();
        assert_eq!(codes.len(), 100);
        for code in codes {
            assert!(code.len() == CODE_LEN && !code.contains(['0', 'O', '1', 'I']), "{code}");
        }
    }

    #[tokio::test]
    async fn few_wait_at_a_time_and_none_for_long() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("store.sqlite")).unwrap();
        let place = || ("telegram".to_owned(), "default".to_owned());
        let now = 10 * TTL_MS;
        let Asked::New(first) = ask(&store, wants("5"), now).await.unwrap() else { panic!() };
        assert_eq!(ask(&store, wants("5"), now + 1).await.unwrap(), Asked::Before);
        ask(&store, wants("6"), now).await.unwrap();
        ask(&store, wants("7"), now).await.unwrap();
        assert_eq!(ask(&store, wants("8"), now).await.unwrap(), Asked::Full);
        assert_eq!(list(&store, now).await.unwrap().len(), 3);
        let wrong = end(&store, place(), "AAAAAAAA".into(), Some(true), now).await.unwrap();
        assert_eq!(wrong, None);
        let elsewhere = ("telegram".to_owned(), "other".to_owned());
        assert_eq!(end(&store, elsewhere, first.code.clone(), Some(true), now).await.unwrap(), None);
        let code = first.code.to_lowercase();
        let let_in = end(&store, place(), code.clone(), Some(true), now).await.unwrap().unwrap();
        assert_eq!(let_in.sender, "5");
        assert_eq!(ask(&store, wants("5"), now).await.unwrap(), Asked::Before, "nobody asks who is in");
        // A code counts once.
        assert_eq!(end(&store, place(), code, Some(true), now).await.unwrap(), None);
        let known = known(&store, "telegram", "default".into(), "5".into()).await.unwrap();
        assert_eq!(known, Known { approved: true, owner: true });
        assert!(has_owner(&store).await.unwrap());
        assert_eq!(owners(&store, "telegram").await.unwrap(), ["5"]);
        // An hour later the others have to ask anew.
        assert!(list(&store, now + TTL_MS).await.unwrap().is_empty());
        assert!(matches!(ask(&store, wants("6"), now + TTL_MS).await.unwrap(), Asked::New(_)));
        assert_eq!(forget(&store, "telegram", "default".into()).await.unwrap(), 1);
        assert!(!has_owner(&store).await.unwrap());
    }
}
