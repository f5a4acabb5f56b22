//! The beginning and the end: readiness, a taken port, a stop that tells everyone.

use openclaw_supervisor::base::Kind;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::harness::{DEADLINE, Gateway, within};
use super::http::{ask, body};
use super::provider::{Provider, Scene};

#[tokio::test]
async fn a_stop_is_told_and_the_listeners_close() {
    let mut gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(&["operator.admin"]).await;
    let (mut stranger, _) = gateway.challenged().await;
    gateway.ask_to_stop();
    let shutdown = client.event("shutdown").await;
    assert_eq!(shutdown["payload"], json!({"reason": "gateway stopping"}));
    assert_eq!(client.closed().await, Some((1012, "service restart".into())));
    assert_eq!(stranger.closed().await, Some((1012, "service restart".into())));
    gateway.join().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", gateway.port)).await.is_err());
    for word in ["listening", "connected", "closed: service restart", "stopping", "stopped"] {
        assert!(gateway.log().contains(word), "{word}");
    }
}

#[tokio::test]
async fn who_waits_for_an_answer_is_told_of_the_end_and_what_was_said_is_kept() {
    let provider = Provider::start(vec![Scene::Hangs("Once upon")]).await;
    let mut gateway = super::agent::gateway(&provider).await;
    let (mut client, _) = gateway.connected(&["operator.admin"]).await;
    let errand = json!({ "message": "a story", "idempotencyKey": "k1" });
    assert_eq!(client.call("agent", errand).await["payload"]["status"], "accepted");
    assert_eq!(client.event("chat").await["payload"]["deltaText"], "Once upon");
    gateway.ask_to_stop();
    let last = client.answer("agent").await;
    assert_eq!((&last["ok"], &last["error"]["message"]), (&json!(false), &json!("the gateway is stopping")));
    assert_eq!(client.closed().await, Some((1012, "service restart".into())));
    gateway.join().unwrap();

    let store = gateway.home.path().join("embedded/gateway.sqlite");
    let next = Gateway::with(|options| options.store = store).await;
    let (mut client, _) = next.connected(&["operator.admin"]).await;
    let history = client.call("chat.history", json!({ "sessionKey": "main" })).await;
    let kept = &history["payload"]["messages"][1];
    assert_eq!(
        (&kept["content"][0]["text"], &kept["stopReason"]),
        (&json!("Once upon"), &json!("error")),
        "{history}"
    );
    let waited = client.call("agent.wait", json!({ "runId": "k1" })).await;
    assert_eq!(waited["payload"]["error"], "the gateway is stopping", "{waited}");
}

#[tokio::test]
async fn while_draining_it_lives_but_is_not_ready() {
    let mut gateway = Gateway::with(|options| options.limits.linger = DEADLINE).await;
    // A client that does not take its close keeps the gateway draining.
    let (client, _) = gateway.connected(&[]).await;
    gateway.ask_to_stop();
    let expected = r#"{"ok":false,"status":"draining","version":"0.1.0-test","uptimeMs":"#;
    within("draining", async {
        while !body(&ask(&gateway, "GET /startupz HTTP/1.1").await).starts_with(expected) {}
    })
    .await;
    let live = ask(&gateway, "GET /healthz HTTP/1.1").await;
    assert!(live.starts_with("HTTP/1.1 200 OK\r\n") && body(&live) == r#"{"ok":true,"status":"live"}"#);
    let ready = ask(&gateway, "GET /readyz HTTP/1.1").await;
    assert!(ready.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{ready}");
    assert!(
        body(&ready).starts_with(r#"{"ready":false,"failing":["gateway-draining"],"uptimeMs":"#),
        "{ready}"
    );
    let (status, text) = gateway.open("/", &json!({})).await.err().expect("a refusal");
    assert_eq!((status.as_u16(), text.as_str()), (503, "Gateway websocket admission closed"));
    drop(client);
    gateway.join().unwrap();
}

#[tokio::test]
async fn a_taken_port_is_said_to_be_taken() {
    let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = holder.local_addr().unwrap().port();
    let error = Gateway::with(|options| options.port = port).await.join().unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.profile_name()),
        (Kind::Config, "port_in_use", Some("work"))
    );
    assert!(error.remedy_text().is_some());
}

#[tokio::test]
async fn both_loopback_addresses_answer() {
    let gateway = Gateway::start().await;
    assert!(TcpStream::connect(("127.0.0.1", gateway.port)).await.is_ok());
    // Only where the machine has the second one.
    if TcpListener::bind("[::1]:0").await.is_ok() {
        assert!(TcpStream::connect(("::1", gateway.port)).await.is_ok());
    }
}
