//! Recorded connections, played again: the same frames must bring the same answers and the same end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::SinkExt;
use openclaw_supervisor::base::Secret;
use openclaw_supervisor::gateway::Auth;
use openclaw_supervisor::gateway::method::{self, Table};
use openclaw_supervisor::wire::Frame;
use openclaw_supervisor::wire::handshake::{Handshake, Step};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::calls::keys;
use super::harness::{Gateway, TOKEN};
use super::http;
use super::looks::left_out;
use super::schema;

#[tokio::test]
async fn recorded_connections_end_as_they_did() {
    let table: Vec<Value> = serde_json::from_str(include_str!("data/handshakes.json")).unwrap();
    let token = Gateway::start().await;
    let open = Gateway::with(|options| options.access.auth = Auth::None).await;
    // Whoever asks knows nothing of its secret.
    let unknown = Gateway::with(|options| options.access.auth = Auth::Token(Secret::new("another"))).await;
    for capture in &table {
        let gateway = match capture["auth"].as_str().unwrap() {
            "none" => &open,
            "unknown" => &unknown,
            _ => &token,
        };
        replay(gateway, capture).await;
    }
}

async fn replay(gateway: &Gateway, capture: &Value) {
    let name = capture["name"].as_str().unwrap();
    let path = capture["path"].as_str().unwrap_or("/");
    // The page of the recording was that of the recorded gateway's own port.
    let headers = capture["headers"].to_string().replace(":18789", &format!(":{}", gateway.port));
    let headers = serde_json::from_str(&headers).unwrap();
    let mut client = gateway.open(path, &headers).await.expect(name);
    for frame in capture["send"].as_array().unwrap() {
        client.send_text(frame.as_str().unwrap().replace("<SHARED_TOKEN>", TOKEN)).await;
    }
    for expected in capture["answers"].as_array().unwrap() {
        let answer =
            client.response().await.unwrap_or_else(|| panic!("{name}: the end instead of {expected}"));
        assert_eq!((&answer["id"], &answer["ok"]), (&expected["id"], &expected["ok"]), "{name}: {answer}");
        assert_eq!(answer["error"], expected["error"], "{name}");
        if let Some(auth) = expected.get("auth") {
            let (payload, snapshot) = (&answer["payload"], &answer["payload"]["snapshot"]);
            assert_eq!(&payload["auth"], auth, "{name}");
            assert_eq!(json!(snapshot.get("configPath").is_some()), expected["adminKeys"], "{name}");
            assert_eq!(json!(snapshot["presence"] != json!([])), expected["presence"], "{name}");
        }
    }
    match capture["close"].as_object() {
        Some(close) => {
            let (code, reason) = client.closed().await.unwrap_or_else(|| panic!("{name}: no close frame"));
            assert_eq!(
                (json!(code), json!(reason)),
                (close["code"].clone(), close["reason"].clone()),
                "{name}"
            );
        }
        None => {
            let health = client.call("health", json!({})).await;
            assert_eq!(health["ok"], true, "{name}: still open");
        }
    }
}

