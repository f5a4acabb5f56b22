//! Approvals of what would be run: who asks, who decides, and that nothing is run but what was approved, once, for whoever
//! asked. A client's own word never counts.

use serde_json::{Value, json};

use super::bot_api::{BotApi, visible};
use super::chat::{ended, text};
use super::harness::{Client, Gateway};
use super::nodes::{Node, admitted};
use super::pairing::{self, Device};
use super::provider::{Provider, Scene};
use super::telegram::embedded;

/// A conversation with the real gateway, without what only it adds: `commandAnalysis`, the ways of delivery.
const RECORDED: &str = include_str!("data/approvals.json");
const DECIDES: &[&str] = &["operator.approvals"];
const ASKS: &[&str] = &["operator.approvals", "operator.write"];

/// What is asked for: `argv` on a node, as it would be prepared there.
fn wanted(node: &str, id: &str, argv: &[&str]) -> Value {
    let plan =
        json!({"argv": argv, "cwd": "/tmp", "commandText": "harmless", "agentId": null, "sessionKey": null});
    json!({"id": id, "host": "node", "nodeId": node, "systemRunPlan": plan, "env": {"LANG": "C"},
        "twoPhase": true, "requireDeliveryRoute": false})
}

/// The call that uses an approval.
fn call(node: &str, id: &str, argv: &[&str], key: &str) -> Value {
    json!({"nodeId": node, "command": "system.run", "idempotencyKey": key, "params": {
        "command": argv, "cwd": "/tmp", "env": {"LANG": "C"}, "runId": id, "approved": true,
        "approvalDecision": "allow-once", "approvalSource": null}})
}

async fn send(client: &mut Client, id: &str, method: &str, params: &Value) {
    client.send(&json!({"type": "req", "id": id, "method": method, "params": params})).await;
}

/// Asks for an approval; gives back the acceptance.
async fn ask(client: &mut Client, params: &Value) -> Value {
    send(client, "ask", "exec.approval.request", params).await;
    let accepted = client.answer("ask").await;
    assert_eq!(accepted["payload"]["status"], "accepted", "{accepted}");
    accepted["payload"].clone()
}

async fn resolve(client: &mut Client, id: &str, decision: &str) -> Value {
    client.call("exec.approval.resolve", json!({"id": id, "decision": decision})).await
}

/// The code of the refusal of a call.
async fn code(client: &mut Client, params: Value) -> String {
    let refused = client.call("node.invoke", params).await;
    refused["error"]["details"]["code"].as_str().unwrap_or_else(|| panic!("{refused}")).to_owned()
}

/// A gateway, a node on it, and an admin.
async fn begin() -> (Gateway, Client, Node) {
    let gateway = Gateway::start().await;
    let (mut admin, hello) = gateway.connected(&["operator.admin"]).await;
    for word in ["exec.approval.request", "exec.approval.resolve", "exec.approval.list"] {
        assert!(hello["features"]["methods"].as_array().unwrap().contains(&json!(word)));
    }
    let node = admitted(&gateway, &mut admin, 41, &["system.run", "system.run.prepare"]).await;
    (gateway, admin, node)
}

const LS: &[&str] = &["/bin/ls", "a b"];

