//! The verbs that do something: method, parameters, least scopes, sentence, document and exit code of each, and that
//! each asks the selected profile's gateway alone.

use serde_json::{Value, json};

use super::scripted::{Gateway, fault, ok};
use super::world::World;

/// Every verb, what it asks with which scopes, the parameters of the last call, and its sentence.
fn verbs() -> Vec<(&'static [&'static str], Vec<&'static str>, Value, &'static str)> {
    vec![
        (
            &["gateway", "send", "--to", "+1555", "-m", "hi", "--silent"],
            vec!["send [operator.write]"],
            json!({"to": "+1555", "message": "hi", "silent": true}),
            "sent to +1555 (m1)\n",
        ),
        (
            &["message", "send", "--channel", "telegram", "-t", "123", "-m", "hi"],
            vec!["message.action [operator.write]"],
            json!({"channel": "telegram", "action": "send", "senderIsOwner": true, "params":
                {"channel": "telegram", "target": "123", "to": "123", "message": "hi", "silent": false}}),
            "sent to 123 on telegram (m2)\n",
        ),
        (
            &[
                "nodes",
                "invoke",
                "--node",
                "desk",
                "--command",
                "system.which",
                "--params",
                r#"{"bins":["ls"]}"#,
            ],
            vec!["node.list [operator.read operator.write]", "node.invoke [operator.read operator.write]"],
            json!({"nodeId": "abc1", "command": "system.which", "params": {"bins": ["ls"]}, "timeoutMs": 15000}),
            "{\n  \"ls\": \"/bin/ls\"\n}\n",
        ),
        (
            &["nodes", "invoke", "--node", "abc", "--command", "fs.listDir", "--invoke-timeout", "7"],
            vec!["node.list [operator.admin operator.read]", "node.invoke [operator.admin operator.read]"],
            json!({"nodeId": "abc1", "command": "fs.listDir", "params": {}, "timeoutMs": 7}),
            "{\n  \"ls\": \"/bin/ls\"\n}\n",
        ),
        (
            &["nodes", "rename", "--node", "abc1", "--name", "Attic"],
            vec![
                "node.list [operator.pairing operator.read]",
                "node.rename [operator.pairing operator.read]",
            ],
            json!({"nodeId": "abc1", "displayName": "Attic"}),
            "node abc1 is called Attic now\n",
        ),
        (
            &["nodes", "approve", "n1"],
            vec!["node.pair.list [operator.pairing]", "node.pair.approve [operator.admin operator.pairing]"],
            json!({"requestId": "n1"}),
            "node Desk is approved\n",
        ),
        (
            &["nodes", "reject", "n1"],
            vec!["node.pair.reject [operator.pairing]"],
            json!({"requestId": "n1"}),
            "node abc1 is rejected\n",
        ),
        (
            &["devices", "approve", "d1"],
            vec![
                "device.pair.list [operator.pairing]",
                "device.pair.approve [operator.pairing operator.read]",
            ],
            json!({"requestId": "d1"}),
            "device dev1 is approved\n",
        ),
        (
            &["devices", "reject", "d1"],
            vec!["device.pair.reject [operator.pairing]"],
            json!({"requestId": "d1"}),
            "device dev1 is rejected\n",
        ),
        (
            &["sessions", "send", "main", "-m", "hi"],
            vec!["sessions.send [operator.write]"],
            json!({"key": "main", "message": "hi"}),
            "sent to main: started (run r1)\n",
        ),
        (
            &["sessions", "delete", "agent:main:a", "--yes"],
            vec!["sessions.delete [operator.admin]"],
            json!({"key": "agent:main:a"}),
            "deleted agent:main:a\n",
        ),
        (
            &["cron", "run", "job1"],
            vec!["cron.run [operator.admin]"],
            json!({"id": "job1", "mode": "force"}),
            "job job1 will run now (run r2)\n",
        ),
        (
            &["agent", "-m", "hi", "--session", "agent:main:a"],
            vec!["agent [operator.write]"],
            json!({"message": "hi", "sessionKey": "agent:main:a", "deliver": false, "timeout": 600}),
            "hello\n",
        ),
        (
            &["gateway", "agent", "-m", "/new", "--timeout", "30s"],
            vec!["agent [operator.admin]"],
            json!({"message": "/new", "deliver": false, "timeout": 30}),
            "hello\n",
        ),
    ]
}

