//! Nodes: the recorded flow is answered alike, point by point; approvals, calls and their limits beyond it.

use std::collections::VecDeque;

use openclaw_supervisor::wire::connect::Challenge;
use openclaw_supervisor::wire::device::DeviceKey;
use openclaw_supervisor::wire::{ConnectAuth, ConnectParams};
use serde_json::{Value, json};

use super::harness::{Client, Gateway, TOKEN, within};

const FLOW: &str = include_str!("data/node-flow.json");

/// A node's end, and its id.
pub struct Node {
    pub client: Client,
    pub id: String,
}

/// Connects a node whose key follows from `seed`.
async fn join(gateway: &Gateway, seed: u8, connect: &Value) -> Node {
    let (mut client, nonce) = gateway.challenged().await;
    let key = DeviceKey::from_seed(&[seed; 32]);
    let mut params: ConnectParams = serde_json::from_value(connect.clone()).unwrap();
    params.auth = Some(ConnectAuth { token: Some(TOKEN.into()), ..ConnectAuth::default() });
    let now = openclaw_supervisor::host::clock::epoch_ms() as i64;
    key.sign(&mut params, &Challenge { nonce, ts: now });
    client.send(&json!({"type": "req", "id": "c", "method": "connect", "params": params})).await;
    let hello = client.answer("c").await;
    assert_eq!((&hello["ok"], &hello["payload"]["auth"]["role"]), (&json!(true), &json!("node")), "{hello}");
    assert_eq!(hello["payload"]["auth"]["scopes"], json!([]));
    Node { client, id: key.id() }
}

/// What a node says of itself.
fn claims(name: &str, commands: &[&str]) -> Value {
    let mut connect: Value = serde_json::from_str::<Value>(FLOW).unwrap()["connect"].clone();
    connect["client"]["displayName"] = json!(name);
    connect["commands"] = json!(commands);
    connect
}

/// A node that was let in with these commands, by an admin.
pub async fn admitted(gateway: &Gateway, admin: &mut Client, seed: u8, commands: &[&str]) -> Node {
    let node = join(gateway, seed, &claims("Desk", commands)).await;
    approve(admin, &node.id).await;
    node
}

async fn approve(admin: &mut Client, node: &str) {
    let request = request_of(admin, node).await;
    let approved = admin.call("node.pair.approve", json!({ "requestId": request })).await;
    assert_eq!(approved["ok"], true, "{approved}");
}

async fn request_of(admin: &mut Client, node: &str) -> String {
    let described = admin.call("node.describe", json!({ "nodeId": node })).await;
    described["payload"]["pendingRequestId"].as_str().expect("it waits").to_owned()
}

impl Node {
    /// The next thing that it is asked to do.
    pub async fn asked(&mut self) -> Value {
        self.client.event("node.invoke.request").await["payload"].clone()
    }

    pub async fn answers(&mut self, asked: &Value, result: Value) -> Value {
        let mut params = json!({ "id": asked["id"], "nodeId": self.id });
        params.as_object_mut().unwrap().extend(result.as_object().unwrap().clone());
        self.client.call("node.invoke.result", params).await
    }
}

fn order(node: &str, command: &str, key: &str) -> Value {
    json!({ "nodeId": node, "command": command, "idempotencyKey": key })
}

async fn send(client: &mut Client, id: &str, method: &str, params: &Value) {
    client.send(&json!({"type": "req", "id": id, "method": method, "params": params})).await;
}

/// A value without what differs from run to run: times, ids of requests, the gateway's own entry.
fn plain(value: &Value, names: &[(&str, &str)]) -> Value {
    match value {
        Value::Object(entries) => {
            let entries =
                entries.iter().filter(|(name, _)| *name != "clientId" || !entries.contains_key("host"));
            let mut plain: serde_json::Map<String, Value> =
                entries.map(|(name, value)| (name.clone(), plain_entry(name, value, names))).collect();
            for list in ["presence", "pending", "paired"] {
                if let Some(Value::Array(list)) = plain.get_mut(list) {
                    list.retain(|entry| entry["mode"] != "gateway");
                    list.sort_by_key(Value::to_string);
                }
            }
            Value::Object(plain)
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| plain(item, names)).collect()),
        Value::String(text) => {
            json!(names.iter().find(|(id, _)| id == text).map_or(text.as_str(), |(_, name)| name))
        }
        other => other.clone(),
    }
}

