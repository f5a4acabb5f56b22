//! The verbs that do something, done on a real gateway from npm: it talks with a model, runs a job, lets a node in and
//! has it work, and refuses what it must. Parts of one test, since one real gateway is dear enough.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::compared_real::{LONG, Real};
use super::look;
use super::model::{Model, SENTENCE, SLOWLY};
use super::world::{said_within, wait_within};

/// The agent speaks as the model does; what was said is kept, and where.
pub fn talk(real: &Real, model: &Model) {
    let mut child = real.spawn(&["agent", "--session", "agent:main:slow", "-m", SLOWLY]);
    let mut out = child.stdout.take().unwrap();
    let (mut begun, mut rest) = (vec![0; 64], String::new());
    let size = out.read(&mut begun).unwrap();
    let begun = String::from_utf8_lossy(&begun[..size]).into_owned();
    // The model waits in the middle of its sentence, and yet its first word has been printed.
    assert!(!begun.is_empty() && SENTENCE.starts_with(&begun) && begun != SENTENCE, "{begun:?}");
    model.go_on();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!((begun + &rest).as_str(), format!("{SENTENCE}\n"));
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let answer = real.ours(&["agent", "-m", "remember this", "--expect-final", "--json"]).ok().json();
    assert_eq!(
        (&answer["status"], &answer["result"]["payloads"][0]["text"]),
        (&"ok".into(), &SENTENCE.into())
    );
    // Nobody named a session: it is the usual agent's own, and the conversation goes on there.
    let history = real.ours(&["sessions", "history", "agent:main:main"]).ok().out;
    assert!(history.contains("user: remember this") && history.contains(&format!("assistant: {SENTENCE}")));
    let call = r#"{"message":"again","agentId":"main","idempotencyKey":"once"}"#;
    let call = ["gateway", "call", "agent", "--expect-final", "--params", call];
    assert_eq!(real.ours(&call).ok().json()["status"], "ok");
    let sent = real.ours(&["sessions", "send", "agent:main:slow", "-m", "more", "--json"]).ok().json();
    assert_eq!(sent["status"], "started", "{sent}");
    wait_within(LONG, "the message to be answered", || {
        let history = real.ours(&["sessions", "history", "agent:main:slow"]).ok().out;
        (history.matches(SENTENCE).count() == 2).then_some(())
    });
    let gone = real.ours(&["sessions", "delete", "agent:main:slow", "--yes", "--json"]).ok().json();
    assert_eq!((&gone["ok"], &gone["results"][0]["status"]), (&true.into(), &"deleted".into()), "{gone}");
    let refused = real.ours(&["sessions", "delete", "agent:main:main", "agent:main:none", "--yes", "--json"]);
    let statuses = refused.json()["results"].clone();
    refused.refused(1, "gateway_request_failed");
    assert_eq!((&statuses[0]["status"], &statuses[1]["status"]), (&"failed".into(), &"not_found".into()));
}

/// A job is added, listed and run.
pub fn schedule(real: &Real) {
    let job = r#"{"name":"chores","schedule":{"kind":"every","everyMs":3600000},"sessionTarget":"isolated",
        "wakeMode":"now","payload":{"kind":"agentTurn","message":"do the chores"},"delivery":{"mode":"none"}}"#;
    let added = real.ours(&["gateway", "call", "cron.add", "--params", job]).ok().json();
    let id = added["id"].as_str().unwrap();
    let listed = real.ours(&["cron", "list"]).ok().out;
    assert!(listed.contains("chores") && listed.contains("every 1h") && listed.contains("idle"), "{listed}");
    let run = real.ours(&["cron", "run", id, "--json"]).ok().json();
    assert_eq!(run["ok"], true, "{run}");
    wait_within(LONG, "the job to end well", || {
        let jobs = real.ours(&["cron", "list", "--json"]).ok().json()["jobs"].clone();
        let job = jobs.as_array().unwrap().iter().find(|job| job["id"] == id).cloned().unwrap();
        assert_ne!(job["status"], "error", "{job}");
        (job["status"] == "ok").then_some(())
    });
    real.ours(&["cron", "run", "nobody", "--json"]).refused(1, "gateway_request_failed");
}

/// What cannot be done is told with what to do.
pub fn refusals(real: &Real) {
    for (words, code, error, said) in [
        (&["gateway", "call", "no.such.method"][..], 1, "method_unknown", "openclaw; version"),
        (&["gateway", "call", "sessions.lst"], 1, "method_unknown", "no sessions.lst"),
        (&["message", "send", "-t", "1", "-m", "x"], 1, "channel_missing", "no configured channel"),
        (
            &["message", "send", "--channel", "telegram", "-t", "1", "-m", "x"],
            1,
            "gateway_request_failed",
            "Telegram",
        ),
        (&["gateway", "send", "--to", "1", "-m", "x"], 1, "gateway_request_failed", "Channel is required"),
        (&["devices", "approve", "nobody"], 1, "request_unknown", "nobody"),
        (&["devices", "reject", "nobody"], 1, "gateway_request_failed", "requestId"),
        (&["nodes", "describe", "nobody"], 1, "node_unknown", "nobody"),
        (&["agent", "--agent", "nobody", "-m", "x"], 1, "gateway_request_failed", "nobody"),
    ] {
        let told = real.ours(&[words, &["--json"]].concat()).refused(code, error);
        assert!(told["message"].as_str().unwrap().contains(said), "{words:?}: {told}");
    }
    let near = real.ours(&["gateway", "call", "sessions.lst", "--json"]).json();
    assert_eq!(near["error"]["remedy"], "did you mean sessions.list?");
}