#[tokio::test]
async fn what_was_approved_is_run_once_and_as_it_was_approved() {
    let (gateway, mut admin, mut node) = begin().await;
    let (mut asker, _) = gateway.connected(ASKS).await;
    let (mut watcher, _) = gateway.connected(&["operator.admin"]).await;
    let accepted = ask(&mut asker, &wanted(&node.id, "one", LS)).await;
    assert_eq!((&accepted["id"], &accepted["deliveryRoute"]), (&json!("one"), &json!("approval-client")));
    let event = watcher.event("exec.approval.requested").await["payload"].clone();
    let request = &event["request"];
    assert_eq!((&event["approvalKind"], &event["id"]), (&json!("exec"), &json!("one")));
    assert_eq!(request["command"], "/bin/ls \"a b\"", "what is shown is made of what is run");
    assert_eq!((&request["cwd"], &request["envKeys"]), (&json!("/tmp"), &json!(["LANG"])));
    let listed = admin.call("exec.approval.list", json!({})).await;
    assert_eq!(listed["payload"], json!([event]));
    let got = admin.call("exec.approval.get", json!({"id": "on"})).await["payload"].clone();
    assert_eq!(got["commandText"], request["command"]);
    assert_eq!(got["allowedDecisions"], json!(["allow-once", "allow-always", "deny"]));
    assert_eq!(code(&mut asker, call(&node.id, "one", LS, "early")).await, "APPROVAL_REQUIRED");
    assert_eq!(resolve(&mut admin, "one", "allow-once").await["payload"], json!({"ok": true}));
    let told = watcher.event("exec.approval.resolved").await["payload"].clone();
    assert_eq!((&told["decision"], &told["resolvedBy"]), (&json!("allow-once"), &json!("cli")));
    let decided = asker.answer("ask").await["payload"].clone();
    assert_eq!(decided["decision"], "allow-once");
    let waited = asker.call("exec.approval.waitDecision", json!({"id": "one"})).await["payload"].clone();
    assert_eq!((&waited["decision"], &waited["terminalReason"]), (&json!("allow-once"), &json!("user")));
    // Wrong uses first: none of them uses it up.
    let mut other = call(&node.id, "one", LS, "x");
    other["params"]["env"] = json!({"LANG": "D"});
    assert_eq!(code(&mut asker, other).await, "APPROVAL_ENV_MISMATCH");
    let argv = call(&node.id, "one", &["/bin/rm", "a b"], "x");
    assert_eq!(code(&mut asker, argv).await, "APPROVAL_REQUEST_MISMATCH");
    assert_eq!(code(&mut admin, call(&node.id, "one", LS, "x")).await, "APPROVAL_CLIENT_MISMATCH");
    send(&mut asker, "run", "node.invoke", &call(&node.id, "one", LS, "k")).await;
    let asked = node.asked().await;
    let sent: Value = serde_json::from_str(asked["paramsJSON"].as_str().unwrap()).unwrap();
    assert_eq!((&sent["approved"], &sent["approvalDecision"]), (&json!(true), &json!("allow-once")));
    assert_eq!((&sent["command"], &sent["systemRunPlan"]["argv"]), (&json!(LS), &json!(LS)));
    assert_eq!(sent["systemRunPlan"]["commandText"], sent["rawCommand"]);
    node.answers(&asked, json!({"ok": true, "payload": {"exitCode": 0}})).await;
    assert_eq!(asker.answer("run").await["payload"]["payload"]["exitCode"], 0);
    // The same call again is the same call; another one is a replay.
    assert_eq!(asker.call("node.invoke", call(&node.id, "one", LS, "k")).await["ok"], true);
    assert_eq!(code(&mut asker, call(&node.id, "one", LS, "k2")).await, "APPROVAL_REQUIRED");
    assert_eq!(resolve(&mut admin, "one", "allow-once").await["ok"], true, "the same again changes nothing");
    let otherwise = resolve(&mut admin, "one", "deny").await;
    assert_eq!(otherwise["error"]["details"]["reason"], "APPROVAL_ALREADY_RESOLVED");
}

/// A value as it was recorded: without times, without what is left out there, under the recorded name of the node.
fn plain(value: &Value, node: &str) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "commandAnalysis" | "deliveryRoute"))
            .map(|(name, value)| match name.ends_with("AtMs") || name == "ts" {
                true => (name.clone(), json!("time")),
                false => (name.clone(), plain(value, node)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| plain(item, node)).collect(),
        Value::String(text) if text == node => json!("NODE"),
        other => other.clone(),
    }
}

