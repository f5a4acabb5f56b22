//! Recorded connections, played again: the same frames must bring the same answers and the same end.

use openclaw_supervisor::gateway::Auth;
use serde_json::{Value, json};

use super::harness::{Gateway, TOKEN};

#[tokio::test]
async fn recorded_connections_end_as_they_did() {
    let table: Vec<Value> = serde_json::from_str(include_str!("data/handshakes.json")).unwrap();
    let token = Gateway::start().await;
    let open = Gateway::with(|options| options.access.auth = Auth::None).await;
    for capture in &table {
        let gateway = if capture["auth"] == "none" { &open } else { &token };
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
