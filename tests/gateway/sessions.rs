//! The sessions as clients manage them, and what is left of them when the process is killed.

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
const WRITES: usize = 10_000;
const TOGETHER: usize = 50;

/// No test but the child of the one below: it writes until it is killed, and says each number once it was acknowledged.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Some(file) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let store = Store::open(&file).unwrap();
    let session = store.write(|db| row::touch(db, "agent:main:main", 1)).await.unwrap();
    for batch in 0..WRITES / TOGETHER {
        let writes = (0..TOGETHER).map(|at| {
            let (store, id) = (store.clone(), session.id.clone());
            let name = format!("{}-{}", std::process::id(), batch * TOGETHER + at);
            async move {
                let said = message::of_text("user", &name, 1);
                store.write(move |db| message::append(db, &id, None, &said)).await.unwrap();
                writeln!(std::io::stdout(), "\nkept {name}").unwrap();
            }
        });
        futures_util::future::join_all(writes).await;
    }
}

/// The names of what is in the store.
async fn names(file: &Path) -> Vec<String> {
    let store = Store::open(file).unwrap();
    let read = store.read(|db| {
        let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        assert_eq!(verdict, "ok");
        let Some(session) = row::find(db, "agent:main:main")? else { return Ok(Vec::new()) };
        let all = message::page(db, &session.id, 100_000, 0)?;
        Ok(all.iter().map(|kept| message::text(&kept.message)).collect())
    });
    read.await.unwrap()
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("store.sqlite");
    let mut acknowledged = 0;
    // Each life is killed somewhere else; together they acknowledge thousands of writes.
    for life in 0..8_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sessions::child_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, &file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = 37 + life * 211;
        let mut kept = Vec::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while kept.len() < until {
            let Some(Ok(line)) = lines.next() else { break };
            kept.extend(line.strip_prefix("kept ").map(str::to_owned));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died counts as well.
        kept.extend(
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("kept ").map(str::to_owned)),
        );
        assert!(kept.len() >= until, "it ended by itself after {}", kept.len());
        let found: std::collections::HashSet<String> = names(&file).await.into_iter().collect();
        // A line may have been cut by the end of its writer; a cut name is the beginning of a whole one.
        let lost: Vec<_> = kept.iter().take(kept.len() - 1).filter(|name| !found.contains(*name)).collect();
        assert!(lost.is_empty(), "life {life} lost {lost:?}");
        acknowledged += kept.len();
        // The bound on one session's messages would otherwise be met.
        if found.len() > 3000 {
            std::fs::remove_file(&file).unwrap();
        }
    }
    assert!(acknowledged > 5000, "{acknowledged}");
}
