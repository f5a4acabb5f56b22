//! The real program's own CLI against an embedded gateway of ours: it ends well and prints what it prints of its own
//! gateway. `make test` installs it.

use std::process::Stdio;

use serde_json::Value;

use super::compared_real::{LONG, Real};
use super::world::{World, said_within};

/// What is asked, and a key that tells of a good answer with its value, where that is the same each time.
const ASKED: [(&[&str], &str, &str); 13] = [
    (&["gateway", "health"], "ok", "true"),
    (&["gateway", "status"], "rpc.ok", "true"),
    (&["gateway", "status", "--require-rpc"], "rpc.ok", "true"),
    (&["gateway", "probe"], "ok", "true"),
    (&["gateway", "call", "system.info"], "nodeVersion", "\"\""),
    (&["gateway", "call", "gateway.restart.preflight"], "safe", "true"),
    (&["health"], "ok", "true"),
    (&["status"], "gateway.reachable", "true"),
    (&["devices", "list"], "pending", "[]"),
    (&["nodes", "list"], "pending", "[]"),
    (&["channels", "status"], "channelOrder", "[]"),
    (&["cron", "list"], "jobs", "[]"),
    (&["gateway", "stability"], "count", "0"),
];

#[test]
fn real_cli_finds_in_an_embedded_gateway_what_it_asks_for() {
    let world = World::new();
    let name = world.name("small");
    let real = Real { world, name };
    real.world.run(&["profile", "create", &real.name, "--runtime", "embedded"]).ok();
    real.world.start(&real.name);
    let mut wrong = Vec::new();
    for (words, key, value) in ASKED {
        let mut command = real.theirs(&[words, &["--json"]].concat());
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = said_within(child, LONG);
        let document: Value = serde_json::from_str(&said.out).unwrap_or_default();
        let found = key.split('.').fold(&document, |inside, part| &inside[part]);
        let wanted: Value = serde_json::from_str(value).unwrap();
        if said.code != Some(0) || *found != wanted {
            wrong.push(format!("{words:?}: {key} is {found}: {said:?}"));
        }
    }
    // A log is followed line by line, and is no single document.
    let mut logs = real.theirs(&["logs", "--limit", "5", "--plain"]);
    let child = logs.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = said_within(child, LONG);
    if said.code != Some(0) || !said.out.contains("gateway") {
        wrong.push(format!("logs: {said:?}"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    real.world.run(&["profile", "stop", &real.name]).ok();
}