#[tokio::test]
async fn the_recorded_conversation_is_answered_alike_point_by_point() {
    let (gateway, mut admin, mut node) = begin().await;
    let (mut asker, _) = gateway.connected(ASKS).await;
    let id = node.id.clone();
    let (mut ran, steps) = (Vec::new(), serde_json::from_str::<Vec<Value>>(RECORDED).unwrap());
    for (number, step) in steps.iter().enumerate() {
        let Some(method) = step["method"].as_str() else {
            assert_eq!(plain(&json!(ran), &id), step["answer"]);
            continue;
        };
        let params =
            step["params"].to_string().replace("NODE", &id).replace("\"key\"", &format!("\"{number}\""));
        let client = if step["who"] == "admin" { &mut admin } else { &mut asker };
        let call = format!("s{number}");
        send(client, &call, method, &serde_json::from_str(&params).unwrap()).await;
        if method == "node.invoke" && step["ok"] == true {
            let asked = node.asked().await;
            ran.push(serde_json::from_str::<Value>(asked["paramsJSON"].as_str().unwrap()).unwrap());
            node.answers(&asked, json!({"ok": true, "payload": {"exitCode": 0}})).await;
        }
        let answer = client.answer(&call).await;
        assert_eq!(answer["ok"], step["ok"], "{step}: {answer}");
        let found = if answer["ok"] == true { &answer["payload"] } else { &answer["error"] };
        assert_eq!(plain(found, &id), step["answer"], "{step}");
    }
}

#[tokio::test]
async fn what_is_denied_too_late_or_made_up_is_not_run() {
    let (gateway, mut admin, node) = begin().await;
    let (mut asker, _) = gateway.connected(ASKS).await;
    let (mut writer, _) = gateway.connected(&["operator.write"]).await;
    ask(&mut asker, &wanted(&node.id, "no", LS)).await;
    assert_eq!(resolve(&mut writer, "no", "allow-once").await["error"]["details"]["code"], "MISSING_SCOPE");
    assert_eq!(resolve(&mut admin, "no", "maybe").await["error"]["message"], "invalid decision");
    let mut named = json!({"id": "no", "decision": "allow-once"});
    named["reviewer"] = json!({"channel": "telegram", "accountId": "default", "senderId": "5"});
    assert_eq!(admin.call("exec.approval.resolve", named).await["ok"], false, "nobody speaks for another");
    assert_eq!(resolve(&mut admin, "no", "deny").await["ok"], true);
    assert_eq!(asker.answer("ask").await["payload"]["decision"], "deny");
    assert_eq!(code(&mut asker, call(&node.id, "no", LS, "k")).await, "APPROVAL_REQUIRED");
    let mut short = wanted(&node.id, "late", LS);
    short["timeoutMs"] = json!(1);
    ask(&mut asker, &short).await;
    let waited = asker.answer("ask").await["payload"].clone();
    assert_eq!(waited["decision"], Value::Null);
    let late = resolve(&mut admin, "late", "allow-once").await;
    assert_eq!(late["error"]["details"]["reason"], "APPROVAL_ALREADY_RESOLVED", "{late}");
    assert_eq!(code(&mut asker, call(&node.id, "late", LS, "k")).await, "APPROVAL_REQUIRED");
    let waited = asker.call("exec.approval.waitDecision", json!({"id": "late"})).await["payload"].clone();
    assert_eq!(waited["terminalReason"], "timeout", "{waited}");
    assert_eq!(code(&mut admin, call(&node.id, "made-up", LS, "k")).await, "UNKNOWN_APPROVAL_ID");
    for (claim, expected) in [
        (json!({"approved": true}), "MISSING_RUN_ID"),
        (json!({"approvalDecision": "allow-always"}), "MISSING_RUN_ID"),
        (json!({"approvalSource": "operator"}), "INVALID_APPROVAL_SOURCE"),
        (json!({"approvalSource": "ask-fallback", "approved": true}), "APPROVAL_SOURCE_MISMATCH"),
        (json!({"approvalSource": "ask-fallback", "runId": "late"}), "APPROVAL_CLIENT_MISMATCH"),
    ] {
        let mut params =
            json!({"nodeId": node.id, "command": "system.run", "idempotencyKey": "k", "params": claim});
        params["params"]["command"] = json!(LS);
        assert_eq!(code(&mut admin, params.clone()).await, expected, "{params}");
    }
}

