//! The published schema, from the npm package that `make test` installs.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

const PACKAGE: &str = "node_modules/@openclaw/gateway-protocol/protocol.schema.json";

/// One definition of the schema.
pub fn definition(name: &str) -> Validator {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let path = super::npm::folder().join(PACKAGE);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; `make test` installs the npm package @openclaw/gateway-protocol and names its folder in OPENCLAW_TEST_NPM",
                path.display()
            )
        });
        serde_json::from_str(&text).expect("the schema is JSON")
    });
    let definition = &schema["definitions"][name];
    assert!(definition.is_object(), "the schema has no definition {name}");
    jsonschema::validator_for(definition).expect("the definition is a schema")
}

/// Fails unless `value` fits `validator`.
pub fn assert_fits(validator: &Validator, value: &Value) {
    let complaints: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(complaints.is_empty(), "{value:#}\n{}", complaints.join("\n"));
}

/// Fails unless `frame`, sent by a gateway, fits the schema; so must the parts that have one of their own.
pub fn assert_frame(frame: &Value) {
    thread_local! {
        static PARTS: [Validator; 10] = [
            "ResponseFrame",
            "EventFrame",
            "HelloOk",
            "ErrorShape",
            "TickEvent",
            "ShutdownEvent",
            "AgentEvent",
            "ChatEvent",
            "PresenceEntry",
            "NodeInvokeRequestEvent",
        ]
        .map(definition);
    }
    PARTS.with(|[response, event, hello, error, tick, shutdown, agent, chat, entry, invoke]| {
        match frame["type"].as_str() {
            Some("res") => assert_fits(response, frame),
            Some("event") => assert_fits(event, frame),
            other => panic!("a gateway sends no frame of type {other:?}"),
        }
        if frame["payload"]["type"] == "hello-ok" {
            assert_fits(hello, &frame["payload"]);
        }
        if frame["ok"] == false {
            assert_fits(error, &frame["error"]);
        }
        match frame["event"].as_str() {
            Some("tick") => assert_fits(tick, &frame["payload"]),
            Some("shutdown") => assert_fits(shutdown, &frame["payload"]),
            Some("agent") => assert_fits(agent, &frame["payload"]),
            Some("chat") => assert_fits(chat, &frame["payload"]),
            Some("presence") => {
                for one in frame["payload"]["presence"].as_array().expect("a list") {
                    assert_fits(entry, one);
                }
            }
            Some("node.invoke.request") => assert_fits(invoke, &frame["payload"]),
            _ => {}
        }
    });
}