fn plain_entry(name: &str, value: &Value, names: &[(&str, &str)]) -> Value {
    match name {
        "ts" => json!("time"),
        "requestId" | "pendingRequestId" => json!("request"),
        name if name.ends_with("AtMs") => json!("time"),
        _ => plain(value, names),
    }
}

#[tokio::test]
async fn the_recorded_flow_is_answered_alike_point_by_point() {
    let flow: Value = serde_json::from_str(FLOW).unwrap();
    let gateway = Gateway::start().await;
    let (mut operator, _) = gateway.connected_as("gateway-client", "backend", &["operator.admin"]).await;
    let mut other = claims("", &["system.run", "system.which"]);
    other["client"].as_object_mut().unwrap().remove("displayName");
    let other = join(&gateway, 2, &other).await;
    let other_id = other.id.clone();
    drop(other);
    while operator.event("presence").await["payload"]["presence"][1]["reason"] != "disconnect" {}

    let mut node = Some(join(&gateway, 1, &flow["connect"]).await);
    let id = node.as_ref().unwrap().id.clone();
    for told in flow["told"].as_array().unwrap() {
        let event = node.as_mut().unwrap().client.event(told["event"].as_str().unwrap()).await;
        assert_eq!((&event["payload"], &event["seq"]), (&told["payload"], &Value::Null));
    }
    let recorded = [
        ("27ad5bfbc7f75b5711989f81e83eded43210e37e9efbb705cf59cb45348fd979", "A"),
        ("dc8f6bd3bd5393eb0f050f1313839d880f6684c3f4804776b1f2d5d969243ae6", "B"),
    ];
    let here = [(id.as_str(), "A"), (other_id.as_str(), "B")];
    let (mut request, mut events, mut moves) = (Value::Null, VecDeque::new(), 0);
    for step in flow["steps"].as_array().unwrap() {
        if let Some(name) = step["event"].as_str() {
            // It came before; then it goes, comes again and goes.
            moves += usize::from(name == "presence");
            match (name, moves) {
                ("presence", 2 | 4) => drop(node.take()),
                ("presence", 3) => node = Some(join(&gateway, 1, &flow["connect"]).await),
                _ => {}
            }
            let event = next(&mut operator, &mut events, name).await;
            assert_eq!(plain(&event, &here), plain(&step["payload"], &recorded), "{name}");
            if name == "node.pair.requested" {
                request = event["requestId"].clone();
            }
            continue;
        }
        let (call, said) = (step["id"].as_str().unwrap(), step["call"].as_str().unwrap());
        let params = step["params"].to_string().replace(recorded[0].0, &id);
        let mut params: Value = serde_json::from_str(&params).unwrap();
        if params.get("requestId").is_some() {
            params["requestId"] = request.clone();
        }
        send(&mut operator, call, said, &params).await;
        if matches!(call, "r10" | "r12" | "r17") {
            let node = node.as_mut().unwrap();
            let asked = node.asked().await;
            let result = if call == "r12" {
                json!({"ok": false, "error": {"code": "E_TEST", "message": "boom"}})
            } else {
                assert_eq!(asked["paramsJSON"], flow["request"]["paramsJSON"]);
                json!({"ok": true, "payloadJSON": r#"{"bins":{"ls":"/bin/ls"}}"#})
            };
            let taken = node.answers(&asked, result).await;
            assert_eq!(taken["payload"], json!({"ok": true}));
        }
        let answer = answer(&mut operator, &mut events, call).await;
        assert_eq!(answer["ok"], step["ok"], "{call}: {answer}");
        let found = if answer["ok"] == true { &answer["payload"] } else { &answer["error"] };
        assert_eq!(plain(found, &here), plain(&step["answer"], &recorded), "{call}");
        if call == "r20" {
            let cancel = node.as_mut().unwrap().client.event("node.invoke.cancel").await;
            assert_eq!(cancel["payload"]["nodeId"], json!(id));
        }
    }
}

/// The answer to `id`; the events before it are kept.
async fn answer(client: &mut Client, events: &mut VecDeque<Value>, id: &str) -> Value {
    loop {
        let frame = client.recv().await.expect("an answer before the end");
        match frame["type"] == "event" {
            true => events.push_back(frame),
            false if frame["id"] == id => return frame,
            false => {}
        }
    }
}

/// What the next event of that name tells, of the kept ones first.
async fn next(client: &mut Client, events: &mut VecDeque<Value>, name: &str) -> Value {
    while let Some(event) = events.pop_front() {
        if event["event"] == name {
            return event["payload"].clone();
        }
    }
    client.event(name).await["payload"].clone()
}

#[tokio::test]
async fn a_node_may_do_nothing_before_it_is_let_in_and_nothing_that_is_an_operators() {
    let gateway = Gateway::start().await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let mut node = join(&gateway, 1, &claims("Desk", &["system.run"])).await;
    let alive = json!({"event": "node.presence.alive", "payload": {"trigger": "manual"}});
    let refused = node.client.call("node.event", alive.clone()).await;
    assert_eq!(refused["error"]["details"]["code"], "PAIRING_CHANGED", "{refused}");
    assert_eq!(node.client.call("node.pending.drain", json!({})).await["error"]["code"], "UNAVAILABLE");
    assert_eq!(node.client.call("node.list", json!({})).await["error"]["message"], "unauthorized role: node");
    assert_eq!(node.client.call("health", json!({})).await["ok"], true);
    approve(&mut admin, &node.id).await;
    assert_eq!(node.client.event("node.pair.resolved").await["payload"]["decision"], "approved");
    for reason in ["persisted", "throttled"] {
        let taken = node.client.call("node.event", alive.clone()).await;
        let expected = json!({"ok": true, "event": "node.presence.alive", "handled": true, "reason": reason});
        assert_eq!(taken["payload"], expected);
    }
    let taken = node.client.call("node.event", json!({"event": "x"})).await;
    assert_eq!(
        (&taken["payload"]["handled"], &taken["payload"]["reason"]),
        (&json!(false), &json!("unsupported_event"))
    );
    let foreign = json!({"id": "x", "nodeId": "another", "ok": true});
    assert_eq!(node.client.call("node.invoke.result", foreign).await["error"]["message"], "nodeId mismatch");
    let late = json!({"id": "x", "nodeId": node.id, "ok": true, "payloadJSON": null, "error": null});
    assert_eq!(
        node.client.call("node.invoke.result", late).await["payload"],
        json!({"ok": true, "ignored": true})
    );
}

#[tokio::test]
async fn what_is_let_in_needs_the_scopes_of_its_commands_and_what_grows_is_asked_anew() {
    let gateway = Gateway::start().await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let (mut pairing, _) = gateway.connected(&["operator.pairing", "operator.write"]).await;
    let (mut reader, _) = gateway.connected(&["operator.read"]).await;
    let mut node = join(&gateway, 1, &claims("Desk", &["system.notify"])).await;
    let id = node.id.clone();
    let small = request_of(&mut admin, &id).await;
    assert_eq!(pairing.call("node.pair.approve", json!({ "requestId": small })).await["ok"], true);
    drop(node);
    node = join(&gateway, 1, &claims("Desk", &["system.notify", "system.run", "demo.echo"])).await;
    let seen = reader.call("node.describe", json!({ "nodeId": id })).await["payload"].clone();
    assert_eq!(
        (&seen["approvalState"], &seen["commands"]),
        (&json!("pending-reapproval"), &json!(["system.notify"]))
    );
    assert!(seen.get("pendingRequestId").is_none(), "{seen}");
    let grown = request_of(&mut admin, &id).await;
    assert_ne!(small, grown);
    let refused = pairing.call("node.pair.approve", json!({ "requestId": grown })).await;
    assert_eq!(refused["error"]["details"]["missingScope"], "operator.admin", "{refused}");
    let run = admin.call("node.invoke", order(&id, "system.run", "k")).await;
    assert_eq!(run["error"]["details"]["reason"], "command not allowlisted");
    let rejected = admin.call("node.pair.reject", json!({ "requestId": grown })).await;
    assert_eq!(rejected["payload"], json!({"requestId": grown, "nodeId": id}));
    let unknown = admin.call("node.pair.approve", json!({ "requestId": grown })).await;
    assert_eq!(unknown["error"]["message"], "unknown requestId");
    let named = admin.call("node.rename", json!({"nodeId": id, "displayName": " Bench "})).await;
    assert_eq!(named["payload"], json!({"nodeId": id, "displayName": "Bench"}));
    assert_eq!(
        admin.call("node.pair.remove", json!({ "nodeId": id })).await["payload"],
        json!({"nodeId": id})
    );
    assert_eq!(node.client.closed().await, Some((4001, "device removed".into())));
    let gone = admin.call("node.invoke", order(&id, "system.notify", "k2")).await;
    assert_eq!(gone["error"]["details"]["code"], "PAIRING_CHANGED");
}

#[tokio::test]
async fn what_is_known_of_nodes_outlives_the_gateway() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("gateway.sqlite");
    let mut gateway = Gateway::with(|options| options.store = store.clone()).await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let node = admitted(&gateway, &mut admin, 1, &["system.which"]).await;
    admin.call("node.rename", json!({"nodeId": node.id, "displayName": "Bench"})).await;
    let words = admin.call("voicewake.set", json!({"triggers": [" hey "]})).await;
    assert_eq!(words["payload"], json!({"triggers": ["hey"]}));
    let before = admin.call("node.pair.list", json!({})).await["payload"].clone();
    gateway.join().unwrap();
    let gateway = Gateway::with(|options| options.store = store).await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    assert_eq!(admin.call("node.pair.list", json!({})).await["payload"], before);
    assert_eq!(before["paired"][0]["displayName"], "Bench");
    let away = admin.call("node.invoke", order(&node.id, "system.which", "k")).await;
    assert_eq!(away["error"]["details"]["code"], "NOT_CONNECTED");
    let mut node = join(&gateway, 1, &claims("Desk", &["system.which"])).await;
    assert_eq!(node.client.event("voicewake.changed").await["payload"], json!({"triggers": ["hey"]}));
    send(&mut admin, "i", "node.invoke", &order(&node.id, "system.which", "k")).await;
    let asked = node.asked().await;
    node.answers(&asked, json!({"ok": true, "payload": {"bins": {}}})).await;
    let answer = admin.answer("i").await;
    let expected = json!({"ok": true, "nodeId": node.id, "command": "system.which", "payload": {"bins": {}}, "payloadJSON": null});
    assert_eq!(answer["payload"], expected);
}

#[tokio::test]
async fn the_same_key_joins_the_same_call_and_another_call_may_not_use_it() {
    let gateway = Gateway::with(|options| options.embedded.nodes.allow = vec!["demo.echo".into()]).await;
    let (mut one, _) = gateway.connected(&["operator.admin"]).await;
    let (mut two, _) = gateway.connected(&["operator.write"]).await;
    let mut node = admitted(&gateway, &mut one, 1, &["demo.echo"]).await;
    let call = order(&node.id, "demo.echo", "k");
    send(&mut one, "i", "node.invoke", &call).await;
    let asked = node.asked().await;
    send(&mut two, "i", "node.invoke", &call).await;
    let other = json!({"nodeId": node.id, "command": "demo.echo", "idempotencyKey": "k", "params": {"a": 1}});
    let refused = two.call("node.invoke", other).await;
    assert_eq!(refused["error"]["details"]["code"], "IDEMPOTENCY_KEY_REUSED", "{refused}");
    let progress = json!({"invokeId": asked["id"], "nodeId": node.id, "seq": 0, "chunk": "half"});
    let shown = node.client.call("node.invoke.progress", progress).await;
    assert_eq!(shown["payload"], json!({"ok": true, "ignored": false}));
    node.answers(&asked, json!({"ok": true, "payload": 1})).await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.answer("i").await["payload"]["payload"], 1);
    }
    // Its answer is still known to whoever comes late, even once the node is away.
    drop(node);
    assert_eq!(two.call("node.invoke", call).await["payload"]["payload"], 1);
}

