//! A whole gateway, killed with SIGKILL while several connections write: what was answered is there in its next life.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use openclaw_supervisor::gateway::sessions::{message, row};
use openclaw_supervisor::gateway::store::Store;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::harness::{Gateway, TOKEN, connect};

/// Where the child keeps its store; set by the test below for a copy of this program that it starts.
const CHILD: &str = "OPENCLAW_TEST_KILLED";
const LIVES: usize = 6;
const CONNECTIONS: usize = 8;
/// Calls of one connection that wait for their answers.
const WAITING: usize = 24;
/// Longest time that one life may take on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// No test but the child of the one below: a gateway that serves until it is killed, or until nobody is there for whom.
#[tokio::test]
async fn child_that_serves_until_it_is_killed() {
    let Some(file) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let gateway = Gateway::with(|options| options.store = file).await;
    writeln!(std::io::stdout(), "\nport {}", gateway.port).unwrap();
    let (over, alone) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        drop(over);
    });
    let _ = alone.await;
}

fn start(file: &Path) -> (Child, u16) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child_that_serves_until_it_is_killed", "--nocapture"])
        .env(CHILD, file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix("port ").map(str::to_owned)).expect("a port");
    (child, port.parse().unwrap())
}

type Socket = WebSocketStream<TcpStream>;

async fn call(socket: &mut Socket, id: &str, method: &str, params: Value) -> bool {
    let frame = json!({"type": "req", "id": id, "method": method, "params": params});
    socket.send(Message::text(frame.to_string())).await.is_ok()
}

/// The id of the next good answer; none at the end.
async fn answered(socket: &mut Socket) -> Option<String> {
    loop {
        let Message::Text(text) = socket.next().await?.ok()? else { continue };
        if text.contains(r#""type":"res""#) {
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(answer["ok"], true, "{answer}");
            return answer["id"].as_str().map(str::to_owned);
        }
    }
}

/// Writes into the session `key` until the gateway is gone; every name that was acknowledged. `heard` is told of each.
async fn write(port: u16, key: String, heard: impl Fn()) -> Vec<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://127.0.0.1:{port}/"), stream).await.unwrap();
    let mut hello = connect("cli", "cli", &["operator.admin"], json!({ "token": TOKEN }));
    hello["params"]["caps"] = json!(["session-scoped-events"]);
    socket.send(Message::text(hello.to_string())).await.unwrap();
    answered(&mut socket).await.expect("a hello");
    call(&mut socket, "made", "sessions.create", json!({ "key": key })).await;
    answered(&mut socket).await.expect("a session");
    let mut kept = Vec::new();
    for number in 0.. {
        let name = format!("{number}.");
        let params = json!({ "sessionKey": key, "message": name });
        if !call(&mut socket, &name, "chat.inject", params).await {
            break;
        }
        if number >= WAITING {
            let Some(name) = answered(&mut socket).await else { break };
            kept.push(name);
            heard();
        }
    }
    // What it had answered before it died counts as well.
    while let Some(name) = answered(&mut socket).await {
        kept.push(name);
    }
    kept
}

/// One life, killed once it has acknowledged `until` writes: for each session what was acknowledged.
async fn life(file: &Path, number: usize, until: usize) -> Vec<(String, Vec<String>)> {
    let (child, port) = start(file);
    let (child, heard) = (RefCell::new(child), Cell::new(0));
    let writers = (0..CONNECTIONS).map(|connection| {
        let (key, child, heard) = (format!("life-{number}-{connection}"), &child, &heard);
        async move {
            let count = || {
                heard.set(heard.get() + 1);
                if heard.get() == until {
                    child.borrow_mut().kill().unwrap();
                }
            };
            (format!("agent:main:{key}"), write(port, key, count).await)
        }
    });
    let all = tokio::time::timeout(LONG, futures_util::future::join_all(writers)).await;
    child.borrow_mut().wait().unwrap();
    all.expect("a life took too long")
}

#[tokio::test]
async fn kill_9_of_a_gateway_loses_nothing_that_any_connection_was_told_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("gateway.sqlite");
    let mut kept = Vec::new();
    for number in 0..LIVES {
        kept.extend(life(&file, number, 1500 + number * 113).await);
    }
    let store = Store::open(&file).unwrap();
    let mut acknowledged = 0;
    for (key, names) in kept {
        acknowledged += names.len();
        let wanted = key.clone();
        let read = store.read(move |db| {
            let session = row::find(db, &wanted)?.expect("a session that was made");
            message::page(db, &session.id, 100_000, 0)
        });
        let found = read.await.unwrap();
        let found: HashSet<String> = found.iter().map(|kept| message::text(&kept.message)).collect();
        let lost: Vec<_> = names.iter().filter(|name| !found.contains(*name)).collect();
        assert!(lost.is_empty(), "{key} lost {lost:?}");
    }
    assert!(acknowledged >= 10_000, "{acknowledged}");
}