#[tokio::test]
async fn recorded_calls_are_answered_alike() {
    let table: Vec<Value> = serde_json::from_str(include_str!("data/answers.json")).unwrap();
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected_as("gateway-client", "backend", &["operator.admin"]).await;
    let mut differ = Vec::new();
    for call in &table {
        let method = call["method"].as_str().unwrap();
        let answer = client.call(method, call["params"].clone()).await;
        let payload = if call["list"] == true { &answer["payload"][0] } else { &answer["payload"] };
        let left_out = left_out(method);
        let alike = match (call.get("error"), call.get("keys").and_then(Value::as_array)) {
            (Some(error), _) => answer["error"] == *error,
            (None, None) => answer.get("payload") == call.get("payload"),
            (None, Some(wanted)) => {
                let wanted = wanted.iter().map(|key| key.as_str().unwrap());
                let wanted = wanted.filter(|key| !left_out.contains(&format!(".{key}")));
                payload.is_object() && wanted.collect::<BTreeSet<_>>() == keys(payload).into_iter().collect()
            }
        };
        if !alike {
            differ.push(format!("{}: {answer}", call["name"]));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[tokio::test]
async fn a_frame_of_bytes_is_a_frame() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(&[]).await;
    let frame = json!({"type": "req", "id": "b1", "method": "health", "params": {}}).to_string();
    client.socket.send(Message::binary(frame)).await.unwrap();
    assert_eq!(client.answer("b1").await["ok"], true);
}

#[test]
fn methods_need_the_recorded_scopes() {
    let recorded: BTreeMap<String, String> = serde_json::from_str(include_str!("data/scopes.json")).unwrap();
    let table = Table::of_all();
    for name in table.methods() {
        let ours = table.find(name).unwrap().scope;
        match recorded.get(name).map(String::as_str) {
            None => assert!(name.starts_with("fleet."), "{name} is not of the protocol"),
            Some("node") => assert!(ours.is_none() && method::is_node_only(name), "{name}"),
            // It bears on what is asked for.
            Some("dynamic") => assert!(ours.is_some(), "{name}"),
            // Whatever the table says, the real gateway answers it to everybody.
            Some(_) if name == "health" => assert_eq!(ours, None),
            recorded => assert_eq!(ours, recorded, "{name}"),
        }
    }
}

#[test]
fn the_smallest_hello_is_understood() {
    let mut frame: Value = serde_json::from_str(include_str!("data/hello-ok-minimal.json")).unwrap();
    schema::assert_frame(&frame);
    frame["id"] = json!("connect");
    let frame: Frame = serde_json::from_value(frame).unwrap();
    let step = Handshake::AwaitHello.take(frame, |_| unreachable!());
    assert!(matches!(&step, Step::Open(hello) if hello.auth.scopes == ["operator.read"]), "{step:?}");
}

/// What was recorded, and what has become of it: every recorded file stands in the list with the data that it is in, with
/// the test that asks for the same, or with the row of the page that says why ours is another; and no data is left that
/// was not recorded.
#[test]
fn every_recorded_conversation_is_replayed_or_differs_by_the_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway");
    let list = std::fs::read_to_string(root.join("data/captures.txt")).unwrap();
    let page = include_str!("../../docs/compatibility.md");
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let (name, place) = line.split_once(": ").expect(line);
        match place.split_once("::") {
            _ if place.starts_with("page ") => {
                let row = &place["page ".len()..];
                assert!(page.lines().any(|line| line.starts_with(&format!("| {row}"))), "{line}");
            }
            Some((file, test)) => {
                let text = std::fs::read_to_string(root.join(format!("{file}.rs"))).expect(line);
                assert!(text.contains(&format!("fn {test}(")), "{line}: there is no such test");
            }
            None => assert!(names.entry(place).or_default().insert(name), "{line} stands there twice"),
        }
    }
    let rows = |file: &str, prefix: &str| -> BTreeSet<String> {
        let text = std::fs::read_to_string(root.join(format!("data/{file}.json"))).unwrap();
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        rows.iter().map(|row| format!("{prefix}{}", row["name"].as_str().unwrap())).collect()
    };
    let found = |name: &str| names[name].iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(found("handshakes"), rows("handshakes", ""));
    assert_eq!(found("devices"), rows("devices", "connect-device-"));
    assert_eq!(found("answers"), rows("answers", ""));
    let http = http::replayed().into_iter().map(|name| format!("http/{name}")).collect::<BTreeSet<_>>();
    assert_eq!(found("http"), http);
    let files = std::fs::read_dir(root.join("data/http")).unwrap();
    let files = files.map(|file| format!("http/{}", file.unwrap().path().file_stem().unwrap().display()));
    assert_eq!(files.collect::<BTreeSet<_>>(), http, "a recorded response is asked for by nobody");
}
