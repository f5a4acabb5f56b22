//! The real program's own CLI at work with an embedded gateway of ours: it talks with its agent, lets a node in and has it
//! work, and sends to a channel. `make test` installs it.

use std::sync::Mutex;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::agent::Small;
use super::bot_api::BotApi;
use super::compared_real::{LONG, Real};
use super::look;
use super::model::{REFUSED, SENTENCE, SLOWLY};
use super::world::{Said, said_within, wait_within};

/// How many of its commands run side by side; each takes seconds and some 300 MB.
const SIDE_BY_SIDE: usize = 3;

/// A command, and what has to be true of what it says.
type Asked<'a> = (&'a [&'a str], fn(&Said) -> bool);

/// The document that a command printed.
fn document(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_default()
}

/// The first text that an agent answered with.
fn answer(said: &Said) -> String {
    document(said)["result"]["payloads"][0]["text"].as_str().unwrap_or_default().to_owned()
}

const WORK: &[Asked<'_>] = &[
    (&["nodes", "status", "--json"], |said| {
        let node = document(said)["nodes"][0].clone();
        (&node["displayName"], &node["connected"]) == (&json!("Desk"), &json!(true))
    }),
    (&["nodes", "describe", "--node", "Desk", "--json"], |said| said.out.contains("system.which")),
    (
        &["nodes", "invoke", "--node", "Desk", "--command", "system.which", "--params", r#"{"bins":["sh"]}"#],
        |said| said.out.contains("/sh"),
    ),
    (&["agent", "--agent", "main", "-m", "/status", "--json"], |said| {
        document(said)["status"] == "ok" && answer(said).starts_with("Gateway of profile small")
    }),
    (&["agent", "--agent", "main", "-m", "/help"], |said| said.out.contains("/status – ")),
    (&["agent", "--agent", "main", "-m", "hi", "--json"], |said| answer(said) == SENTENCE),
    (&["gateway", "call", "sessions.list", "--json"], |said| document(said)["sessions"].is_array()),
    (&["system", "presence", "--json"], |said| said.out.contains("\"Desk\"")),
    (&["system", "event", "--text", "the door opened", "--mode", "now", "--json"], |said| {
        document(said)["ok"] == true
    }),
    (&["message", "send", "--channel", "telegram", "--target", "5", "-m", "hi there", "--json"], |said| {
        said.out.contains("\"messageId\"")
    }),
];

/// A Bot API that serves on while this test waits for programs.
fn api() -> BotApi {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let api = runtime.block_on(BotApi::start());
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    api
}

#[test]
fn real_cli_works_with_an_embedded_gateway() {
    let api = api();
    let small = Small::new(&json!({ "channels": { "telegram": api.config(json!({ "allowFrom": [5] })) } }));
    let node = small.spawn(&["node", "run", "--display-name", "Desk"]);
    let request = wait_within(LONG, "the node to ask", || {
        let waiting = small.ours(&["nodes", "pending", "--json"]).ok().json();
        waiting[0]["requestId"].as_str().map(str::to_owned)
    });
    let Small { world, name, .. } = &small;
    let theirs = |words: &[&str]| said_within(Real::command(world, name, words).spawn().unwrap(), LONG);
    let waiting = theirs(&["nodes", "pending", "--json"]).ok();
    assert!(waiting.out.contains(&request), "{waiting:?}");
    theirs(&["nodes", "approve", &request, "--json"]).ok();

    let wrong = Mutex::new(Vec::new());
    let left = Mutex::new(WORK.iter());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((words, holds)) = { left.lock().unwrap().next() } {
                    let said = theirs(words);
                    if said.code != Some(0) || !holds(&said) {
                        wrong.lock().unwrap().push(format!("{words:?}: {said:?}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(api.asked("sendMessage")[0]["text"], "hi there");
    let history = small.ours(&["sessions", "history", "main"]).ok().out;
    assert!(history.contains("user: [System event] the door opened"), "{history}");

    let refused = theirs(&["agent", "--session-key", "agent:main:other", "-m", REFUSED]);
    assert!(refused.code != Some(0) && refused.err.contains("I was told to refuse"), "{refused:?}");
    let interrupted = ["agent", "--session-key", "agent:main:slow", "-m", SLOWLY];
    let child = Real::command(world, name, &interrupted).spawn().unwrap();
    wait_within(LONG, "its first word", || {
        small.history("slow")["inFlightRun"]["text"].as_str().filter(|text| !text.is_empty()).map(drop)
    });
    look::signal(child.id(), Signal::SIGINT);
    assert_eq!(said_within(child, LONG).code, Some(130));
    wait_within(LONG, "its end", || (small.last("slow")["stopReason"] == "aborted").then_some(()));

    let lacking = theirs(&["approvals", "get", "--gateway", "--json"]);
    assert!((lacking.err + &lacking.out).contains("unknown method: exec.approvals.get"));
    theirs(&["nodes", "rename", "--node", "Desk", "--name", "Attic"]).ok();
    let listed = theirs(&["nodes", "list", "--json"]).ok();
    assert!(listed.out.contains("\"Attic\""), "{listed:?}");
    look::signal(node.id(), Signal::SIGTERM);
    said_within(node, LONG);
}
