//! What a channel has taken in, on the disk: first the message, then that it need not be asked for again, in one step;
//! so a gateway that is killed at any instant neither loses a message nor takes it twice.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::gateway::store::Store;
use crate::wire::Fault;

/// How long a number is remembered that was done with. Telegram forgets updates after a day.
const KEPT_MS: u64 = 3 * 24 * 3600 * 1000;
/// After so long without updates Telegram may count on from anywhere, so an old place says nothing.
const PLACE_MS: u64 = 6 * 24 * 3600 * 1000;
/// A message that could not be answered for so long is not answered any more.
const WAITS_MS: u64 = 24 * 3600 * 1000;

/// Something taken in and not done with.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its number among the bot's.
    pub number: i64,
    /// What came.
    pub update: Value,
    /// What is answered, where that is known.
    pub reply: Option<String>,
    /// Parts of the reply that have gone out.
    pub sent: usize,
}

/// The number to ask for next; `None` where any may come.
pub async fn next(store: &Store, bot: i64, now: u64) -> Result<Option<i64>, Fault> {
    let since = now.saturating_sub(PLACE_MS) as i64;
    store
        .read(move |db| {
            let sql = "SELECT next FROM channel_offsets WHERE bot = ?1 AND moved_at_ms > ?2";
            db.query_row(sql, params![bot, since], |row| row.get(0)).optional()
        })
        .await
}

/// Takes `updates` in and gives those that are new.
pub async fn take(store: &Store, bot: i64, updates: Vec<Value>, now: u64) -> Result<Vec<Item>, Fault> {
    let numbered = |update: Value| Some((update["update_id"].as_i64()?, update));
    let updates: Vec<(i64, Value)> = updates.into_iter().filter_map(numbered).collect();
    store
        .write(move |db| {
            let mut new = Vec::new();
            for (number, update) in updates {
                if insert(db, bot, number, &update, now)? {
                    new.push(Item { number, update, reply: None, sent: 0 });
                }
                let sql = "INSERT INTO channel_offsets VALUES (?1, ?2, ?3)
                           ON CONFLICT (bot) DO UPDATE SET next = ?2, moved_at_ms = ?3";
                db.execute(sql, params![bot, number + 1, now as i64])?;
            }
            let old = now.saturating_sub(KEPT_MS) as i64;
            db.execute("DELETE FROM channel_inbox WHERE done = 1 AND taken_at_ms < ?1", [old])?;
            Ok(new)
        })
        .await
}

fn insert(db: &Connection, bot: i64, number: i64, update: &Value, now: u64) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO channel_inbox (bot, update_id, taken_at_ms, payload) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO NOTHING";
    Ok(db.execute(sql, params![bot, number, now as i64, update.to_string()])? > 0)
}

/// What an earlier life of the gateway, or of the channel, has not done with, in order. What is too old is given up.
pub async fn open(store: &Store, bot: i64, now: u64) -> Result<Vec<Item>, Fault> {
    let old = now.saturating_sub(WAITS_MS) as i64;
    store
        .write(move |db| {
            let sql = "UPDATE channel_inbox SET done = 1, payload = NULL, reply = NULL
                       WHERE bot = ?1 AND done = 0 AND taken_at_ms < ?2";
            db.execute(sql, params![bot, old])?;
            let sql = "SELECT update_id, payload, reply, sent FROM channel_inbox
                       WHERE bot = ?1 AND done = 0 ORDER BY update_id";
            let mut query = db.prepare(sql)?;
            let rows = query.query_map([bot], |row| {
                let payload: String = row.get(1)?;
                Ok(Item {
                    number: row.get(0)?,
                    update: serde_json::from_str(&payload).unwrap_or_default(),
                    reply: row.get(2)?,
                    sent: row.get::<_, i64>(3)? as usize,
                })
            })?;
            rows.collect()
        })
        .await
}

/// Notes what is answered.
pub async fn replied(store: &Store, bot: i64, number: i64, reply: String) -> Result<(), Fault> {
    let sql = "UPDATE channel_inbox SET reply = ?3, sent = 0 WHERE bot = ?1 AND update_id = ?2";
    store.write(move |db| db.execute(sql, params![bot, number, reply]).map(drop)).await
}

/// Notes how many parts of the reply have gone out.
pub async fn sent(store: &Store, bot: i64, number: i64, sent: usize) -> Result<(), Fault> {
    let sql = "UPDATE channel_inbox SET sent = ?3 WHERE bot = ?1 AND update_id = ?2";
    store.write(move |db| db.execute(sql, params![bot, number, sent as i64]).map(drop)).await
}

/// Is done with it; its words are forgotten.
pub async fn done(store: &Store, bot: i64, number: i64) -> Result<(), Fault> {
    let sql =
        "UPDATE channel_inbox SET done = 1, payload = NULL, reply = NULL WHERE bot = ?1 AND update_id = ?2";
    store.write(move |db| db.execute(sql, params![bot, number]).map(drop)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DAY: u64 = 24 * 3600 * 1000;

    fn store() -> (tempfile::TempDir, Store) {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("store.sqlite")).unwrap();
        (home, store)
    }

    #[tokio::test]
    async fn what_was_taken_in_is_not_taken_twice_and_not_lost() {
        let (_home, store) = store();
        let update = |number: i64| json!({"update_id": number, "message": {"text": "x"}});
        assert_eq!(next(&store, 7, DAY).await.unwrap(), None);
        let new = take(&store, 7, vec![update(10), update(11), json!({})], DAY).await.unwrap();
        assert_eq!(new.iter().map(|item| item.number).collect::<Vec<_>>(), [10, 11]);
        assert_eq!(next(&store, 7, DAY).await.unwrap(), Some(12));
        let again = take(&store, 7, vec![update(11), update(12)], DAY).await.unwrap();
        assert_eq!(again.iter().map(|item| item.number).collect::<Vec<_>>(), [12]);
        // Another bot has numbers of its own.
        assert_eq!(take(&store, 8, vec![update(11)], DAY).await.unwrap().len(), 1);
        done(&store, 7, 10).await.unwrap();
        replied(&store, 7, 11, "answer".into()).await.unwrap();
        sent(&store, 7, 11, 1).await.unwrap();
        let open = open(&store, 7, DAY).await.unwrap();
        assert_eq!((open.len(), open[0].number, open[0].sent), (2, 11, 1));
        assert_eq!((open[0].reply.as_deref(), &open[1].update), (Some("answer"), &update(12)));
    }

    #[tokio::test]
    async fn old_places_and_old_messages_are_given_up() {
        let (_home, store) = store();
        take(&store, 7, vec![json!({"update_id": 10})], DAY).await.unwrap();
        assert_eq!(next(&store, 7, 6 * DAY).await.unwrap(), Some(11));
        assert_eq!(next(&store, 7, 8 * DAY).await.unwrap(), None);
        assert!(open(&store, 7, 3 * DAY).await.unwrap().is_empty());
        take(&store, 7, vec![json!({"update_id": 2})], 9 * DAY).await.unwrap();
        assert_eq!(take(&store, 7, vec![json!({"update_id": 10})], 9 * DAY).await.unwrap().len(), 1);
    }
}
