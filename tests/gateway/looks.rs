//! What clients ask to find their way: the keys are those of the recorded answers, and the values are true.

use openclaw_supervisor::wire::device;
use serde_json::{Value, json};

use super::calls::keys;
use super::harness::Gateway;
use super::pairing::Device;
use super::schema::{assert_fits, definition};

#[tokio::test]
async fn answers_have_the_recorded_keys_and_fit_the_schema() {
    let recorded: Value = serde_json::from_str(include_str!("data/looks.json")).unwrap();
    let gateway = Gateway::with(|options| {
        std::fs::write(&options.config_path, r#"{"gateway": {"port": 1}, "$include": []}"#).unwrap();
    })
    .await;
    let (mut client, hello) = gateway.connected(&["operator.read"]).await;
    for (method, expected) in recorded.as_object().unwrap().iter().filter(|(name, _)| *name != "hello-ok") {
        let answer = client.call(method, json!({})).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        let left_out = left_out(method);
        let wanted: Vec<&str> =
            expected["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
        let wanted: Vec<&str> =
            wanted.into_iter().filter(|key| !left_out.contains(&format!(".{key}"))).collect();
        assert_eq!(keys(&answer["payload"]), wanted, "{method}");
        if let Some(name) = expected["schema"].as_str() {
            assert_fits(&definition(name), &answer["payload"]);
        }
    }
    let config = client.call("config.get", json!({})).await["payload"].clone();
    assert_eq!(
        (&config["exists"], &config["valid"], &config["config"]["gateway"]["port"]),
        (&json!(true), &json!(true), &json!(1))
    );
    for mark in ["hash", "configRevisionHash", "appliedConfigHash"] {
        let text = config[mark].as_str().unwrap();
        assert!(text.strip_prefix("hmac-sha256:v1:").is_some_and(|rest| rest.len() == 43), "{mark}: {text}");
    }
    assert_eq!(config["configRevisionHash"], config["appliedConfigHash"]);
    assert_eq!(hello["snapshot"]["appliedConfigHash"], config["appliedConfigHash"]);
    std::fs::write(config["path"].as_str().unwrap(), "{ broken").unwrap();
    let config = client.call("config.get", json!({})).await["payload"].clone();
    assert_eq!((&config["exists"], &config["valid"]), (&json!(true), &json!(false)));
    assert_ne!(config["configRevisionHash"], config["appliedConfigHash"]);

    let identity = client.call("gateway.identity.get", json!({})).await["payload"].clone();
    let key = device::canonical_key(identity["publicKey"].as_str().unwrap()).unwrap();
    assert_eq!((key.len(), identity["deviceId"].as_str().unwrap().len()), (43, 64));
    let commands = client.call("commands.list", json!({})).await["payload"].clone();
    assert!(
        commands["commands"].as_array().unwrap().iter().any(|command| command["name"] == "help"),
        "{commands}"
    );
    assert_eq!(client.call("last-heartbeat", json!({})).await["payload"], Value::Null);
    let suspended = client.call("gateway.suspend.status", json!({"suspensionId": "s"})).await;
    assert_eq!(suspended["payload"], json!({"status": "running"}));
    let user = client.call("users.self", json!({})).await;
    assert_eq!(
        user["error"],
        json!({"code": "FORBIDDEN", "message": "users.self requires an authenticated user"})
    );
}

#[tokio::test]
async fn the_greeting_says_which_session_is_meant_and_nothing_beyond_the_schema() {
    let gateway = Gateway::start().await;
    let (_, hello) = gateway.connected(&[]).await;
    assert_eq!(
        hello["snapshot"]["sessionDefaults"],
        json!({"defaultAgentId": "main", "modelConfigured": false, "ownership": "sole", "selectionRequired": false, "mainKey": "main",
            "mainSessionKey": "agent:main:main", "scope": "per-sender"})
    );
    assert_eq!(hello["snapshot"]["suspension"], json!({"phase": "accepting"}));
    assert_eq!(
        hello["policy"],
        json!({"maxPayload": 26_214_400, "maxBufferedBytes": 52_428_800, "tickIntervalMs": 30_000})
    );
}

#[tokio::test]
async fn a_call_for_another_account_is_not_run() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(&["operator.read"]).await;
    client.send(&json!({"type": "req", "id": "1", "method": "status", "expectedProfileId": "someone"})).await;
    assert_eq!(
        client.answer("1").await["error"],
        json!({"code": "INVALID_REQUEST",
            "message": "Selected account changed or is unavailable. Select the account again before retrying.",
            "details": {"reason": "EXPECTED_PROFILE_MISMATCH", "execution": "not_started"}})
    );
}

/// The keys of a recorded answer that are left out on purpose, as the page says it.
pub fn left_out(answer: &str) -> Vec<String> {
    let page = include_str!("../../docs/compatibility.md");
    let row = |line: &str| {
        let key = line.strip_prefix("| `")?.strip_prefix(answer)?.strip_prefix(' ')?;
        Some(key.split('`').next()?.to_owned())
    };
    page.lines().filter_map(row).filter(|key| key.starts_with('.')).collect()
}

/// Whether the document has the key, given by its place.
fn has(document: &Value, place: &str) -> bool {
    !place.split('.').skip(1).fold(document, |inside, key| &inside[key]).is_null()
}

#[tokio::test]
async fn the_greeting_lacks_of_the_recorded_one_what_the_page_says_and_nothing_else() {
    let recorded: Value = serde_json::from_str(include_str!("data/looks.json")).unwrap();
    let gateway = Gateway::start().await;
    let (_client, hello) = Device::new(1, &["operator.admin"]).connect(&gateway, "").await;
    let hello = &hello["payload"];
    let left_out = left_out("hello-ok");
    for key in recorded["hello-ok"]["keys"].as_array().unwrap() {
        let key = key.as_str().unwrap();
        let named = left_out.iter().any(|place| key == place || key.starts_with(&format!("{place}.")));
        assert_ne!(has(hello, key), named, "{key}");
    }
    assert!(left_out.len() > 10 && left_out.iter().all(|key| !has(hello, key)));
}