/// Configuration, page and log, without a secret.
pub fn pages(real: &Real, token: &str) {
    let config = real.ours(&["config", "get"]).ok();
    assert!(config.out.contains("baseUrl") && config.out.contains("__OPENCLAW_REDACTED__"), "{config:?}");
    assert!(!config.out.contains(token) && !config.out.contains("the-key-of-this-test"));
    let page = real.ours(&["dashboard", "--no-open"]).ok();
    assert!(page.out.starts_with("http://127.0.0.1:") && page.out.ends_with("/\n"), "{page:?}");
    let follower = ["--profile", &real.name, "logs", "-f", "-n", "5"];
    let mut follower = real.world.spawn(&follower);
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.next().is_some_and(|line| !line.is_empty()));
    real.ours(&["gateway", "call", "told.in.the.log", "--json"]).refused(1, "method_unknown");
    assert!(lines.any(|line| line.contains("told.in.the.log")), "the log is followed");
    look::signal(follower.id(), Signal::SIGTERM);
    follower.wait().unwrap();
}

/// The node waits to be let in, is let in, works and gets another name.
pub fn nodes(real: &Real) {
    let invoke =
        ["nodes", "invoke", "--node", "Desk", "--command", "system.which", "--params", r#"{"bins":["sh"]}"#];
    let request = wait_within(LONG, "the node to ask", || {
        let waiting = real.ours(&["nodes", "pending", "--json"]).ok().json();
        waiting[0]["requestId"].as_str().map(str::to_owned)
    });
    assert!(real.ours(&["nodes", "list"]).ok().out.contains(&request));
    real.ours(&[&invoke[..], &["--json"]].concat()).refused(1, "node_not_approved");
    assert_eq!(real.ours(&["nodes", "approve", &request]).ok().out, "node Desk is approved\n");
    real.ours(&["nodes", "reject", &request, "--json"]).refused(1, "gateway_request_failed");
    let found: Value = real.ours(&invoke).ok().json();
    assert!(found["bins"]["sh"].as_str().is_some_and(|path| path.ends_with("/sh")), "{found}");
    let refused = real.ours(&["nodes", "invoke", "--node", "Desk", "--command", "no.such", "--json"]);
    refused.refused(1, "gateway_request_failed");
    let renamed = real.ours(&["nodes", "rename", "--node", "Desk", "--name", "Attic"]).ok().out;
    assert!(renamed.ends_with("is called Attic now\n"), "{renamed}");
    let told = real.ours(&["nodes", "describe", "Attic"]).ok().out;
    assert!(told.contains("system.which") && told.contains("connected"), "{told}");
    let devices = real.ours(&["devices", "list"]).ok().out;
    assert!(devices.contains("node") && devices.contains("connected"), "{devices}");
}

/// A node of ours waits as well, is let in by the real program's own CLI, and does for it what its owner lists.
pub fn own_node(real: &Real) {
    let rules = real.world.state(&real.name).join("node-exec.json");
    std::fs::write(&rules, r#"{"allow": [["/bin/echo", "*"]]}"#).unwrap();
    std::fs::set_permissions(&rules, std::fs::Permissions::from_mode(0o600)).unwrap();
    let node = real.spawn(&["node", "run", "--display-name", "Bench"]);
    let request = wait_within(LONG, "our node to ask", || {
        let waiting = real.ours(&["nodes", "pending", "--json"]).ok().json();
        let own = waiting.as_array()?.iter().find(|request| request["displayName"] == "Bench")?;
        own["requestId"].as_str().map(str::to_owned)
    });
    let theirs = |words: &[&str]| said_within(real.theirs(words).spawn().unwrap(), LONG);
    let invoke = |command: &str, params: &str| {
        let asked = ["nodes", "invoke", "--node", "Bench", "--command", command, "--params", params];
        theirs(&[&asked[..], &["--json"]].concat())
    };
    assert_ne!(invoke("system.which", r#"{"bins":["sh"]}"#).code, Some(0), "nobody has let it in");
    theirs(&["nodes", "approve", &request]).ok();
    let found = invoke("system.which", r#"{"bins":["sh"]}"#).ok();
    assert!(found.out.contains("/sh\""), "{found:?}");
    let run = |params: &str| {
        let words = ["nodes", "invoke", "--node", "Bench", "--command", "system.run", "--params", params];
        real.ours(&[&words[..], &["--json"]].concat())
    };
    let ran = run(r#"{"command":["/bin/echo","hi"]}"#);
    assert!(ran.out.contains("hi\\n"), "{ran:?}");
    let refused = run(r#"{"command":["/bin/cat","/etc/hostname"]}"#);
    assert!(refused.code != Some(0) && refused.out.contains("SYSTEM_RUN_DENIED"), "{refused:?}");
    look::signal(node.id(), Signal::SIGTERM);
    said_within(node, LONG);
}

/// The gateway is stopped by the supervisor that runs it, and then asking it says so.
pub fn end(real: &Real) {
    real.ours(&["gateway", "stop"]).ok();
    assert_eq!(real.world.show(&real.name)["state"], "stopped");
    real.ours(&["health", "--json"]).refused(3, "gateway_not_running");
}
