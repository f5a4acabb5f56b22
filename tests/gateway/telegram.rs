//! Telegram: who may write, what happens with a message, and what the Bot API's troubles lead to.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openclaw_supervisor::base::Secret;
use openclaw_supervisor::gateway::{Limits, Options, Reload, Settings};
use openclaw_supervisor::profile::Embedded;
use serde_json::{Value, json};

use super::bot_api::{BOT_TOKEN, BotApi, told, visible};
use super::harness::{Client, Gateway};
use super::schema::{assert_fits, definition};

pub fn embedded(tree: &Value) -> Embedded {
    let follow = |source: &openclaw_supervisor::profile::SecretSource| match source {
        openclaw_supervisor::profile::SecretSource::Inline(secret) => Ok(Some(secret.clone())),
        _ => Ok(None::<Secret>),
    };
    Embedded::read(tree, Path::new("openclaw.json"), &follow).unwrap()
}

fn speaks(telegram: &Value) -> impl FnOnce(&mut Options) + use<> {
    let tree = json!({"channels": {"telegram": telegram}});
    move |options| options.embedded = embedded(&tree)
}

async fn admin(gateway: &Gateway) -> Client {
    gateway.connected(&["operator.admin"]).await.0
}

/// Asks for the account until it is as `is` says.
async fn account(client: &mut Client, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let status = client.call("channels.status", json!({})).await;
        assert_fits(&definition("ChannelsStatusResult"), &status["payload"]);
        let account = status["payload"]["channelAccounts"]["telegram"][0].clone();
        if is(&account) {
            return account;
        }
        client.event("health").await;
    }
}

#[tokio::test]
async fn a_stranger_is_given_a_code_and_let_in_by_it() {
    let api = BotApi::start().await;
    let gateway = Gateway::with(speaks(&api.config(json!({})))).await;
    let mut client = admin(&gateway).await;
    api.write(5, "/help");
    let told = visible(&api.sent(1).await);
    assert!(
        told.contains("Your Telegram user id: 5") && told.contains("openclaw --profile work pairing approve"),
        "{told}"
    );
    // Once is enough, and what was written is not answered.
    api.write(5, "hello?");
    let list = client.call("channels.pairing.list", json!({"channel": "telegram"})).await;
    assert_fits(&definition("ChannelsPairingListResult"), &list["payload"]);
    let request = &list["payload"]["requests"][0];
    assert_eq!((&request["senderId"], &request["senderLabel"]), (&json!("5"), &json!("Ana (@ana)")));
    let code = request["requestId"].as_str().unwrap();
    assert!(told.contains(code), "{told}");
    let (mut pairs, _) = gateway.connected(&["operator.pairing"]).await;
    let mut params = json!({"channel": "telegram", "accountId": "default", "requestId": code,
        "bootstrapCommandOwner": true});
    let refused = pairs.call("channels.pairing.approve", params.clone()).await;
    assert_eq!(refused["error"]["details"]["missingScope"], "operator.admin");
    params["notify"] = json!(true);
    let let_in = client.call("channels.pairing.approve", params.clone()).await;
    assert_fits(&definition("ChannelsPairingApproveResult"), &let_in["payload"]);
    assert_eq!(
        let_in["payload"],
        json!({"requestId": code, "senderId": "5", "notification": "sent", "commandOwnerBootstrap": "configured"})
    );
    assert!(visible(&api.sent(2).await).starts_with("You are let in"));
    assert_eq!(client.call("channels.pairing.approve", params).await["ok"], false);
    api.write(5, "/help");
    let told = visible(&api.sent(3).await);
    assert!(told.contains("/status"), "{told}");
    assert!(!gateway.log().contains(BOT_TOKEN));
}

#[tokio::test]
async fn a_message_is_taken_once_and_the_place_outlives_the_gateway() {
    let api = BotApi::start().await;
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("gateway.sqlite");
    let config = api.config(json!({"allowFrom": [5]}));
    let start = || {
        Gateway::with(|options| {
            speaks(&config)(options);
            options.store = store.clone();
        })
    };
    let mut gateway = start().await;
    let number = api.write(5, "/help");
    let first = api.sent(1).await;
    gateway.join().unwrap();
    let before = api.asked("getUpdates").len();
    let mut gateway = start().await;
    let asked = api.was_asked("getUpdates", before + 1).await;
    assert_eq!(asked[before]["offset"], number + 1);
    gateway.join().unwrap();
    // Telegram may say it again all the same: whoever loses the place takes nothing twice.
    let db = rusqlite::Connection::open(&store).unwrap();
    db.execute("DELETE FROM channel_offsets", []).unwrap();
    drop(db);
    let before = api.asked("getUpdates").len();
    api.again(number, 5, "/help");
    api.write(5, "/status");
    let gateway = start().await;
    assert_ne!(api.sent(2).await, first);
    assert_eq!(api.asked("sendMessage").len(), 2);
    assert_eq!(api.asked("getUpdates")[before].get("offset"), None);
    assert!(!gateway.log().contains(BOT_TOKEN));
}

