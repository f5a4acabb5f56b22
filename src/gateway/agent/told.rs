//! What clients hear of a run: `agent` for each step, `chat` for what is said. Text that grows is told in steps of a
//! tenth of a second at the shortest, so that a fast model does not drown slow clients.

use std::convert::Infallible;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::Outcome;
use super::run::{Failure, Run};
use crate::gateway::hub::{Announcement, Hub};
use crate::gateway::scope;
use crate::gateway::sessions::{key, message};
use crate::host::clock::{self, Stopwatch};

/// The events of this file.
pub const EVENTS: &[&str] = &["agent", "chat"];
/// Shortest distance of two steps of growing text.
const STEP: Duration = Duration::from_millis(100);
/// Clients that hear of tools in use name this.
const HEARS_TOOLS: &str = "tool-events";

/// What clients have heard of a run.
#[derive(Debug, Default)]
pub struct Live {
    seq: u64,
    text: String,
    /// How many bytes of the text were told.
    told: usize,
    /// Whether the next step begins a new text in place of what was told before.
    anew: bool,
    last: Option<Stopwatch>,
}

impl Live {
    fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// What was said so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Forgets what was said so far: it is kept as a message of its own.
    pub fn turn_page(&mut self) {
        self.anew = self.told > 0 || self.anew;
        self.text.clear();
        self.told = 0;
    }

    /// What was said before the run ended early, as a message.
    pub fn partial(&self, why: &str, now: u64) -> Option<Value> {
        let text = self.text.trim();
        (!text.is_empty()).then(|| {
            let mut partial = message::of_text("assistant", text, now);
            partial["stopReason"] = json!(why);
            partial
        })
    }
}

/// Tells that the run is being answered.
pub fn began(hub: &Hub, run: &Run) {
    step(hub, run, "lifecycle", json!({ "phase": "start", "startedAt": run.started_at() }));
}

/// Tells a step of the run.
pub fn step(hub: &Hub, run: &Run, stream: &str, mut data: Value) {
    // The published schema has no other place for it.
    data["sessionKey"] = json!(run.session_key);
    let payload = json!({
        "runId": run.id,
        "seq": run.live.borrow_mut().next(),
        "stream": stream,
        "ts": clock::epoch_ms(),
        "data": data,
    });
    if stream != "tool" {
        return hub
            .announce(Announcement::new("agent", Some(scope::READ), &payload).of_session(&run.session_key));
    }
    // What goes into tools and comes out of them is for those who ask for it.
    for connection in hub.connections() {
        let hears = connection.caps.iter().any(|cap| cap == HEARS_TOOLS);
        if hears && connection.may(scope::READ) && connection.follows(&run.session_key) {
            connection.tell("agent", payload.clone());
        }
    }
}

/// Adds to what is said, and tells it where the last step is long enough ago.
pub fn says(hub: &Hub, run: &Run, piece: &str) {
    let due = {
        let mut live = run.live.borrow_mut();
        live.text.push_str(piece);
        live.last.is_none_or(|last| last.elapsed() >= STEP)
    };
    match due {
        true => flush(hub, run),
        false => run.grew.notify_one(),
    }
}

/// Tells what came too soon after the last step once it is time for it: the next piece may be long in coming.
pub async fn keep_up(hub: &Hub, run: &Run) -> Infallible {
    loop {
        run.grew.notified().await;
        let since = run.live.borrow().last.map_or(STEP, |last| last.elapsed());
        sleep(STEP.saturating_sub(since)).await;
        flush(hub, run);
    }
}

/// Tells what is said and was not told yet.
pub fn flush(hub: &Hub, run: &Run) {
    let (delta, text, anew) = {
        let mut live = run.live.borrow_mut();
        if live.text.len() == live.told {
            return;
        }
        let delta = live.text[live.told..].to_owned();
        live.told = live.text.len();
        live.last = Some(Stopwatch::start());
        (delta, live.text.clone(), std::mem::take(&mut live.anew))
    };
    step(hub, run, "assistant", json!({ "text": text, "delta": delta }));
    let mut payload = json!({
        "state": "delta",
        "deltaText": delta,
        "message": message::of_text("assistant", &text, clock::epoch_ms()),
    });
    if anew {
        payload["replace"] = json!(true);
    }
    chat(hub, run, payload);
}

/// Tells how the run ended.
pub fn ended(hub: &Hub, run: &Run, outcome: &Result<Outcome, Failure>, said: Option<Value>, now: u64) {
    flush(hub, run);
    let mut life = json!({ "startedAt": run.started_at(), "endedAt": now });
    let mut payload = match outcome {
        Ok(Outcome::Answered(_)) => {
            life["phase"] = json!("end");
            json!({ "state": "final" })
        }
        Ok(Outcome::Aborted) => {
            life["phase"] = json!("end");
            life["aborted"] = json!(true);
            json!({ "state": "aborted", "stopReason": "rpc" })
        }
        Ok(Outcome::Failed(words)) => failed(&mut life, words, None),
        Err(failure) => failed(&mut life, &failure.words, failure.kind),
    };
    if let Some(said) = said {
        payload["message"] = said;
    }
    step(hub, run, "lifecycle", life);
    chat(hub, run, payload);
}

fn failed(life: &mut Value, words: &str, kind: Option<&str>) -> Value {
    life["phase"] = json!("error");
    life["error"] = json!(words);
    let mut payload = json!({ "state": "error", "errorMessage": words });
    if let Some(kind) = kind {
        payload["errorKind"] = json!(kind);
    }
    payload
}

fn chat(hub: &Hub, run: &Run, mut payload: Value) {
    payload["runId"] = json!(run.id);
    payload["sessionKey"] = json!(run.session_key);
    payload["agentId"] = json!(key::AGENT);
    payload["seq"] = json!(run.live.borrow_mut().next());
    hub.announce(Announcement::new("chat", Some(scope::READ), &payload).of_session(&run.session_key));
}
