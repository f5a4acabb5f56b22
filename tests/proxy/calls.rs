//! Calls to a gateway of the test's own, which answers as it was scripted.

use std::net::TcpListener;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, accept};

use super::scripted::profile;
use super::world::World;

/// Serves one connection on `port`: lets it in, and answers the call behind that with `answers`. Returns what was asked.
fn serve(port: u16, answers: Vec<Value>) -> std::thread::JoinHandle<Vec<Value>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        let mut socket = accept(listener.accept().unwrap().0).unwrap();
        let say = |socket: &mut tokio_tungstenite::tungstenite::WebSocket<_>, value: Value| {
            socket.send(Message::text(value.to_string())).unwrap();
        };
        say(
            &mut socket,
            json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1}}),
        );
        let mut asked = Vec::new();
        while asked.len() < 2 {
            let Ok(Message::Text(text)) = socket.read() else { break };
            let request: Value = serde_json::from_str(&text).unwrap();
            let hello = json!({"ok": true, "payload": {
                "type": "hello-ok", "protocol": 4, "server": {"version": "t", "connId": "c"},
                "features": {"methods": [], "events": []},
                "policy": {"maxPayload": 1_000_000, "maxBufferedBytes": 1_000_000, "tickIntervalMs": 30000},
                "snapshot": {"presence": [], "health": {}, "stateVersion": {"presence": 1, "health": 1}, "uptimeMs": 1},
                "auth": {"role": "operator", "scopes": []},
            }});
            let all = if request["method"] == "connect" { vec![hello] } else { answers.clone() };
            for mut answer in all {
                answer["type"] = "res".into();
                answer["id"] = request["id"].clone();
                say(&mut socket, answer);
            }
            asked.push(request);
        }
        asked
    })
}

#[test]
fn a_method_that_answers_twice_is_waited_for_when_that_is_wanted() {
    let world = World::new();
    let begun = json!({"ok": true, "payload": {"runId": "r", "status": "accepted"}});
    let done = json!({"ok": true, "payload": {"runId": "r", "status": "ok", "summary": "completed"}});
    let refused = json!({"ok": false, "payload": {"runId": "r", "status": "error"},
        "error": {"code": "UNAVAILABLE", "message": "no model"}});
    for (words, last, code, seen) in [
        (&["--expect-final"][..], done.clone(), 0, "/status ok"),
        (&[], done, 0, "/status accepted"),
        (&["--expect-final"], refused, 1, "/error no model"),
    ] {
        let (port, _claim) = profile(&world, "work");
        let gateway = serve(port, vec![begun.clone(), last]);
        let call =
            ["--profile", "work", "--json", "gateway", "call", "agent", "--params", r#"{"message":"hi"}"#];
        let said = world.run(&[&call, words].concat());
        let document = said.json();
        let told = match document["error"]["message"].as_str() {
            Some(message) => format!("/error {message}"),
            None => format!("/status {}", document["status"].as_str().unwrap()),
        };
        assert_eq!((said.code, told.as_str()), (Some(code), seen), "{said:?}");
        let asked = gateway.join().unwrap();
        assert_eq!(asked[0]["params"]["scopes"], json!(["operator.write"]), "the least that is needed");
        assert_eq!(asked[1]["method"], "agent");
    }
}