#[tokio::test]
async fn another_poller_is_named_and_not_fought() {
    let api = BotApi::start().await;
    let (status, body) = told(409, "Conflict: terminated by other getUpdates request");
    api.force("getUpdates", status, body);
    let gateway = Gateway::with(speaks(&api.config(json!({})))).await;
    let mut client = admin(&gateway).await;
    let account = account(&mut client, |account| account["healthState"] == "conflict").await;
    assert!(
        account["lastError"].as_str().unwrap().contains("another poller uses this bot token"),
        "{account}"
    );
    assert_eq!((&account["connected"], &account["running"]), (&json!(false), &json!(true)));
    let health = client.call("health", json!({})).await;
    assert_eq!(health["payload"]["channels"]["telegram"]["healthState"], "conflict");
    assert_eq!(api.asked("getUpdates").len(), 1);
    // Whoever has stopped the other one need not wait.
    client.call("channels.start", json!({"channel": "telegram"})).await;
    self::account(&mut client, |account| account["connected"] == true).await;
    let stopped = client.call("channels.stop", json!({"channel": "telegram", "accountId": "default"})).await;
    assert_eq!(stopped["payload"]["stopped"], true);
    self::account(&mut client, |account| account["running"] == false).await;
    let unknown = client.call("channels.stop", json!({"channel": "telegram", "accountId": "x"})).await;
    assert_eq!(unknown["error"]["code"], "INVALID_REQUEST");
}

#[tokio::test]
async fn a_wrong_token_waits_for_a_right_one() {
    let api = BotApi::start().await;
    let mut config = api.config(json!({}));
    config["botToken"] = json!("7:a-wrong-token");
    let next: Arc<Mutex<Option<Settings>>> = Arc::default();
    let looked = Arc::clone(&next);
    let mut access = None;
    let gateway = Gateway::with(|options| {
        speaks(&config)(options);
        access = Some(options.access.clone());
        options.limits = Limits { reload: Duration::from_millis(20), ..options.limits };
        options.reload = Some(Reload::new(move || looked.lock().unwrap().take().map(Ok)));
    })
    .await;
    let mut client = admin(&gateway).await;
    let parked = account(&mut client, |account| account["healthState"] == "unauthorized").await;
    assert_eq!(parked["running"], false);
    let right = json!({"channels": {"telegram": api.config(json!({}))}});
    let settings =
        Settings { access: access.unwrap(), embedded: embedded(&right), waiting: vec!["gateway.port"] };
    *next.lock().unwrap() = Some(settings);
    account(&mut client, |account| account["connected"] == true).await;
    let health = client.call("health", json!({})).await;
    let expected = json!({"hotReloadStatus": "active", "restartNeeded": ["gateway.port"]});
    assert_eq!(health["payload"]["configReload"], expected);
    assert!(!gateway.log().contains("a-wrong-token"));
}

#[tokio::test]
async fn a_long_message_goes_out_in_parts_and_through_troubles() {
    let api = BotApi::start().await;
    let gateway = Gateway::with(speaks(&api.config(json!({})))).await;
    let mut client = admin(&gateway).await;
    api.force("sendMessage", 429, json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 1}}));
    let (status, body) = told(400, "Bad Request: can't parse entities: unsupported start tag");
    api.force("sendMessage", status, body);
    let text = format!("**All:**\n```\n{}```\n{}", "a line of code\n".repeat(400), "😀 word ".repeat(700));
    let params = json!({"to": "telegram:5", "message": text, "idempotencyKey": "k1"});
    let sent = client.call("send", params.clone()).await;
    assert_eq!((&sent["payload"]["channel"], &sent["payload"]["chatId"]), (&json!("telegram"), &json!("5")));
    let parts = api.asked("sendMessage");
    // The first one waited once and went out plain.
    assert_eq!((parts[0]["parse_mode"].as_str(), parts[2].get("parse_mode")), (Some("HTML"), None));
    assert!(
        parts.len() >= 5 && parts[2]["text"].as_str().unwrap().starts_with("**All:**"),
        "{}",
        parts.len()
    );
    // The same key is the same message.
    assert_eq!(client.call("send", params).await["payload"], sent["payload"]);
    assert_eq!(api.asked("sendMessage").len(), parts.len());
    let action = json!({"channel": "telegram", "action": "send", "idempotencyKey": "k2",
        "params": {"to": "5", "message": "hi <b>"}});
    assert_eq!(client.call("message.action", action).await["ok"], true);
    assert_eq!(api.asked("sendMessage").last().unwrap()["text"], "hi &lt;b&gt;");
    for (params, said) in [
        (json!({"to": "ana", "message": "x", "idempotencyKey": "k3"}), "numeric chat id"),
        (json!({"to": "5", "message": "x", "channel": "discord", "idempotencyKey": "k4"}), "not configured"),
        (json!({"to": "5", "message": "y", "idempotencyKey": "k2"}), "another message"),
        (json!({"to": "5", "mediaUrl": "x", "idempotencyKey": "k5"}), "mediaUrl"),
    ] {
        let refused = client.call("send", params).await;
        assert!(refused["error"]["message"].as_str().unwrap().contains(said), "{refused}");
    }
    let (status, body) = told(403, "Forbidden: bot was blocked by the user");
    api.force("sendMessage", status, body);
    let blocked = client.call("send", json!({"to": "5", "message": "x", "idempotencyKey": "k6"})).await;
    assert!(blocked["error"]["message"].as_str().unwrap().contains("blocked"), "{blocked}");
}