#[tokio::test]
async fn a_node_that_goes_away_fails_its_calls_at_once_and_too_many_are_refused() {
    let gateway = Gateway::start().await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let mut node = admitted(&gateway, &mut admin, 1, &["system.which"]).await;
    let calm = admitted(&gateway, &mut admin, 2, &["system.which"]).await;
    for number in 0..65 {
        let mut call = order(&node.id, "system.which", &format!("k{number}"));
        call["timeoutMs"] = json!(0);
        send(&mut admin, &format!("i{number}"), "node.invoke", &call).await;
    }
    let busy = within("a refusal", admin.answer("i64")).await;
    assert_eq!(busy["error"]["details"]["code"], "NODE_BUSY", "{busy}");
    // The other node has room.
    send(&mut admin, "other", "node.invoke", &order(&calm.id, "system.which", "k")).await;
    let mut calm = calm;
    let asked = calm.asked().await;
    calm.answers(&asked, json!({"ok": true, "payload": 1})).await;
    assert_eq!(admin.answer("other").await["ok"], true);
    assert_eq!(node.asked().await["timeoutMs"], 0);
    drop(node);
    for _ in 0..64 {
        let failed = admin.response().await.unwrap();
        assert_eq!(failed["error"]["message"], "DISCONNECTED: node disconnected (system.which)", "{failed}");
        assert_eq!(failed["error"]["details"]["nodeCommandDispatched"], true);
    }
}

