//! Hooks: who may bring orders over HTTP, and what becomes of them.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bot_api::{BotApi, visible};
use super::harness::{Gateway, within};
use super::telegram::embedded;

const HOOK_TOKEN: &str = "the-token-of-the-hooks";

pub async fn gateway(more: Value, telegram: Value) -> Gateway {
    let mut hooks = json!({"enabled": true, "token": HOOK_TOKEN});
    hooks.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let tree = json!({"hooks": hooks, "channels": {"telegram": telegram}});
    Gateway::with(|options| options.embedded = embedded(&tree)).await
}

/// Status, head and body of the answer to a request with these headers.
async fn ask(gateway: &Gateway, start: &str, headers: &str, body: &str) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
    let length = body.len();
    let request = format!(
        "{start} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    // Whoever is refused early may not be read to the end.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = within("the answer", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head[9..12].parse().unwrap();
    (status, head.to_owned(), serde_json::from_str(body).unwrap_or(json!(body)))
}

pub fn bearer() -> String {
    format!("Authorization: Bearer {HOOK_TOKEN}\r\nContent-Type: application/json\r\n")
}

#[tokio::test]
async fn only_who_has_the_token_in_a_header_gets_in() {
    let gateway = gateway(json!({}), json!({"enabled": false, "botToken": "1:a"})).await;
    let right = bearer();
    let other = format!("x-openclaw-token: {HOOK_TOKEN}\r\n");
    let (start, body) = ("POST /hooks/agent", r#"{"message":"/help"}"#);
    for (start, headers, body, expected) in [
        (start, right.as_str(), body, 200),
        (start, other.as_str(), body, 200),
        (start, "", body, 401),
        (start, "Authorization: Bearer wrong\r\n", body, 401),
        (start, "Authorization: Bearer the-shared-token\r\n", body, 401),
        ("GET /hooks/agent", right.as_str(), "", 405),
        ("POST /hooks/agent?token=x", right.as_str(), body, 400),
        (start, right.as_str(), "{", 400),
        (start, right.as_str(), "{}", 400),
        ("POST /hooks/none", right.as_str(), "{}", 404),
        ("POST /hooks", right.as_str(), "{}", 404),
        ("POST /hooksx", right.as_str(), "{}", 404),
    ] {
        let (status, head, body) = ask(&gateway, start, headers, body).await;
        assert_eq!(status, expected, "{start} {headers} {head} {body}");
    }
    let text = format!("x-openclaw-token: {HOOK_TOKEN}\r\nContent-Type: text/plain\r\n");
    assert_eq!(ask(&gateway, start, &text, body).await.0, 415);
    let large = format!(r#"{{"message":"{}"}}"#, "x".repeat(300 * 1024));
    assert_eq!(ask(&gateway, start, &right, &large).await.0, 413);
    let forwarded = format!("{right}X-Forwarded-For: 192.0.2.1\r\n");
    assert_eq!(ask(&gateway, start, &forwarded, body).await.0, 403);
    assert!(!gateway.log().contains(HOOK_TOKEN));
}

#[tokio::test]
async fn a_page_that_guesses_is_locked_out() {
    let gateway = gateway(json!({}), json!({"enabled": false, "botToken": "1:a"})).await;
    let origin = format!("Origin: http://127.0.0.1:{}\r\n", gateway.port + 1);
    let mut statuses = Vec::new();
    for _ in 0..11 {
        let headers = format!("{origin}Authorization: Bearer wrong\r\n");
        statuses.push(ask(&gateway, "POST /hooks/wake", &headers, "{}").await.0);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}

#[tokio::test]
async fn an_order_runs_the_agent_once_and_its_answer_goes_where_it_is_wanted() {
    let api = BotApi::start().await;
    let mapping =
        json!([{"match": {"path": "ci"}, "messageTemplate": "/{{what}}", "channel": "telegram", "to": "5"}]);
    let gateway = gateway(json!({"mappings": mapping}), api.config(json!({}))).await;
    let waits =
        r#"{"message":"/help","channel":"telegram","to":"5","waitForCompletion":true,"idempotencyKey":"k"}"#;
    let (status, _, first) = ask(&gateway, "POST /hooks/agent", &bearer(), waits).await;
    assert_eq!((status, &first["ok"], &first["completion"]["delivered"]), (200, &json!(true), &json!(true)));
    assert!(visible(&api.sent(1).await).contains("/help"));
    let (_, _, again) = ask(&gateway, "POST /hooks/agent", &bearer(), waits).await;
    assert_eq!(again["runId"], first["runId"]);
    let (status, _, mapped) = ask(&gateway, "POST /hooks/ci", &bearer(), r#"{"what":"status"}"#).await;
    assert_eq!((status, &mapped["ok"]), (200, &json!(true)));
    api.sent(2).await;
    let (_, _, wake) = ask(&gateway, "POST /hooks/wake", &bearer(), r#"{"text":"the build is done"}"#).await;
    assert_eq!((&wake["mode"], &wake["eventOutcome"]), (&json!("now"), &json!("queued")));
    let (mut client, _) = gateway.connected(&["operator.read"]).await;
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await;
    assert!(
        history["payload"]["messages"].to_string().contains("[System event] the build is done"),
        "{history}"
    );
    let unknown = r#"{"message":"x","channel":"telegram","to":"5","accountId":"none"}"#;
    assert_eq!(ask(&gateway, "POST /hooks/agent", &bearer(), unknown).await.0, 400);
    assert_eq!(api.asked("sendMessage").len(), 2);
}
