//! The words that wake the assistant by voice: kept here, told to every node that connects and to all when they change.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::gateway::connection::Connection;
use crate::gateway::hub::{Announcement, Hub};
use crate::gateway::scope;
use crate::gateway::store::Store;
use crate::wire::Fault;

const CHANGED: &str = "voicewake.changed";
const DEFAULT: [&str; 3] = ["openclaw", "claude", "computer"];
const WORDS_MAX: usize = 32;
/// Longest of them, in characters; what is beyond is cut off.
const WORD_MAX: usize = 64;

/// The words.
#[derive(Debug)]
pub struct Voice(Vec<String>);

impl Default for Voice {
    fn default() -> Self {
        Voice::of(&[])
    }
}

impl Voice {
    /// As many of these as count; the usual ones where none does.
    fn of(words: &[&str]) -> Voice {
        let words = words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).take(WORDS_MAX);
        let words: Vec<String> = words.map(|word| word.chars().take(WORD_MAX).collect()).collect();
        Voice(if words.is_empty() { DEFAULT.map(str::to_owned).to_vec() } else { words })
    }
}

/// The words, as they are answered and told.
pub fn words(hub: &Hub) -> Value {
    json!({ "triggers": hub.nodes.voice.borrow().0 })
}

/// Whom a woken assistant answers as: this gateway has one agent, so there is nothing to choose.
pub fn routing() -> Value {
    let here = json!({ "mode": "current" });
    json!({ "config": { "version": 1, "defaultTarget": here, "routes": [], "updatedAtMs": 0 } })
}

/// Tells a node that has just connected.
pub fn greet(hub: &Hub, connection: &Connection) {
    connection.tell(CHANGED, words(hub));
    connection.tell("voicewake.routing.changed", routing());
}

/// Takes other words and tells everyone.
///
/// # Errors
/// What the store says; the words stay as they were then.
pub async fn change(hub: &Rc<Hub>, wanted: &[&str]) -> Result<Value, Fault> {
    let voice = Voice::of(wanted);
    let text = json!(voice.0).to_string();
    let upsert = "INSERT INTO voicewake (id, triggers) VALUES (1, ?1)
                  ON CONFLICT (id) DO UPDATE SET triggers = excluded.triggers";
    hub.store.write(move |tx| tx.execute(upsert, [text])).await?;
    hub.nodes.voice.replace(voice);
    let words = words(hub);
    hub.announce(Announcement::new(CHANGED, Some(scope::READ), &words));
    let nodes = hub.nodes.book.borrow().connections();
    for node in nodes {
        node.tell(CHANGED, words.clone());
    }
    Ok(words)
}

/// The words that the store has.
///
/// # Errors
/// What the store says.
pub async fn recall(store: &Store) -> Result<Voice, Fault> {
    let rows = store
        .read(|db| {
            let mut rows = db.prepare("SELECT triggers FROM voicewake")?;
            rows.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
        })
        .await?;
    let words: Vec<String> = rows.first().and_then(|row| serde_json::from_str(row).ok()).unwrap_or_default();
    Ok(Voice::of(&words.iter().map(String::as_str).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_trimmed_bounded_and_never_none() {
        assert_eq!(Voice::of(&[" hey ", "", "  "]).0, ["hey"]);
        assert_eq!(Voice::of(&[" "]).0, DEFAULT);
        let long = "x".repeat(WORD_MAX + 1);
        let many = vec![long.as_str(); WORDS_MAX + 1];
        let voice = Voice::of(&many);
        assert_eq!((voice.0.len(), voice.0[0].len()), (WORDS_MAX, WORD_MAX));
    }
}