#[tokio::test]
async fn a_caller_claims_no_approval_and_reaches_no_private_command() {
    let gateway = Gateway::start().await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let (mut writer, _) = gateway.connected(&["operator.write"]).await;
    let mut node = admitted(&gateway, &mut admin, 1, &["system.run", "fs.listDir"]).await;
    let mut call = order(&node.id, "system.run", "k");
    call["params"] = json!({"command": ["ls"], "approved": true});
    let refused = admin.call("node.invoke", call.clone()).await;
    assert_eq!(refused["error"]["details"]["code"], "MISSING_RUN_ID", "{refused}");
    for command in ["worker.launch.v1", "system.execApprovals.set"] {
        let refused = admin.call("node.invoke", order(&node.id, command, "k")).await;
        assert_eq!(refused["error"]["code"], "INVALID_REQUEST", "{refused}");
    }
    let refused = writer.call("node.invoke", order(&node.id, "fs.listDir", "k")).await;
    assert_eq!(refused["error"]["details"]["missingScope"], "operator.admin", "{refused}");
    call["params"] = json!({"command": ["ls"], "secret": 1});
    send(&mut writer, "i", "node.invoke", &call).await;
    let asked = node.asked().await;
    let sent: Value = serde_json::from_str(asked["paramsJSON"].as_str().unwrap()).unwrap();
    assert!(sent["runId"].is_string() && sent.get("secret").is_none(), "{sent}");
}