fn answers(method: &str, _: usize) -> Vec<Value> {
    let accepted = json!({"runId": "r3", "sessionKey": "agent:main:a", "status": "accepted"});
    let payload = match method {
        "send" => json!({"messageId": "m1", "channel": "sms"}),
        "message.action" => json!({"result": {"messageId": "m2"}}),
        "node.list" => json!({"nodes": [{"nodeId": "abc1", "displayName": "Desk"}]}),
        "node.invoke" => json!({"ok": true, "nodeId": "abc1", "payload": {"ls": "/bin/ls"}}),
        "node.rename" => json!({"nodeId": "abc1", "displayName": "Attic"}),
        "node.pair.list" => json!({"paired": [], "pending": [
            {"requestId": "n1", "requiredApproveScopes": ["operator.pairing", "operator.admin", "made.up"]}]}),
        "node.pair.approve" => json!({"requestId": "n1", "node": {"nodeId": "abc1", "displayName": "Desk"}}),
        "node.pair.reject" => json!({"requestId": "n1", "nodeId": "abc1"}),
        "device.pair.list" => {
            json!({"paired": [], "pending": [{"requestId": "d1", "scopes": ["operator.read"]}]})
        }
        "device.pair.approve" => json!({"requestId": "d1", "device": {"deviceId": "dev1"}}),
        "device.pair.reject" => json!({"requestId": "d1", "deviceId": "dev1"}),
        "sessions.send" => json!({"runId": "r1", "status": "started"}),
        "sessions.delete" => json!({"ok": true, "deleted": true}),
        "cron.run" => json!({"ok": true, "enqueued": true, "runId": "r2"}),
        "agent" => {
            let done = json!({"runId": "r3", "status": "ok", "result": {"payloads": [{"text": "hello"}]}});
            return vec![ok(accepted), ok(done)];
        }
        other => return vec![fault("INVALID_REQUEST", &format!("unknown method: {other}"), json!(null))],
    };
    vec![ok(payload)]
}

#[test]
fn each_verb_asks_its_profiles_gateway_alone_with_the_least_scopes() {
    let world = World::new();
    let gateways = [Gateway::of(&world, "a", answers), Gateway::of(&world, "a-b", answers)];
    for (words, asked, params, sentence) in verbs() {
        for (here, name) in [(0, "a"), (1, "a-b")] {
            let before = [gateways[0].calls().len(), gateways[1].calls().len()];
            let said = world.run(&[&["--profile", name], words].concat()).ok();
            assert_eq!(said.out, sentence, "{words:?}");
            assert_eq!(gateways[here].asked()[before[here]..], asked, "{words:?}");
            assert_eq!(gateways[1 - here].calls().len(), before[1 - here], "{words:?} went to the other");
            let mut last = gateways[here].calls().pop().unwrap().params;
            let last = last.as_object_mut().unwrap();
            let key = last.remove("idempotencyKey");
            assert_eq!(json!(last), params, "{words:?}");
            let wanted = ["send", "message", "invoke", "agent"].iter().any(|word| words[..2].contains(word));
            assert_eq!(key.is_some_and(|key| key.as_str().unwrap().len() == 36), wanted, "{words:?}");
        }
        let said = world.run(&[&["--profile", "a", "--json"], words].concat()).ok();
        assert!(said.json().is_object(), "{words:?}: {said:?}");
    }
}

#[test]
fn a_key_that_was_typed_is_the_one_that_is_sent() {
    let world = World::new();
    let gateway = Gateway::of(&world, "a", answers);
    for words in [
        &["agent", "-m", "x"][..],
        &["gateway", "send", "--to", "x", "-m", "x"],
        &["message", "send", "--channel", "x", "-t", "x", "-m", "x"],
        &["sessions", "send", "x", "-m", "x"],
        &["nodes", "invoke", "--node", "abc1", "--command", "x"],
    ] {
        world.run(&[&["--profile", "a"], words, &["--idempotency-key", "k"]].concat()).ok();
        assert_eq!(gateway.calls().pop().unwrap().params["idempotencyKey"], "k", "{words:?}");
    }
}

#[test]
fn a_refusal_is_told_with_the_code_that_says_the_same() {
    let world = World::new();
    let _denied = Gateway::of(&world, "denied", |_, _| {
        vec![fault("FORBIDDEN", "missing scope: operator.write", json!({"code": "MISSING_SCOPE"}))]
    });
    let _unknown = Gateway::of(&world, "unknown", |method, _| match method {
        "node.list" => vec![ok(json!({"nodes": []}))],
        "sessions.delete" => vec![ok(json!({"ok": true, "deleted": false}))],
        "cron.run" => vec![fault("INVALID_REQUEST", "unknown job", json!({"code": "CRON_JOB_NOT_FOUND"}))],
        "agent" => vec![
            ok(json!({"runId": "r", "status": "accepted"})),
            fault("AGENT_TIMEOUT", "the agent took too long", json!(null)),
        ],
        _ => vec![fault("INVALID_REQUEST", "unknown requestId", json!(null))],
    });
    for (words, code, error) in [
        (&["nodes", "invoke", "--node", "x", "--command", "y"][..], 1, "node_unknown"),
        (&["nodes", "rename", "--node", "x", "--name", "y"], 1, "node_unknown"),
        (&["nodes", "approve", "x"], 1, "gateway_request_failed"),
        (&["devices", "reject", "x"], 1, "gateway_request_failed"),
        (&["sessions", "delete", "x", "--yes"], 1, "session_unknown"),
        (&["sessions", "delete", "x"], 2, "confirmation_required"),
        (&["cron", "run", "x"], 1, "gateway_request_failed"),
        (&["agent", "-m", "x"], 5, "agent_timeout"),
        (&["nodes", "invoke", "--node", "x", "--command", "y", "--params", "[]"], 2, "params_invalid"),
    ] {
        world.run(&[&["--profile", "unknown", "--json"], words].concat()).refused(code, error);
    }
    for (words, ..) in verbs() {
        world.run(&[&["--profile", "denied", "--json"], words].concat()).refused(77, "gateway_forbidden");
    }
    let call = ["--profile", "denied", "--json", "gateway", "call", "agent", "--expect-final"];
    world.run(&call).refused(77, "gateway_forbidden");
}
