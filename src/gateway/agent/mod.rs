//! The agent: it takes what somebody wrote in a session and answers it, by a slash command or with the configured
//! model. Runs of one session go one after the other; everything said is on the disk before anyone is told that it
//! was taken.
//!
//! | file | its part |
//! | --- | --- |
//! | `run`, `lane` | one question from its acceptance to its end, and the order in which they come |
//! | `told` | what clients hear of it meanwhile |
//! | `command`, `builtin` | slash commands |
//! | `model`, `provider` | the model at work, and asking it |
//! | `tool`, `tool_session`, `node` | what a model may use; nodes by command as well |
//! | `approve` | asking people about what a node would run |

pub mod approve;
pub mod builtin;
pub mod command;
pub mod lane;
pub mod model;
pub mod node;
pub mod provider;
pub mod run;
pub mod told;
pub mod tool;
mod tool_session;

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;

pub use lane::Agent;
pub use run::{Begun, Run};

use super::hub::Hub;
use super::scope;
use super::sessions::{self, message, run as record};
use crate::host::clock;
use crate::wire::{Fault, fault};

/// Longest id of a run, in characters.
const RUN_ID_MAX: usize = 256;
/// How soon may be asked again what found too many others, in milliseconds.
const BUSY_RETRY_MS: u64 = 1000;

/// Something to be answered.
#[derive(Clone, Debug)]
pub struct Errand {
    /// The session that it is said in, as its author writes it.
    pub session_key: String,
    /// What is said.
    pub message: String,
    /// Who says it.
    pub author: Author,
    /// The author's own key for it: the same again is the same errand, and is not done twice. 1 to 256 characters.
    pub run_id: String,
    /// How long the answer may take; without it, as configured.
    pub timeout: Option<Duration>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Author {
    /// Someone at a connection of the Gateway protocol.
    Operator {
        /// What the connection may.
        scopes: Vec<String>,
        /// Its device, where it showed one.
        device: Option<String>,
    },
    /// Someone behind a channel.
    Sender {
        /// The channel.
        channel: &'static str,
        /// Who it is there.
        id: String,
        /// Whether they may give orders to the fleet and to nodes.
        commands: bool,
    },
}

impl Author {
    /// Whether the author may do what needs `scope`. A sender of a channel has a conversation and nothing else, or
    /// everything.
    pub fn may(&self, scope: &str) -> bool {
        match self {
            Author::Operator { scopes, .. } => scope::covers(scopes, scope),
            Author::Sender { commands, .. } => *commands,
        }
    }

    /// Whether the conversation is the author's own, so that they may begin it anew.
    pub fn owns_conversation(&self) -> bool {
        matches!(self, Author::Sender { .. })
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer.
    Answered(String),
    /// Somebody ended it.
    Aborted,
    /// It went wrong, in words for the author.
    Failed(String),
}

/// Answers an errand: keeps question and answer in the session, and tells clients of both. One that was begun before
/// is waited for and not done again, and one that has ended gives what came of it then. Dropping this does not end it.
pub async fn answer(hub: &Rc<Hub>, errand: Errand) -> Outcome {
    match begin(hub, errand).await {
        Ok(Begun::Now(run) | Begun::Before(run)) => run.outcome().await,
        Ok(Begun::Past(past)) => run::outcome_of(&past),
        Err(fault) => Outcome::Failed(fault.message),
    }
}

/// What came of a run that has ended.
pub fn past(record: &record::Record) -> Outcome {
    run::outcome_of(record)
}

/// Takes an errand; once this gives back a run, the message is on the disk and will be answered.
///
/// # Errors
/// `INVALID_REQUEST` for a message or key that cannot be taken, `UNAVAILABLE` when too much waits already, the gateway
/// stops or the store cannot be written.
pub async fn begin(hub: &Rc<Hub>, errand: Errand) -> Result<Begun, Fault> {
    let key = sessions::key::full(&errand.session_key)?;
    check(&errand)?;
    let same = |session: &str| match session == key {
        true => Ok(()),
        false => Err(Fault::invalid("the idempotency key was used in another session")),
    };
    if let Some(run) = hub.agent.find(&errand.run_id) {
        same(&run.session_key)?;
        run.taken().await?;
        return Ok(Begun::Before(run));
    }
    if hub.is_draining() {
        return Err(Fault::new(fault::UNAVAILABLE, "the gateway is stopping"));
    }
    let now = clock::epoch_ms();
    let run = hub.agent.open(&errand.run_id, &key, now).ok_or_else(|| {
        Fault::new(fault::UNAVAILABLE, "too many messages wait to be answered").retry_after(BUSY_RETRY_MS)
    })?;
    let (id, session, said) = (errand.run_id.clone(), key.clone(), errand.message.clone());
    let kept = hub.store.write(move |db| {
        if let Some(past) = record::open(db, &id, &session, now)? {
            return Ok(Err(past));
        }
        let session = sessions::row::touch(db, &session, now)?;
        let said = message::of_text("user", &said, now);
        Ok(Ok((message::append(db, &session.id, Some(&id), &said)?, session)))
    });
    match kept.await {
        Ok(Ok((kept, session))) => {
            run.take(&session.id);
            sessions::told::message(hub, &key, &run.id, &kept);
            sessions::told::changed(hub, &key, "message");
            spawn_local(run::live(Rc::clone(hub), Rc::clone(&run), errand));
            Ok(Begun::Now(run))
        }
        Ok(Err(past)) => {
            hub.agent.close(&run, run::outcome_of(&past));
            same(&past.session_key)?;
            Ok(Begun::Past(past))
        }
        Err(fault) => {
            hub.agent.close(&run, Outcome::Failed(fault.message.clone()));
            Err(fault)
        }
    }
}

/// Ends the run of that id in the session, or all of the session's; the ids of those that were ended.
pub fn abort(hub: &Hub, session_key: &str, run_id: Option<&str>) -> Vec<String> {
    let Ok(key) = sessions::key::full(session_key) else { return Vec::new() };
    let mut ended = Vec::new();
    for run in hub.agent.of_session(&key) {
        if run_id.is_none_or(|id| id == run.id) && run.abort() {
            ended.push(run.id.clone());
        }
    }
    ended
}

/// Ends what an earlier life of the gateway left unanswered; asked for once, before the first connection.
pub async fn tidy(hub: &Hub) {
    sessions::told::summarize(hub).await;
    let now = clock::epoch_ms();
    let ended = hub.store.write(move |db| record::close_all(db, "the gateway ended before the answer", now));
    match ended.await {
        Ok(0) => {}
        Ok(runs) => {
            tracing::warn!(target: "gateway/agent", runs, "were left without an answer by the last life")
        }
        Err(fault) => tracing::error!(target: "gateway/agent", "{}", fault.message),
    }
}

fn check(errand: &Errand) -> Result<(), Fault> {
    let id = errand.run_id.chars().count();
    if id == 0 || id > RUN_ID_MAX {
        return Err(Fault::invalid(format!("an idempotency key has 1 to {RUN_ID_MAX} characters")));
    }
    if errand.message.trim().is_empty() {
        return Err(Fault::invalid("message or attachment required"));
    }
    if errand.message.contains('\0') {
        return Err(Fault::invalid("message must not contain null bytes"));
    }
    match errand.message.len() {
        length if length > message::MESSAGE_MAX => {
            Err(Fault::invalid(format!("a message has at most {} bytes, not {length}", message::MESSAGE_MAX)))
        }
        _ => Ok(()),
    }
}
