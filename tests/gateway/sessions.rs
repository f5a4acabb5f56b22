//! The sessions as clients manage them, and what is left of them when the process is killed.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use openclaw_supervisor::gateway::sessions::{message, row};
use openclaw_supervisor::gateway::store::Store;
use serde_json::{Value, json};

use super::chat::said;
use super::harness::Gateway;
use super::schema::{assert_fits, definition};

const ALL: &[&str] = &["operator.admin"];

#[tokio::test]
async fn a_session_lives_from_its_creation_to_its_deletion() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(ALL).await;
    let (mut watcher, _) = gateway.connected(&["operator.read"]).await;
    assert_eq!(watcher.call("sessions.subscribe", json!({})).await["payload"], json!({ "subscribed": true }));

    let made =
        client.call("sessions.create", json!({ "key": "trip", "label": "Trip", "message": "/help" })).await;
    assert_fits(&definition("SessionsCreateResult"), &made["payload"]);
    assert_eq!(
        (&made["payload"]["key"], &made["payload"]["runStarted"]),
        (&json!("agent:main:trip"), &json!(true))
    );
    let heard = watcher.event("sessions.changed").await;
    assert_eq!(
        (&heard["payload"]["sessionKey"], &heard["payload"]["reason"]),
        (&json!("agent:main:trip"), &json!("create"))
    );
    assert_fits(&definition("SessionRow"), &heard["payload"]["session"]);
    said(&mut client, "/status", "k").await;

    let listed = client.call("sessions.list", json!({ "includeDerivedTitles": true, "limit": 1 })).await;
    let page = &listed["payload"];
    assert_eq!((&page["count"], &page["totalCount"], &page["nextOffset"]), (&json!(1), &json!(2), &json!(1)));
    assert_fits(&definition("SessionRow"), &page["sessions"][0]);
    let found = client.call("sessions.resolve", json!({ "label": "Trip" })).await;
    assert_fits(&definition("SessionsResolveResult"), &found["payload"]);
    assert_eq!(found["payload"]["key"], "agent:main:trip");
    let preview = client.call("sessions.preview", json!({ "keys": ["trip", "nowhere"] })).await;
    assert_eq!(preview["payload"]["previews"][0]["items"][0], json!({ "role": "user", "text": "/help" }));
    assert_eq!(
        preview["payload"]["previews"][1],
        json!({ "key": "nowhere", "status": "missing", "items": [] })
    );

    let patched =
        client.call("sessions.patch", json!({ "key": "trip", "label": null, "pinned": true })).await;
    assert_eq!(
        (&patched["payload"]["entry"]["pinned"], &patched["payload"]["entry"]["label"]),
        (&json!(true), &Value::Null)
    );
    let unknown = client.call("sessions.patch", json!({ "key": "trip", "model": "no/such" })).await;
    assert_eq!(unknown["error"]["message"], "model not configured: no/such");
    let injected = client.call("chat.inject", json!({ "sessionKey": "trip", "message": "by hand" })).await;
    assert_eq!(injected["payload"]["ok"], true, "{injected}");
    let compacted = client.call("sessions.compact", json!({ "key": "trip", "maxLines": 1 })).await;
    assert_eq!(
        compacted["payload"],
        json!({ "ok": true, "key": "agent:main:trip", "compacted": true, "kept": 1 })
    );
    let before = client.call("sessions.describe", json!({ "key": "trip" })).await;
    let reset = client.call("sessions.reset", json!({ "key": "trip" })).await;
    assert_ne!(reset["payload"]["entry"]["sessionId"], before["payload"]["session"]["sessionId"]);
    let deleted = client.call("sessions.delete", json!({ "key": "trip" })).await;
    assert_fits(&definition("SessionsDeleteResult"), &deleted["payload"]);
    assert_eq!(deleted["payload"]["deleted"], true);
    assert_eq!(client.call("sessions.delete", json!({ "key": "main" })).await["ok"], false);
    let gone = client.call("sessions.resolve", json!({ "key": "trip" })).await;
    assert_eq!(gone["error"]["message"], "No session found: trip");
}

/// Where the child writes; set by the test below for a copy of this program that it starts.
const CHILD: &str = "OPENCLAW_TEST_STORE";
/// How many write at once, and how often each; more than any child lives to see.
const WRITERS: usize = 64;
const WRITES: usize = 200;
const LIVES: usize = 12;

/// The session that the process of that id writes to.
fn session_of(pid: u32) -> String {
    format!("agent:main:life-{pid}")
}

/// No test but the child of the one below: it writes until it is killed, and says each number once it was acknowledged.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Some(file) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let store = Store::open(&file).unwrap();
    let key = session_of(std::process::id());
    let session = store.write(move |db| row::touch(db, &key, 1)).await.unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let (store, id) = (store.clone(), session.id.clone());
        async move {
            for number in 0..WRITES {
                let (id, name) = (id.clone(), format!("{writer}-{number}"));
                let said = message::of_text("user", &name, 1);
                store.write(move |db| message::append(db, &id, None, &said)).await.unwrap();
                writeln!(std::io::stdout(), "\nkept {name}.").unwrap();
            }
        }
    });
    futures_util::future::join_all(writers).await;
}

/// The names of what the process of that id has left in the store.
async fn names(store: &Store, pid: u32) -> HashSet<String> {
    let read = store.read(move |db| {
        let session = row::find(db, &session_of(pid))?.expect("a session of each life");
        let all = message::page(db, &session.id, 100_000, 0)?;
        Ok(all.iter().map(|kept| message::text(&kept.message)).collect())
    });
    read.await.unwrap()
}

/// One life: it is killed once it has said `until` names. Its id, and every name that it had said before it died.
fn life(file: &Path, until: usize) -> (u32, Vec<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sessions::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // A line may be cut by the end of its writer, and is no name then.
    let name = |line: String| Some(line.strip_prefix("kept ")?.strip_suffix('.')?.to_owned());
    let mut kept: Vec<String> = lines.by_ref().filter_map(name).take(until).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    kept.extend(lines.filter_map(name));
    assert!(kept.len() >= until && kept.len() < WRITERS * WRITES, "it ended by itself after {}", kept.len());
    (child.id(), kept)
}

#[tokio::test]
async fn kill_9_during_ten_thousand_writes_loses_none_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("store.sqlite");
    // Each life is killed somewhere else, and opens what the last one left.
    let lives: Vec<_> = (0..LIVES).map(|number| life(&file, 331 + number * 101)).collect();
    let store = Store::open(&file).unwrap();
    let verdict: String =
        store.read(|db| db.query_row("PRAGMA integrity_check", [], |row| row.get(0))).await.unwrap();
    assert_eq!(verdict, "ok");
    for (pid, kept) in &lives {
        let found = names(&store, *pid).await;
        let lost: Vec<_> = kept.iter().filter(|name| !found.contains(*name)).collect();
        assert!(lost.is_empty(), "{lost:?} of {}", kept.len());
    }
    let acknowledged: usize = lives.iter().map(|(_, kept)| kept.len()).sum();
    assert!(acknowledged >= 10_000, "{acknowledged}");
}
