//! Our own `agent` before an embedded gateway with a model: its words as they come, its document, and its end when the
//! model refuses, when the time is over and when somebody presses Ctrl-C.

use std::io::Read;
use std::process::Child;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::look;
use super::model::{Model, REFUSED, SENTENCE, SLOWLY};
use super::world::{Said, World, said};

/// An embedded gateway with a model.
pub struct Small {
    pub world: World,
    pub name: String,
    model: Model,
}

impl Small {
    /// One with `more` in its configuration, started.
    pub fn new(more: &Value) -> Small {
        let world = World::new();
        let small = Small { name: world.name("small"), world, model: Model::new() };
        small.world.run(&["profile", "create", &small.name, "--runtime", "embedded"]).ok();
        let file = small.world.state(&small.name).join("openclaw.json");
        let mut config: Value = json5::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        small.model.configure(&mut config);
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        std::fs::write(&file, config.to_string()).unwrap();
        small.world.start(&small.name);
        small
    }

    /// Begins to run a verb of ours.
    pub fn spawn(&self, words: &[&str]) -> Child {
        self.world.spawn(&[&["--profile", &self.name], words].concat())
    }

    /// Runs a verb of ours.
    pub fn ours(&self, words: &[&str]) -> Said {
        said(self.spawn(words))
    }

    /// What was said in a session, and is being said.
    pub fn history(&self, session: &str) -> Value {
        let params = json!({ "sessionKey": session }).to_string();
        self.ours(&["gateway", "call", "chat.history", "--params", &params, "--json"]).ok().json()
    }

    /// What was said in it last.
    pub fn last(&self, session: &str) -> Value {
        self.history(session)["messages"].as_array().unwrap().last().cloned().unwrap_or_default()
    }

    /// How a run ended, by the gateway's word.
    fn ended(&self, run: &str) -> Value {
        let params = json!({ "runId": run, "timeoutMs": 20_000 }).to_string();
        self.ours(&["gateway", "call", "agent.wait", "--params", &params, "--timeout", "30s", "--json"])
            .ok()
            .json()
    }
}

/// The first that a command prints.
fn begins(child: &mut Child) -> String {
    let mut begun = [0; 64];
    let size = child.stdout.as_mut().unwrap().read(&mut begun).unwrap();
    String::from_utf8_lossy(&begun[..size]).into_owned()
}

#[test]
fn an_answer_is_printed_as_it_comes_and_a_document_is_one() {
    let small = Small::new(&json!({}));
    let mut child = small.spawn(&["agent", "--session", "slow", "-m", SLOWLY]);
    let begun = begins(&mut child);
    // The model waits in the middle of its sentence, and yet its first word has been printed.
    assert!(!begun.is_empty() && SENTENCE.starts_with(&begun) && begun != SENTENCE, "{begun:?}");
    small.model.go_on();
    let said = said(child).ok();
    assert_eq!(begun + &said.out, format!("{SENTENCE}\n"));
    assert_eq!(said.err, "");

    let answer = small.ours(&["agent", "-m", "hi", "--idempotency-key", "k1", "--json"]).ok().json();
    assert_eq!(
        (&answer["runId"], &answer["status"], &answer["summary"]),
        (&json!("k1"), &json!("ok"), &json!("completed"))
    );
    assert_eq!(answer["result"]["payloads"], json!([{ "text": SENTENCE, "mediaUrl": null }]));
    // The same key is the same run: it is not done again.
    let again = small.ours(&["agent", "-m", "hi", "--idempotency-key", "k1", "--json"]).ok().json();
    assert_eq!(again["result"]["payloads"], answer["result"]["payloads"]);
    assert_eq!(small.last("main")["content"][0]["text"], SENTENCE);
    let help = small.ours(&["agent", "-m", "/help"]).ok().out;
    assert!(help.contains("/status – "), "{help}");
}

#[test]
fn a_model_that_refuses_is_a_failure_in_words() {
    let small = Small::new(&json!({}));
    let told = small.ours(&["agent", "-m", REFUSED]);
    told.complains(1, &["I was told to refuse"]);
    assert_eq!(told.out, "");
    let told = small.ours(&["agent", "-m", REFUSED, "--json"]).refused(1, "agent_failed");
    assert!(told["message"].as_str().unwrap().contains("I was told to refuse"), "{told}");
    small.ours(&["agent", "--agent", "nobody", "-m", "hi", "--json"]).refused(1, "gateway_request_failed");
}

#[test]
fn whoever_stops_waiting_ends_the_run() {
    let small = Small::new(&json!({}));
    let ask = |key: &str, more: &[&str]| {
        let words = ["agent", "--session", key, "--idempotency-key", key, "-m", SLOWLY];
        small.spawn(&[&words, more].concat())
    };
    let mut child = ask("stopped", &[]);
    let begun = begins(&mut child);
    look::signal(child.id(), Signal::SIGINT);
    let told = said(child);
    assert_eq!(told.signal, Some(Signal::SIGINT as i32), "{told:?}");
    assert!(told.err.contains("the run was told to end"), "{told:?}");
    let ended = small.ended("stopped");
    assert_eq!((&ended["status"], &ended["stopReason"]), (&json!("timeout"), &json!("rpc")), "{ended}");
    let last = small.last("stopped");
    assert_eq!((&last["stopReason"], &last["content"][0]["text"]), (&json!("aborted"), &json!(begun.trim())));

    let late = said(ask("late", &["--timeout", "1s", "--json"]));
    late.refused(5, "gateway_slow");
    // The gateway has the same limit, and may be the first to see that it is over.
    let ended = small.ended("late");
    assert!(ended["status"] == "timeout" || ended["error"] == "no answer within 1s", "{ended}");
}

#[test]
fn a_gateway_that_stops_says_so_to_who_waits_and_keeps_what_was_said() {
    let small = Small::new(&json!({}));
    let mut child = small.spawn(&["agent", "--session", "cut", "-m", SLOWLY]);
    let begun = begins(&mut child);
    small.world.run(&["profile", "stop", &small.name]).ok();
    said(child).complains(1, &["the gateway is stopping"]);
    small.world.start(&small.name);
    let last = small.last("cut");
    assert_eq!((&last["stopReason"], &last["content"][0]["text"]), (&json!("error"), &json!(begun.trim())));
}
