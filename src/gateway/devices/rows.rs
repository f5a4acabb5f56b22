//! The book in the store: one row for each record.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::book::{Book, Change};

/// Bytes of the seed of the gateway's own key.
pub type Seed = [u8; 32];

/// Reads the book. A record that cannot be read is left out: its device has to be approved anew.
pub fn read(db: &Connection) -> rusqlite::Result<Book> {
    let mut book = Book::default();
    each(db, "SELECT record FROM device_pending", |text| {
        let record: super::Pending = serde_json::from_str(text)?;
        book.pending.insert(record.request_id.clone(), record);
        Ok(())
    })?;
    each(db, "SELECT record FROM device_paired", |text| {
        let record: super::Paired = serde_json::from_str(text)?;
        book.paired.insert(record.card.device_id.clone(), record);
        Ok(())
    })?;
    Ok(book)
}

fn each(
    db: &Connection,
    query: &str,
    mut take: impl FnMut(&str) -> serde_json::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Err(error) = take(&row.get::<_, String>(0)?) {
            tracing::warn!(target: "gateway/devices", "a record cannot be read and is left out: {error}");
        }
    }
    Ok(())
}

/// Writes a change.
pub fn write(db: &Connection, change: &Change) -> rusqlite::Result<()> {
    for (id, record) in &change.pending {
        match record {
            Some(record) => {
                let text = serde_json::to_string(record).unwrap_or_default();
                db.execute("INSERT OR REPLACE INTO device_pending VALUES (?1, ?2)", params![id, text])?;
            }
            None => {
                db.execute("DELETE FROM device_pending WHERE request_id = ?1", [id])?;
            }
        }
    }
    for (id, record) in &change.paired {
        match record {
            Some(record) => {
                let text = serde_json::to_string(record).unwrap_or_default();
                db.execute("INSERT OR REPLACE INTO device_paired VALUES (?1, ?2)", params![id, text])?;
            }
            None => {
                db.execute("DELETE FROM device_paired WHERE device_id = ?1", [id])?;
            }
        }
    }
    Ok(())
}

/// The seed of the gateway's own key: the one there is, else `fresh` from now on.
pub fn seed(db: &Connection, fresh: Seed) -> rusqlite::Result<Seed> {
    let query = "SELECT seed FROM identity";
    if let Some(seed) = db.query_row(query, [], |row| row.get(0)).optional()? {
        return Ok(seed);
    }
    db.execute("INSERT INTO identity VALUES (1, ?1)", [fresh])?;
    Ok(fresh)
}
