//! Methods and events, as a connected client sees them.

use serde_json::{Value, json};

use super::harness::{Gateway, TOKEN, connect};
use super::schema::{assert_fits, definition};

pub fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn answers_have_the_keys_of_the_recorded_ones() {
    let recorded: Value = serde_json::from_str(include_str!("data/keys.json")).unwrap();
    let expected = |name: &str| -> Vec<&str> {
        recorded[name].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect()
    };
    let gateway = Gateway::start().await;
    let (mut client, hello) = gateway.connected(&["operator.admin"]).await;
    let health = client.call("health", json!({"probe": true, "whatever": 1})).await;
    assert_eq!(keys(&health["payload"]), expected("health"));
    let status =
        client.call("status", json!({"includeChannelSummary": false, "includeCliProjection": true})).await;
    assert_eq!(keys(&status["payload"]), expected("status"));
    assert_eq!(status["payload"]["pid"], std::process::id());
    assert!(status["payload"]["processMemory"]["rssBytes"].as_u64().unwrap() > 1 << 20);
    let presence = client.call("system-presence", json!({})).await;
    assert_eq!(keys(&presence["payload"][0]), expected("self"));
    assert_fits(&definition("PresenceEntry"), &presence["payload"][0]);
    let tail = client.call("logs.tail", json!({})).await;
    assert_eq!(keys(&tail["payload"]), expected("logs.tail"));
    assert_fits(&definition("LogsTailResult"), &tail["payload"]);
    let line: Value = serde_json::from_str(tail["payload"]["lines"][0].as_str().unwrap()).unwrap();
    assert_eq!((keys(&line), keys(&line["_meta"])), (expected("logLine"), expected("logMeta")));
    // What is advertised is what there is.
    let methods = hello["features"]["methods"].as_array().unwrap();
    for method in methods {
        let answer = client.call(method.as_str().unwrap(), json!({})).await;
        let unknown = json!(format!("unknown method: {}", method.as_str().unwrap()));
        assert_ne!(answer["error"]["message"], unknown);
    }
}

#[tokio::test]
async fn what_only_admins_may_see_is_shown_to_them_alone() {
    let gateway = Gateway::start().await;
    for (scopes, reads, admin) in
        [(vec![], false, false), (vec!["operator.write"], true, false), (vec!["operator.admin"], true, true)]
    {
        let (mut client, hello) = gateway.connected(&scopes).await;
        for key in ["configPath", "stateDir", "authMode"] {
            assert_eq!(hello["snapshot"].get(key).is_some(), admin, "{key} with {scopes:?}");
        }
        let status = client.call("status", json!({})).await;
        assert_eq!(status["ok"], reads, "{scopes:?}");
        if !reads {
            assert_eq!(
                status["error"],
                json!({"code": "FORBIDDEN", "message": "missing scope: operator.read", "details": {
                    "code": "MISSING_SCOPE", "missingScope": "operator.read", "requiredScopes": ["operator.read"]}})
            );
        }
        for key in ["pid", "processMemory", "shutdownBudget"] {
            assert_eq!(status["payload"].get(key).is_some(), admin, "{key} with {scopes:?}");
        }
    }
}

#[tokio::test]
async fn parameters_are_checked_where_the_real_gateway_checks_them() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(&["operator.admin"]).await;
    let table = [
        (
            "system-presence",
            json!({"x": 1}),
            "invalid system-presence params: at root: unexpected property 'x'",
        ),
        ("status", json!([]), "invalid status params: must be object"),
        ("logs.tail", json!({"limit": 0}), "invalid logs.tail params: at /limit: must be >= 1"),
        (
            "logs.tail",
            json!({"maxBytes": 1_000_001}),
            "invalid logs.tail params: at /maxBytes: must be <= 1000000",
        ),
        ("connect", json!({}), "connect is only valid as the first request"),
        ("no.such.method", json!({}), "unknown method: no.such.method"),
    ];
    for (method, params, message) in table {
        let answer = client.call(method, params).await;
        assert_eq!(answer["error"], json!({"code": "INVALID_REQUEST", "message": message}), "{method}");
    }
}

#[tokio::test]
async fn presence_is_told_to_readers_and_events_are_numbered() {
    let gateway = Gateway::start().await;
    let (mut reader, _) = gateway.connected(&["operator.read"]).await;
    let health = reader.event("health").await;
    assert_eq!(health["seq"], 1);
    assert!(health["stateVersion"]["health"].as_u64().unwrap() >= 1);
    let (mut page, _) = gateway.connected_as("webchat", "webchat", &[]).await;
    let came = reader.event("presence").await;
    assert_eq!((&came["seq"], &came["payload"]["presence"][1]["reason"]), (&json!(2), &json!("connect")));
    page.socket.close(None).await.unwrap();
    // Without scopes the page hears of health, and not of itself.
    while let Some(frame) = page.recv().await {
        assert_ne!(frame["event"], "presence");
    }
    let went = reader.event("presence").await;
    assert_eq!((&went["seq"], &went["payload"]["presence"][1]["reason"]), (&json!(3), &json!("disconnect")));
    assert!(went["stateVersion"]["presence"].as_u64() > came["stateVersion"]["presence"].as_u64());
}

#[tokio::test]
async fn calls_may_be_pipelined_behind_connect() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.challenged().await;
    client.send(&connect("cli", "cli", &["operator.read"], json!({"token": TOKEN}))).await;
    for number in 0..20 {
        client.send(&json!({"type": "req", "id": number.to_string(), "method": "system-presence"})).await;
    }
    let mut ids = Vec::new();
    while ids.len() < 21 {
        let answer = client.response().await.unwrap();
        assert_eq!(answer["ok"], true);
        ids.push(answer["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids[0], "c");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 21);
}

#[tokio::test]
async fn a_log_is_followed_by_cursor() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(&["operator.read"]).await;
    let first = client.call("logs.tail", json!({"limit": 1})).await["payload"].clone();
    assert_eq!(first["lines"].as_array().unwrap().len(), 1);
    let _other = gateway.connected(&[]).await;
    let next = client.call("logs.tail", json!({"cursor": first["cursor"]})).await["payload"].clone();
    assert_eq!((next["lines"].as_array().unwrap().len(), &next["reset"]), (1, &json!(false)), "{next}");
    assert!(next["lines"][0].as_str().unwrap().contains("connected"));
    let lost = client.call("logs.tail", json!({"cursor": 1u64 << 40})).await;
    assert_eq!(lost["payload"]["reset"], true);
    assert!(!gateway.log().contains(TOKEN), "a secret in the log");
}