#[tokio::test]
async fn hints_wait_for_their_node_and_words_are_told_to_all() {
    let gateway = Gateway::start().await;
    let (mut admin, _) = gateway.connected(&["operator.admin"]).await;
    let mut node = admitted(&gateway, &mut admin, 1, &["system.which"]).await;
    let left =
        admin.call("node.pending.enqueue", json!({"nodeId": node.id, "type": "location.request"})).await;
    super::schema::assert_fits(&super::schema::definition("NodePendingEnqueueResult"), &left["payload"]);
    let found = node.client.call("node.pending.drain", json!({})).await;
    super::schema::assert_fits(&super::schema::definition("NodePendingDrainResult"), &found["payload"]);
    assert_eq!(found["payload"]["items"][0]["type"], "location.request");
    let pulled = node.client.call("node.pending.pull", json!({})).await;
    assert_eq!(pulled["payload"], json!({"nodeId": node.id, "actions": []}));
    let acknowledged = node.client.call("node.pending.ack", json!({"ids": ["x"]})).await;
    assert_eq!(acknowledged["payload"]["remainingCount"], 0);
    send(&mut admin, "set", "voicewake.set", &json!({"triggers": ["hey"]})).await;
    assert_eq!(node.client.event("voicewake.changed").await["payload"], json!({"triggers": ["hey"]}));
    assert_eq!(admin.event("voicewake.changed").await["payload"], json!({"triggers": ["hey"]}));
}
