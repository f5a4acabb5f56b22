//! The flow that a gateway is for: a Telegram message arrives, the agent decides to call a node's command, the gateway
//! calls it, the node's result comes back, the reply goes to Telegram. Once by a model's choice, once by hand.

use serde_json::{Value, json};

use super::bot_api::{BOT_TOKEN, BotApi, visible};
use super::harness::Gateway;
use super::nodes::admitted;
use super::provider::{Provider, Scene};
use super::telegram::embedded;

/// A gateway whose owner is the person 5 and that knows 6 as well.
async fn gateway(api: &BotApi, provider: Option<&Provider>) -> Gateway {
    let mut tree = json!({
        "channels": {"telegram": api.config(json!({"allowFrom": [5, 6]}))},
        "commands": {"ownerAllowFrom": ["telegram:5"]},
    });
    if let Some(provider) = provider {
        let more: Value = provider.config("a-key");
        tree.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    Gateway::with(|options| options.embedded = embedded(&tree)).await
}

#[tokio::test]
async fn a_message_leads_to_a_node_and_its_answer_back_to_the_sender() {
    let api = BotApi::start().await;
    let call: &'static [(&str, &str)] =
        &[("node_invoke", r#"{"node":"Desk","command":"system.which","params":{"bins":["ls"]}}"#)];
    let provider =
        Provider::start(vec![Scene::Calls(call), Scene::Says(&["It is ", "**there**: /bin/ls"])]).await;
    let gateway = gateway(&api, Some(&provider)).await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let mut node = admitted(&gateway, &mut admin, 31, &["system.which"]).await;
    api.write(5, "Is ls there?");
    let asked = node.asked().await;
    assert_eq!(asked["command"], "system.which");
    node.answers(&asked, json!({"ok": true, "payload": {"ls": "/bin/ls"}})).await;
    assert_eq!(api.sent(1).await, "It is <b>there</b>: /bin/ls");
    // Its writer was shown at work meanwhile.
    assert!(!api.asked("sendChatAction").is_empty());
    assert_eq!(api.asked("sendMessage")[0]["chat_id"], 5);
    // What the node said is what the model was told.
    let told = provider.asked()[1]["body"].to_string();
    assert!(told.contains("/bin/ls") && told.contains("Is ls there?"), "{told}");
    let history = admin.call("chat.history", json!({"sessionKey": "main"})).await;
    assert!(history["payload"]["messages"].to_string().contains("It is **there**"), "{history}");
    assert!(!gateway.log().contains(BOT_TOKEN));
}

#[tokio::test]
async fn an_owner_calls_a_node_by_hand_and_nobody_else_does() {
    let api = BotApi::start().await;
    let gateway = gateway(&api, None).await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let mut node = admitted(&gateway, &mut admin, 32, &["system.which"]).await;
    api.write(6, "/node run Desk system.which {\"bins\":[\"ls\"]}");
    assert!(!visible(&api.sent(1).await).contains("/bin/ls"));
    api.write(5, "/node run Desk system.which {\"bins\":[\"ls\"]}");
    let asked = node.asked().await;
    let params: Value = serde_json::from_str(asked["paramsJSON"].as_str().unwrap()).unwrap();
    assert_eq!(params["bins"], json!(["ls"]));
    node.answers(&asked, json!({"ok": true, "payload": {"ls": "/bin/ls"}})).await;
    assert!(visible(&api.sent(2).await).contains("/bin/ls"));
}
