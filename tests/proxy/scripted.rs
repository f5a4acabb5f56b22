//! A gateway of the test's own, which answers each call as it was scripted and remembers who asked for what.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

use super::world::World;

/// What it answers to a method that it is asked for the n-th time, from 0: answers, and events among them.
pub type Script = fn(&str, usize) -> Vec<Value>;

/// A call, with the scopes of the connection that it came by.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub params: Value,
    pub scopes: String,
}

/// The gateway; it serves until the test ends.
pub struct Gateway {
    calls: Arc<Mutex<Vec<Call>>>,
    _claim: File,
}

/// A profile `name` with a manifest, and the claim on its state directory, held by this test as its gateway would.
pub fn profile(world: &World, name: &str) -> (u16, File) {
    let port = world.block();
    world.manifest(name, &format!("[gateway]\nport = {port}\n"));
    world.private(&world.state(name));
    let claim = File::open(world.state(name)).unwrap();
    claim.try_lock().unwrap();
    (port, claim)
}

impl Gateway {
    /// The gateway of a new profile `name`.
    pub fn of(world: &World, name: &str, script: Script) -> Gateway {
        let (port, claim) = profile(world, name);
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let calls = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, script, &calls));
            }
        });
        Gateway { calls, _claim: claim }
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The same, as methods with the scopes of their connections.
    pub fn asked(&self) -> Vec<String> {
        self.calls().iter().map(|call| format!("{} [{}]", call.method, call.scopes)).collect()
    }
}

/// A success.
pub fn ok(payload: Value) -> Value {
    json!({"ok": true, "payload": payload})
}

/// A failure.
pub fn fault(code: &str, message: &str, details: Value) -> Value {
    json!({"ok": false, "error": {"code": code, "message": message, "details": details}})
}

fn serve(stream: TcpStream, script: Script, calls: &Mutex<Vec<Call>>) {
    let Ok(mut socket) = accept(stream) else { return };
    let challenge =
        json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1}});
    let mut scopes = String::new();
    let mut sent = say(&mut socket, &challenge);
    while let (true, Ok(Message::Text(text))) = (sent, socket.read()) {
        let request: Value = serde_json::from_str(&text).unwrap();
        let method = request["method"].as_str().unwrap();
        let answers = if method == "connect" {
            let asked = request["params"]["scopes"].as_array().unwrap();
            scopes = asked.iter().map(|scope| scope.as_str().unwrap()).collect::<Vec<_>>().join(" ");
            vec![hello()]
        } else {
            let mut calls = calls.lock().unwrap();
            let nth = calls.iter().filter(|call| call.method == method).count();
            let params = request["params"].clone();
            calls.push(Call { method: method.to_owned(), params, scopes: scopes.clone() });
            script(method, nth)
        };
        for mut answer in answers {
            if answer.get("event").is_some() {
                answer["type"] = "event".into();
                // A run's events carry the key that it was asked with.
                if answer["payload"]["runId"] == "KEY" {
                    answer["payload"]["runId"] = request["params"]["idempotencyKey"].clone();
                }
            } else {
                answer["type"] = "res".into();
                answer["id"] = request["id"].clone();
            }
            sent = say(&mut socket, &answer);
        }
    }
}

fn say(socket: &mut WebSocket<TcpStream>, value: &Value) -> bool {
    socket.send(Message::text(value.to_string())).is_ok()
}

fn hello() -> Value {
    ok(json!({
        "type": "hello-ok", "protocol": 4, "server": {"version": "t", "connId": "c"},
        "features": {"methods": [], "events": []},
        "policy": {"maxPayload": 1_000_000, "maxBufferedBytes": 1_000_000, "tickIntervalMs": 30000},
        "snapshot": {"presence": [], "health": {}, "stateVersion": {"presence": 1, "health": 1}, "uptimeMs": 1},
        "auth": {"role": "operator", "scopes": []},
    }))
}