#[tokio::test]
async fn an_approval_is_one_devices_for_one_node_and_none_of_others_affairs() {
    let gateway = pairing::gateway(|_| {}).await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let node = admitted(&gateway, &mut admin, 42, &["system.run"]).await;
    let other = admitted(&gateway, &mut admin, 43, &["system.run"]).await;
    let (one, two) = (Device::new(44, ASKS), Device::new(45, ASKS));
    let (mut asker, _) = one.connect(&gateway, "").await;
    let (mut stranger, _) = two.connect(&gateway, "").await;
    ask(&mut asker, &wanted(&node.id, "one", LS)).await;
    assert_eq!(stranger.call("exec.approval.list", json!({})).await["payload"], json!([]));
    for method in ["exec.approval.get", "exec.approval.waitDecision"] {
        assert_eq!(stranger.call(method, json!({"id": "one"})).await["ok"], false);
    }
    assert_eq!(resolve(&mut stranger, "one", "allow-once").await["ok"], false);
    assert_eq!(resolve(&mut admin, "one", "allow-always").await["ok"], true);
    assert_eq!(code(&mut stranger, call(&node.id, "one", LS, "k")).await, "APPROVAL_DEVICE_MISMATCH");
    assert_eq!(code(&mut asker, call(&other.id, "one", LS, "k")).await, "APPROVAL_NODE_MISMATCH");
    // The same device, come again.
    let (mut again, _) = one.connect(&gateway, "").await;
    assert_eq!(
        again.call("exec.approval.waitDecision", json!({"id": "one"})).await["payload"]["decision"],
        "allow-always"
    );
    let mut node = node;
    for key in ["k1", "k2"] {
        send(&mut again, key, "node.invoke", &call(&node.id, "one", LS, key)).await;
        let asked = node.asked().await;
        assert!(asked["paramsJSON"].as_str().unwrap().contains("allow-always"));
        node.answers(&asked, json!({"ok": true})).await;
        assert_eq!(again.answer(key).await["ok"], true);
    }
}

#[tokio::test]
async fn what_nobody_could_decide_is_not_waited_for_and_what_is_no_request_is_refused() {
    let (gateway, admin, node) = begin().await;
    drop(admin);
    let (mut asker, _) = gateway.connected(ASKS).await;
    let (_other, _) = gateway.connected(DECIDES).await;
    let mut params = wanted(&node.id, "one", LS);
    params["requireDeliveryRoute"] = json!(true);
    // The admin may still be on the way out.
    let answer = loop {
        send(&mut asker, "ask", "exec.approval.request", &params).await;
        let answer = asker.answer("ask").await["payload"].clone();
        if answer["status"] != "accepted" {
            break answer;
        }
        assert_eq!(resolve(&mut asker, params["id"].as_str().unwrap(), "deny").await["ok"], true);
        asker.answer("ask").await;
        params["id"] = json!(format!("{}x", params["id"].as_str().unwrap()));
    };
    assert_eq!(answer["decision"], Value::Null, "another device's approval is not theirs to see: {answer}");
    let table = [
        (json!({"id": "plugin:x", "command": "ls"}), "reserved"),
        (json!({"id": "a b", "command": "ls"}), "1-128 characters"),
        (json!({"host": "node", "command": "ls"}), "nodeId is required"),
        (json!({"host": "node", "nodeId": "n", "command": "ls"}), "systemRunPlan is required"),
        (json!({}), "command is required"),
        (json!({"command": "x".repeat(20_000)}), "display limit"),
        (json!({"command": "ls", "timeoutMs": 0}), "timeoutMs"),
        (json!({"command": 1}), "must be string"),
        (json!({"command": "ls", "surprise": 1}), "surprise"),
    ];
    for (params, words) in table {
        let refused = asker.call("exec.approval.request", params).await;
        assert!(refused["error"]["message"].as_str().unwrap_or_default().contains(words), "{refused}");
    }
    let hidden =
        json!({"id": "h", "command": "ls\u{202e}\n#", "twoPhase": true, "requireDeliveryRoute": false});
    ask(&mut asker, &hidden).await;
    let got = asker.call("exec.approval.get", json!({"id": "h"})).await["payload"].clone();
    assert_eq!(got["commandText"], "ls\\u{202E}\\u{A}#");
    // What is bound to no node opens none.
    assert_eq!(resolve(&mut asker, "h", "allow-once").await["ok"], true);
    assert_eq!(code(&mut asker, call(&node.id, "h", LS, "k")).await, "APPROVAL_NODE_BINDING_MISSING");
}

