//! Every document against the real program's: its keys are there, with values of the same kind.

use serde_json::{Value, json};

use super::recorded::{ANSWERS, VERBS, recorded, words};
use super::world::World;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The paths of `theirs` that `ours` lacks or has with another kind of value; `null` goes with everything.
fn differences(theirs: &Value, ours: &Value, path: &str, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    Some(own) => differences(value, own, &path, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(value), Some(own)) = (theirs.first(), ours.first()) {
                differences(value, own, &format!("{path}[]"), found);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (theirs, ours) => {
            if std::mem::discriminant(theirs) != std::mem::discriminant(ours) {
                found.push(format!("{path} ({ours})"));
            }
        }
    }
}

/// Which keys of the real program's documents are not told here, and why.
const COMPATIBILITY: &str = include_str!("../../docs/compatibility.md");

/// What `ours` lacks of `theirs`, but for what is documented.
pub fn lacking(theirs: &str, ours: &Value) -> Vec<String> {
    let mut found = Vec::new();
    differences(&parse(theirs), ours, "", &mut found);
    found.retain(|path| !COMPATIBILITY.contains(&format!("| `{path}` |")));
    found
}

#[track_caller]
fn same_shape(verb: &str, theirs: &str, ours: &Value, more_left_out: &[&str]) {
    let mut found = lacking(theirs, ours);
    found.retain(|path| !more_left_out.contains(&path.as_str()));
    assert!(found.is_empty(), "{verb} lacks {found:#?} in {ours:#}");
}

fn document(world: &World, verb: &str, code: i32) -> Value {
    let said = world.run(&words(verb, &["--json"]));
    assert_eq!(said.code, Some(code), "{verb}: {said:?}");
    said.json()
}

#[test]
fn documents_have_the_real_programs_shape() {
    let world = recorded(&[]);
    let server = [".rpc.server.buildId", ".rpc.server.bootId", ".rpc.server.controlUiBuildSource"];
    let target = [".targets[].server.buildId", ".warnings[]"];
    same_shape("health", include_str!("samples/health.json"), &document(&world, "health", 0), &[]);
    let nodes = document(&world, "nodes list", 0);
    same_shape("nodes list", include_str!("samples/nodes-list.json"), &nodes, &[]);
    let status = document(&world, "gateway status", 0);
    same_shape("gateway status", include_str!("samples/gateway-status.json"), &status, &server);
    let status = document(&world, "gateway status --require-rpc", 0);
    same_shape("gateway status", include_str!("samples/gateway-status-read.json"), &status, &server);
    let probe = document(&world, "gateway probe", 0);
    same_shape("gateway probe", include_str!("samples/gateway-probe.json"), &probe, &target);
    assert_eq!(
        (&probe["ok"], &probe["degraded"], &probe["warnings"]),
        (&true.into(), &false.into(), &json!([]))
    );
    same_shape("status", include_str!("samples/status.json"), &document(&world, "status", 0), &[]);
    let status = document(&world, "status --deep", 0);
    same_shape("status --deep", include_str!("samples/status.json"), &status, &[]);
    assert_eq!(status["host"]["gateways"][0]["profile"], "work", "{status}");
    assert_eq!(status["host"]["versions"]["gateway"], "0.0.0-fake", "{status}");
}

#[test]
fn what_a_gateway_answers_is_passed_on() {
    let world = recorded(&[]);
    let answers = parse(ANSWERS);
    for (verb, method) in [
        ("sessions list", "sessions.list"),
        ("sessions history main", "chat.history"),
        ("channels status", "channels.status"),
        ("cron list", "cron.list"),
        ("gateway usage-cost", "usage.cost"),
        ("gateway stability", "diagnostics.stability"),
    ] {
        same_shape(verb, &answers[method].to_string(), &document(&world, verb, 0), &[]);
    }
    assert_eq!(document(&world, "nodes pending", 0), answers["node.pair.list"]["pending"]);
    let model = document(&world, "models list", 0)["models"][0].clone();
    assert_eq!((&model["key"], &model["input"]), (&"openai/gpt-6-astra".into(), &"text+image".into()));
    assert_eq!(document(&world, "config get gateway.port", 0), 23100);
    let config = world.run(&words("config get", &[])).ok();
    assert!(!config.out.contains("forgotten"), "a secret that the gateway did not blank: {config:?}");
    let named = document(&world, "nodes describe 27ad5bfb", 0);
    assert_eq!(named["displayName"], "Facts Node", "{named}");
    let logs = world.run(&words("logs -n 3", &["--json"])).ok();
    let kinds: Vec<Value> = logs.out.lines().map(|line| parse(line)["type"].clone()).collect();
    assert_eq!(kinds, ["meta", "log", "log", "log"]);
    let page = document(&world, "dashboard --no-open", 0);
    assert!(
        page["url"].as_str().unwrap().ends_with('/') && !page["url"].as_str().unwrap().contains(['?', '#'])
    );
}

#[test]
fn every_verb_calls_what_it_must_with_the_least_scopes() {
    let world = recorded(&[]);
    for (verb, methods) in VERBS {
        let before = world.lines("frames").len();
        world.run(&words(verb, &[])).ok();
        let frames: Vec<Value> = world.lines("frames")[before..].iter().map(|line| parse(line)).collect();
        // The supervisor looks too; its looks ask for no scope and call nothing else.
        let purpose = |frame: &Value| frame["params"]["client"]["displayName"].as_str().map(str::to_owned);
        let connects =
            frames.iter().filter(|frame| purpose(frame).is_some_and(|name| name.starts_with("cli:")));
        let scopes: Vec<Value> = connects.map(|frame| frame["params"]["scopes"].clone()).collect();
        let wanted = match verb {
            "health" | "gateway health" => json!([]),
            "nodes list" => json!(["operator.pairing", "operator.read"]),
            "nodes pending" | "devices list" => json!(["operator.pairing"]),
            _ => json!(["operator.read"]),
        };
        assert_eq!(scopes, [wanted], "{verb}");
        for method in methods {
            assert!(
                frames.iter().any(|frame| frame["method"] == *method),
                "{verb} calls {method}: {frames:?}"
            );
        }
    }
}
