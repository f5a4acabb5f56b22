//! What is said in a session without a model: sending, hearing of it, reading it again, and asking twice.

use serde_json::{Value, json};

use super::harness::{Client, Gateway, within};

const ALL: &[&str] = &["operator.admin"];

/// Says something in the main session under a key, and waits for what comes of it; the last `chat` event.
pub async fn said(client: &mut Client, message: &str, key: &str) -> Value {
    let params = json!({ "sessionKey": "main", "message": message, "idempotencyKey": key });
    let taken = client.call("chat.send", params).await;
    assert_eq!(taken["payload"], json!({ "runId": key, "status": "started" }), "{taken}");
    ended(client, key).await
}

/// The last `chat` event of a run.
pub async fn ended(client: &mut Client, run: &str) -> Value {
    loop {
        let chat = client.event("chat").await["payload"].clone();
        if chat["runId"] == run && chat["state"] != "delta" {
            return chat;
        }
    }
}

pub fn text(message: &Value) -> String {
    message["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

async fn history(client: &mut Client, params: Value) -> Value {
    let answer = client.call("chat.history", params).await;
    assert_eq!(answer["ok"], true, "{answer}");
    answer["payload"].clone()
}

#[tokio::test]
async fn a_command_is_answered_told_and_kept() {
    let gateway = Gateway::start().await;
    let (mut client, hello) = gateway.connected(ALL).await;
    let defaults = &hello["snapshot"]["sessionDefaults"];
    assert_eq!(
        (&defaults["modelConfigured"], &defaults["mainSessionKey"]),
        (&json!(false), &json!("agent:main:main"))
    );

    let end = said(&mut client, "/help", "k1").await;
    assert_eq!((&end["state"], &end["sessionKey"]), (&json!("final"), &json!("agent:main:main")), "{end}");
    assert!(text(&end["message"]).contains("/status – "), "{end}");

    let kept = history(&mut client, json!({ "sessionKey": "main" })).await;
    let roles: Vec<_> =
        kept["messages"].as_array().unwrap().iter().map(|said| said["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant"]);
    assert_eq!(kept["messages"][0]["__openclaw"]["seq"], 1);
    assert_eq!(
        (&kept["sessionKey"], &kept["hasMore"], &kept["totalMessages"]),
        (&json!("main"), &json!(false), &json!(2))
    );
    assert_eq!(kept["sessionInfo"]["status"], "done");

    let loss = said(&mut client, "What is the weather?", "k2").await;
    assert!(text(&loss["message"]).starts_with("No model is configured. So I cannot answer that."), "{loss}");
    let cursor = kept["deltaCursor"].clone();
    let more = history(&mut client, json!({ "sessionKey": "main", "cursor": cursor })).await;
    assert_eq!((&more["kind"], more["messages"].as_array().unwrap().len()), (&json!("delta"), 2));
    let page = history(&mut client, json!({ "sessionKey": "main", "limit": 1, "offset": 1 })).await;
    assert_eq!(
        (text(&page["messages"][0]), &page["nextOffset"]),
        ("What is the weather?".to_owned(), &json!(2))
    );
}

#[tokio::test]
async fn the_same_key_is_the_same_run_also_after_a_restart() {
    let mut gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(ALL).await;
    let end = said(&mut client, "/status", "same").await;
    let again = json!({ "sessionKey": "main", "message": "/status", "idempotencyKey": "same" });
    assert_eq!(
        client.call("chat.send", again.clone()).await["payload"],
        json!({ "runId": "same", "status": "ok" })
    );
    let other = json!({ "sessionKey": "other", "message": "/status", "idempotencyKey": "same" });
    assert_eq!(client.call("chat.send", other).await["ok"], false);
    gateway.join().unwrap();

    let store = gateway.home.path().join("embedded/gateway.sqlite");
    let next = Gateway::with(|options| options.store = store).await;
    let (mut client, _) = next.connected(ALL).await;
    assert_eq!(client.call("chat.send", again).await["payload"]["status"], "ok");
    let waited = client.call("agent.wait", json!({ "runId": "same", "timeoutMs": 5000 })).await;
    assert_eq!(waited["payload"]["status"], "ok", "{waited}");
    let kept = history(&mut client, json!({ "sessionKey": "main" })).await;
    assert_eq!(kept["totalMessages"], 2);
    assert_eq!(text(&kept["messages"][1]), text(&end["message"]));
}

#[tokio::test]
async fn an_errand_has_two_answers() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(ALL).await;
    let errand = json!({ "message": "/help", "agentId": "main", "deliver": false, "timeout": 5, "idempotencyKey": "e1" });
    let taken = client.call("agent", errand).await;
    let mut payload = taken["payload"].clone();
    assert!(payload["acceptedAt"].take().is_u64());
    assert_eq!(
        payload,
        json!({ "runId": "e1", "sessionKey": "agent:main:main", "agentId": "main", "status": "accepted", "acceptedAt": null })
    );
    let last = client.answer("agent").await;
    assert_eq!(
        (&last["payload"]["status"], &last["payload"]["summary"]),
        (&json!("ok"), &json!("completed"))
    );
    assert!(last["payload"]["result"]["payloads"][0]["text"].as_str().unwrap().contains("/help"), "{last}");

    for (wrong, words) in [
        (json!({ "message": "x", "idempotencyKey": "e2", "agentId": "ops" }), "unknown agent id \"ops\""),
        (json!({ "message": "x", "idempotencyKey": "e2", "deliver": true }), "delivers an answer to nobody"),
        (json!({ "idempotencyKey": "e2" }), "invalid agent params: must have required property 'message'"),
    ] {
        let refused = client.call("agent", wrong).await;
        assert!(refused["error"]["message"].as_str().unwrap().contains(words), "{refused}");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_a_reason() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(ALL).await;
    let send = |more: Value| {
        let mut params = json!({ "sessionKey": "main", "message": "hi", "idempotencyKey": "k" });
        for (key, value) in more.as_object().unwrap() {
            params[key] = value.clone();
        }
        params
    };
    let table = [
        (json!({}), "session mutation target is unavailable"),
        (json!({ "sessionKey": "main" }), "invalid chat.send params: must have required property 'message'"),
        (send(json!({ "bogus": 1 })), "invalid chat.send params: at root: unexpected property 'bogus'"),
        (send(json!({ "message": "  " })), "message or attachment required"),
        (send(json!({ "message": "a\u{0}b" })), "message must not contain null bytes"),
        (send(json!({ "message": "x".repeat(262_145) })), "at most 262144 bytes"),
        (send(json!({ "idempotencyKey": "k".repeat(257) })), "1 to 256 characters"),
        (send(json!({ "sessionKey": "agent:ops:main" })), "unknown agent id \"ops\""),
        (send(json!({ "attachments": [{ "type": "image" }] })), "takes no attachments"),
    ];
    for (params, words) in table {
        let refused = client.call("chat.send", params).await;
        assert_eq!(refused["error"]["code"], "INVALID_REQUEST", "{refused}");
        assert!(refused["error"]["message"].as_str().unwrap().contains(words), "{refused}");
    }
    assert_eq!(history(&mut client, json!({ "sessionKey": "main" })).await["totalMessages"], 0);
}

#[tokio::test]
async fn a_client_that_chooses_sessions_hears_of_those_alone() {
    let gateway = Gateway::start().await;
    let (mut speaker, _) = gateway.connected(ALL).await;
    let (mut chooser, _) = gateway.challenged().await;
    let mut connect =
        super::harness::connect("cli", "cli", &["operator.read"], json!({ "token": super::harness::TOKEN }));
    connect["params"]["caps"] = json!(["session-scoped-events"]);
    chooser.send(&connect).await;
    chooser.answer("c").await;
    let followed = chooser.call("sessions.messages.subscribe", json!({ "key": "mine" })).await;
    assert_eq!(followed["payload"], json!({ "subscribed": true, "key": "agent:main:mine" }));

    said(&mut speaker, "/help", "other").await;
    let mine = json!({ "sessionKey": "mine", "message": "/help", "idempotencyKey": "mine" });
    speaker.call("chat.send", mine).await;
    let heard = within("a message", chooser.event("session.message")).await;
    assert_eq!((&heard["payload"]["runId"], &heard["seq"]), (&json!("mine"), &Value::Null), "{heard}");
    let chat = chooser.event("chat").await;
    assert_eq!(chat["payload"]["runId"], "mine", "the other session is not heard: {chat}");
}

#[tokio::test]
async fn scopes_bound_what_may_be_said_and_done() {
    let gateway = Gateway::start().await;
    let (mut reader, _) = gateway.connected(&["operator.read"]).await;
    let (mut writer, _) = gateway.connected(&["operator.write"]).await;
    let send = json!({ "sessionKey": "main", "message": "/help", "idempotencyKey": "k" });
    assert_eq!(reader.call("chat.send", send.clone()).await["error"]["code"], "FORBIDDEN");
    assert_eq!(writer.call("chat.send", send).await["ok"], true);
    let end = ended(&mut writer, "k").await;
    assert!(!text(&end["message"]).contains("/reset"), "who may not reset is not offered to: {end}");
    for (method, params) in [
        ("chat.inject", json!({ "sessionKey": "main", "message": "x" })),
        ("sessions.reset", json!({ "key": "main" })),
        ("sessions.delete", json!({ "key": "main" })),
        ("sessions.compact", json!({ "key": "main" })),
        ("agent", json!({ "message": "/reset", "idempotencyKey": "r" })),
    ] {
        let refused = writer.call(method, params).await;
        assert_eq!(refused["error"]["details"]["missingScope"], "operator.admin", "{method}: {refused}");
    }
}

#[tokio::test]
async fn an_event_is_told_to_its_session_and_is_no_command() {
    let gateway = Gateway::start().await;
    let (mut reader, _) = gateway.connected(&["operator.read"]).await;
    let (mut writer, _) = gateway.connected(&["operator.write"]).await;
    let event = json!({ "mode": "next-heartbeat", "text": " /help came by post " });
    assert_eq!(reader.call("wake", event.clone()).await["error"]["code"], "FORBIDDEN");
    assert_eq!(writer.call("wake", event).await["payload"], json!({ "ok": true }));
    let end = writer.event("chat").await;
    assert!(text(&end["payload"]["message"]).starts_with("No model is configured"), "{end}");
    let kept = history(&mut writer, json!({ "sessionKey": "main" })).await;
    assert_eq!(text(&kept["messages"][0]), "[System event] /help came by post");
    for (wrong, words) in [
        (json!({ "mode": "now" }), "must have required property 'text'"),
        (json!({ "mode": "now", "text": " " }), "text required"),
        (json!({ "mode": "soon", "text": "x" }), "at /mode"),
        (json!({ "mode": "now", "text": "x", "agentId": "ops" }), "unknown agent id \"ops\""),
    ] {
        let refused = writer.call("wake", wrong).await;
        assert!(refused["error"]["message"].as_str().unwrap().contains(words), "{refused}");
    }
}