/// The node refuses what it is asked to run, and prepares it once it is asked to; what it is given then.
async fn wants_approval(node: &mut Node, line: &str, for_good: bool) -> Value {
    let asked = node.asked().await;
    assert_eq!(asked["command"], "system.run", "{asked}");
    let error = json!({"code": "SYSTEM_RUN_DENIED", "message": "SYSTEM_RUN_DENIED: approval required"});
    node.answers(&asked, json!({"ok": false, "error": error})).await;
    let asked = node.asked().await;
    assert_eq!(asked["command"], "system.run.prepare");
    let given: Value = serde_json::from_str(asked["paramsJSON"].as_str().unwrap()).unwrap();
    let argv: Vec<&str> = line.split(' ').collect();
    let plan = json!({"argv": argv, "cwd": null, "commandText": line, "agentId": given["agentId"],
        "sessionKey": given["sessionKey"], "mutableFileOperand": null});
    let prepared = json!({"plan": plan, "execPolicy": {"security": "allowlist", "ask": "on-miss"},
        "allowAlwaysCoverage": {"complete": for_good, "patterns": []}});
    node.answers(&asked, json!({"ok": true, "payload": prepared})).await;
    plan
}

/// The node is asked to run what was approved, and answers.
async fn runs(node: &mut Node, plan: &Value, decision: &str) {
    let asked = node.asked().await;
    let given: Value = serde_json::from_str(asked["paramsJSON"].as_str().unwrap()).unwrap();
    assert_eq!((&given["command"], &given["approved"]), (&plan["argv"], &json!(true)), "{given}");
    assert_eq!(
        (&given["approvalDecision"], &given["sessionKey"]),
        (&json!(decision), &json!("agent:main:main"))
    );
    node.answers(&asked, json!({"ok": true, "payload": {"exitCode": 0, "stdout": "done\n"}})).await;
}

async fn say(client: &mut Client, message: &str, key: &str) {
    let params = json!({"sessionKey": "main", "message": message, "idempotencyKey": key});
    assert_eq!(client.call("chat.send", params).await["payload"]["status"], "started");
}

