//! `agent` and `gateway agent`: tells the gateway's agent something and prints what it says as it comes, with `--json`
//! the last answer alone. The call answers twice: that it was accepted, and when the run is over. Ctrl-C ends the run
//! too, not only the waiting for it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{key, params};
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Agent;
use crate::cli::line::{Asker, Line};
use crate::cli::render::cell;
use crate::cli::speech::Speech;
use crate::client::gateway::CALL_TIMEOUT;
use crate::client::session::Incoming;
use crate::host::signal as own;
use crate::wire::HelloOk;

/// How long a run may take where no time was asked for, as in the real program.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);
/// The session of a run of which nothing else is known.
const MAIN: &str = "main";
/// How long is waited for the word that a run was ended.
const ABORT_TIMEOUT: Duration = Duration::from_secs(2);

/// Tells it, and waits for the end of what it does.
pub async fn run(context: &Context, agent: &Agent) -> Result<()> {
    let limit = context.timeout.map_or(RUN_TIMEOUT, |limit| limit.0);
    let id = key(&agent.once);
    let mut asked = asked(agent, &id, limit);
    let asker = Asker::new(context, CALL_TIMEOUT)?;
    let mut line = asker.open_for(&[("agent", &asked)], &[]).await?;
    if agent.agent.is_none() && agent.session.is_none() && agent.session_id.is_none() && agent.to.is_none() {
        usual(&mut asked, line.hello())?;
    }
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        Error::new(Kind::Failed, "signals_unavailable", "signals cannot be watched").caused_by(error)
    })?;
    let mut speech = Speech::new(&id, agent.session.as_deref().unwrap_or(MAIN));
    let mut is_begun = false;
    let mut hear = |came: &Incoming| match came {
        Incoming::Answer(answer) => {
            is_begun = true;
            speech.begun(answer.payload.as_ref().unwrap_or(&Value::Null));
        }
        Incoming::Event(event) => say(context, &speech.hear(event)),
    };
    let outcome = tokio::select! {
        answer = line.follow(limit, ("agent", asked), &mut hear) => Some(answer),
        _ = interrupts.recv() => None,
    };
    let Some(outcome) = outcome else {
        say(context, speech.break_line());
        abort(&mut line, &speech).await;
        context.render.notice("interrupted; the run was told to end");
        own::die_of_interrupt();
        return Err(Error::new(Kind::Failed, "interrupted", "interrupted"));
    };
    let answer = match outcome {
        Ok(answer) => answer,
        Err(error) => {
            say(context, speech.break_line());
            if error.code() == "gateway_slow" {
                abort(&mut line, &speech).await;
            }
            return Err(if is_begun { failed(error) } else { error });
        }
    };
    line.close().await;
    finish(context, &answer, &mut speech)
}

fn asked(agent: &Agent, id: &str, limit: Duration) -> Value {
    let seconds = limit.as_millis().div_ceil(1000);
    params(&[
        ("message", json!(agent.message)),
        ("agentId", json!(agent.agent)),
        ("sessionKey", json!(agent.session)),
        ("sessionId", json!(agent.session_id)),
        ("to", json!(agent.to)),
        ("model", json!(agent.model)),
        ("thinking", json!(agent.thinking)),
        ("channel", json!(agent.channel)),
        ("deliver", json!(agent.deliver)),
        ("timeout", json!(u64::try_from(seconds).unwrap_or(u64::MAX))),
        ("idempotencyKey", json!(id)),
    ])
}

/// Means the usual agent, and so its main session, as the real program does: to a gateway that is told neither it
/// would be a new session each time.
fn usual(asked: &mut Value, hello: &HelloOk) -> Result<()> {
    let Some(defaults) = &hello.snapshot.session_defaults else { return Ok(()) };
    if defaults.selection_required {
        let what = "the gateway has several agents, and none of them is the usual one";
        return Err(Error::new(Kind::Usage, "agent_required", what)
            .remedy("name one with --agent; see them: openclaw gateway call agents.list"));
    }
    if let Some(agent) = &defaults.default_agent_id {
        asked["agentId"] = json!(agent);
    }
    Ok(())
}

/// A run that was accepted and then failed is no call that was refused, though gateways tell both alike.
fn failed(error: Error) -> Error {
    if error.code() != "gateway_request_failed" {
        return error;
    }
    let told = Error::new(Kind::Failed, "agent_failed", error.message());
    match error.profile_name() {
        Some(name) => told.profile(name),
        None => told,
    }
}

/// Prints text for people at once.
fn say(context: &Context, text: &str) {
    if !context.render.is_json() && !text.is_empty() {
        context.render.text(text);
    }
}

/// Ends the run; a gateway that does not listen costs little time.
async fn abort(line: &mut Line<'_>, speech: &Speech) {
    let call = json!({ "sessionKey": speech.session, "runId": speech.run() });
    // Whoever waits has left, and is told what there is to tell.
    let _ = line.follow(ABORT_TIMEOUT, ("chat.abort", call), &mut |_| ()).await;
}

fn finish(context: &Context, answer: &Value, speech: &mut Speech) -> Result<()> {
    say(context, &speech.end(answer));
    let summary = cell::first(&[&answer["summary"], &answer["error"], &answer["status"]]);
    match answer["status"].as_str() {
        Some("error") => return Err(Error::new(Kind::Failed, "agent_failed", summary)),
        Some("timeout") => return Err(Error::new(Kind::Deadline, "agent_timeout", summary)),
        _ => {}
    }
    if context.render.is_json() {
        context.render.document(answer);
    } else if speech.is_silent() {
        context.render.notice(&format!("the agent says nothing ({summary})"));
    }
    Ok(())
}