#[tokio::test]
async fn a_conversation_waits_for_whoever_may_decide_and_goes_on() {
    let (gateway, mut admin, mut node) = begin().await;
    let (mut writer, _) = gateway.connected(&["operator.write"]).await;
    let (mut decider, _) = gateway.connected(DECIDES).await;
    say(&mut writer, "/node run Desk system.run id", "k1").await;
    let plan = wants_approval(&mut node, "/usr/bin/id", false).await;
    let event = decider.event("exec.approval.requested").await["payload"].clone();
    assert_eq!(event["request"]["command"], "/usr/bin/id");
    assert_eq!(event["request"]["allowedDecisions"], json!(["allow-once", "deny"]));
    let id = event["id"].as_str().unwrap().to_owned();
    // Whoever asked may not decide, and nobody uses the agent's approval by a call of their own.
    say(&mut writer, &format!("/approve {id} allow-once"), "k2").await;
    let refused = ended(&mut writer, "k2").await;
    assert!(refused["errorMessage"].as_str().unwrap().contains("not by you"), "{refused}");
    let always = resolve(&mut decider, &id, "allow-always").await;
    assert_eq!(always["error"]["details"]["reason"], "APPROVAL_ALLOW_ALWAYS_UNAVAILABLE", "{always}");
    let stolen = json!({"nodeId": node.id, "command": "system.run", "idempotencyKey": "x",
        "params": {"runId": id, "approved": true}});
    assert_eq!(code(&mut admin, stolen).await, "APPROVAL_CLIENT_MISMATCH");
    assert_eq!(resolve(&mut decider, &id, "allow-once").await["ok"], true);
    runs(&mut node, &plan, "allow-once").await;
    assert_eq!(text(&ended(&mut writer, "k1").await["message"]), "done");

    // By an order in the very session that waits, and the other way.
    say(&mut admin, "/node run Desk system.run id", "k3").await;
    wants_approval(&mut node, "/usr/bin/id", true).await;
    let id = decider.event("exec.approval.requested").await["payload"]["id"].as_str().unwrap().to_owned();
    say(&mut admin, "/approve", "k4").await;
    assert!(text(&ended(&mut admin, "k4").await["message"]).contains("$ /usr/bin/id"));
    say(&mut admin, &format!("/approve deny {}", &id[..8]), "k5").await;
    let mut said = Vec::new();
    while said.len() < 2 {
        let chat = admin.event("chat").await["payload"].clone();
        if chat["state"] != "delta" {
            said.push(chat);
        }
    }
    said.sort_by_key(|chat| chat["runId"].to_string());
    assert!(said[0]["errorMessage"].as_str().unwrap().contains("denied"), "{said:?}");
    assert!(text(&said[1]["message"]).contains("Approval deny submitted"), "{said:?}");

    // A run that ends takes its question with it.
    say(&mut admin, "/node run Desk system.run id", "k6").await;
    wants_approval(&mut node, "/usr/bin/id", true).await;
    decider.event("exec.approval.requested").await;
    admin.call("chat.abort", json!({"sessionKey": "main"})).await;
    let gone = decider.event("exec.approval.resolved").await["payload"].clone();
    assert_eq!((&gone["decision"], &gone["resolvedBy"]), (&json!("deny"), &Value::Null), "{gone}");
    assert_eq!(decider.call("exec.approval.list", json!({})).await["payload"], json!([]));
}

#[tokio::test]
async fn an_owner_decides_on_the_phone_what_the_model_wants_to_run() {
    let api = BotApi::start().await;
    let call: &'static [(&str, &str)] =
        &[("node_invoke", r#"{"node":"Desk","command":"system.run","params":{"command":["id"]}}"#)];
    let scenes = vec![Scene::Calls(call), Scene::Says(&["It is done."])];
    let provider = Provider::start(scenes).await;
    let mut tree = json!({
        "channels": {"telegram": api.config(json!({"allowFrom": [5, 6]}))},
        "commands": {"ownerAllowFrom": ["telegram:5"]},
    });
    tree.as_object_mut().unwrap().extend(provider.config("a-key").as_object().unwrap().clone());
    let gateway = Gateway::with(|options| options.embedded = embedded(&tree)).await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let mut node = admitted(&gateway, &mut admin, 51, &["system.run", "system.run.prepare"]).await;
    api.write(5, "Who am I there?");
    let plan = wants_approval(&mut node, "/usr/bin/id", true).await;
    let told = visible(&api.sent(1).await);
    assert!(told.contains("$ /usr/bin/id") && told.contains("node Desk"), "{told}");
    assert_eq!(api.asked("sendMessage")[0]["chat_id"], 5);
    let order = told.lines().find(|line| line.ends_with("allow-always")).unwrap().to_owned();
    // Somebody who may only talk decides nothing.
    api.write(6, &order);
    assert!(visible(&api.sent(2).await).contains("not by you"));
    api.write(5, &order);
    assert!(visible(&api.sent(3).await).contains("Approval allow-always submitted"));
    runs(&mut node, &plan, "allow-always").await;
    assert_eq!(api.sent(4).await, "It is done.");
    assert!(provider.asked()[1]["body"].to_string().contains("done"));
}
