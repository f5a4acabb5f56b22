//! One question, from its acceptance to its end. What came of it is stored first and told then.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::told::{self, Live};
use super::{Errand, Outcome, command, model};
use crate::gateway::hub::Hub;
use crate::gateway::sessions::run::{Record, Status};
use crate::gateway::sessions::{self, message};
use crate::host::clock;
use crate::wire::{Fault, fault};

/// How an errand was taken.
pub enum Begun {
    /// It begins now.
    Now(Rc<Run>),
    /// It was begun before and is under way.
    Before(Rc<Run>),
    /// It was done before.
    Past(Record),
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In words for the author.
    pub words: String,
    /// The word of the protocol for it, where one fits: `timeout`, `rate_limit`, `context_length`, `refusal`.
    pub kind: Option<&'static str>,
}

impl Failure {
    /// One that no word of the protocol fits.
    pub fn new(words: impl Into<String>) -> Self {
        Failure { words: words.into(), kind: None }
    }

    /// The same with the protocol's word for it.
    pub fn kind(self, kind: &'static str) -> Self {
        Failure { kind: Some(kind), ..self }
    }
}

/// A question that is not answered yet.
#[derive(Debug)]
pub struct Run {
    /// Its id, from its author.
    pub id: String,
    /// The session that it was asked in, its full key.
    pub session_key: String,
    /// When it came, milliseconds since the epoch.
    pub accepted_at: u64,
    /// What clients have heard of it.
    pub live: RefCell<Live>,
    /// That something was said which they have not heard yet.
    pub grew: Notify,
    session_id: OnceCell<String>,
    started_at: Cell<Option<u64>>,
    aborted: watch::Sender<bool>,
    taken: watch::Sender<bool>,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Run {
    pub(super) fn new(id: &str, session_key: &str, accepted_at: u64) -> Run {
        Run {
            id: id.to_owned(),
            session_key: session_key.to_owned(),
            accepted_at,
            live: RefCell::default(),
            grew: Notify::new(),
            session_id: OnceCell::new(),
            started_at: Cell::new(None),
            aborted: watch::Sender::new(false),
            taken: watch::Sender::new(false),
            outcome: watch::Sender::new(None),
        }
    }

    /// The id that its session had when it came.
    pub fn session_id(&self) -> &str {
        self.session_id.get().map_or("", String::as_str)
    }

    /// When it began to be answered, milliseconds since the epoch.
    pub fn started_at(&self) -> Option<u64> {
        self.started_at.get()
    }

    pub(super) fn take(&self, session_id: &str) {
        // It is taken once.
        let _ = self.session_id.set(session_id.to_owned());
        self.taken.send_replace(true);
    }

    /// Waits until it is on the disk.
    ///
    /// # Errors
    /// Why it could not be put there.
    pub async fn taken(&self) -> Result<(), Fault> {
        let (mut taken, mut ended) = (self.taken.subscribe(), self.outcome.subscribe());
        tokio::select! {
            // Both senders live as long as the run.
            _ = taken.wait_for(|taken| *taken) => Ok(()),
            _ = ended.wait_for(Option::is_some) => match &*self.outcome.borrow() {
                Some(Outcome::Failed(words)) if !*self.taken.borrow() => {
                    Err(Fault::new(fault::UNAVAILABLE, words.clone()))
                }
                _ => Ok(()),
            },
        }
    }

    /// Ends it; whether that was new.
    pub fn abort(&self) -> bool {
        !self.aborted.send_replace(true)
    }

    /// Waits until somebody ends it.
    pub async fn aborted(&self) {
        // The sender lives as long as the run.
        let _ = self.aborted.subscribe().wait_for(|aborted| *aborted).await;
    }

    pub(super) fn end(&self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }

    /// Waits for what comes of it.
    pub async fn outcome(&self) -> Outcome {
        let mut outcome = self.outcome.subscribe();
        match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Outcome::Aborted),
            Err(_) => Outcome::Aborted,
        }
    }
}

/// What came of a run that has ended.
pub fn outcome_of(past: &Record) -> Outcome {
    match past.status {
        Status::Ok => Outcome::Answered(past.text.clone()),
        Status::Aborted => Outcome::Aborted,
        Status::Open | Status::Error => Outcome::Failed(past.text.clone()),
    }
}

/// Answers, once it is the run's turn.
pub(super) async fn live(hub: Rc<Hub>, run: Rc<Run>, errand: Errand) {
    let turn = match command::is_urgent(&errand.message) {
        true => None,
        false => tokio::select! {
            turn = hub.agent.turn(&run.session_key) => Some(turn),
            () = run.aborted() => None,
            () = hub.drained() => None,
        },
    };
    run.started_at.set(Some(clock::epoch_ms()));
    let configured = hub.embedded().agent.timeout.unwrap_or(DEFAULT_TIMEOUT);
    let limit = errand.timeout.unwrap_or(configured).min(TIMEOUT_MAX);
    let end = tokio::select! {
        biased;
        () = run.aborted() => None,
        () = hub.drained() => Some(Err(Failure::new("the gateway is stopping"))),
        end = timeout(limit, work_told(&hub, &run, &errand)) => Some(end.unwrap_or_else(|_| {
            Err(Failure::new(format!("no answer within {}", humantime::format_duration(limit))).kind("timeout"))
        })),
    };
    finish(&hub, &run, end).await;
    drop(turn);
}

/// How long an answer may take where nothing else is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
/// How long an answer may take whatever is said.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Finds the answer, and tells what is said meanwhile.
async fn work_told(hub: &Rc<Hub>, run: &Rc<Run>, errand: &Errand) -> Result<Value, Failure> {
    tokio::select! {
        end = work(hub, run, errand) => end,
        never = told::keep_up(hub, run) => match never {},
    }
}

/// Finds the answer; what leads to it is stored on the way.
async fn work(hub: &Rc<Hub>, run: &Rc<Run>, errand: &Errand) -> Result<Value, Failure> {
    told::began(hub, run);
    let answer = match command::find(hub, &errand.author, &errand.message).map_err(Failure::new)? {
        Some(found) => command::give(hub, run, errand, found).await.map_err(Failure::new)?,
        None => {
            let key = run.session_key.clone();
            let session = hub.store.read(move |db| sessions::row::find(db, &key)).await;
            let own = session.map_err(|fault| Failure::new(fault.message))?.and_then(|session| session.model);
            match model::choose(hub, own.as_deref()) {
                Some(chosen) => return model::answer(hub, run, errand, &chosen).await,
                None => command::at_a_loss(hub, &errand.author, &errand.message),
            }
        }
    };
    Ok(message::of_text("assistant", &answer, clock::epoch_ms()))
}

/// Stores what came of it, then tells: `None` is an end that somebody asked for.
async fn finish(hub: &Rc<Hub>, run: &Rc<Run>, end: Option<Result<Value, Failure>>) {
    let now = clock::epoch_ms();
    let (status, text, said) = match &end {
        Some(Ok(answer)) => (Status::Ok, message::text(answer), Some(answer.clone())),
        Some(Err(failure)) => (Status::Error, failure.words.clone(), run.live.borrow().partial("error", now)),
        None => (Status::Aborted, String::new(), run.live.borrow().partial("aborted", now)),
    };
    let (id, key, session_id) = (run.id.clone(), run.session_key.clone(), run.session_id().to_owned());
    let (words, saying) = (text.clone(), said.clone());
    let kept = hub.store.write(move |db| {
        sessions::run::close(db, &id, status, &words, now)?;
        // A session that was reset or deleted meanwhile keeps nothing of it.
        let same = sessions::row::find(db, &key)?.filter(|session| session.id == session_id);
        match (same, saying) {
            (Some(_), Some(said)) => {
                sessions::row::touch(db, &key, now)?;
                message::append(db, &session_id, Some(&id), &said).map(Some)
            }
            _ => Ok(None),
        }
    });
    let (outcome, said) = match kept.await {
        Ok(kept) => {
            if let Some(kept) = &kept {
                sessions::told::message(hub, &run.session_key, &run.id, kept);
            }
            let outcome = match end {
                Some(Ok(_)) => Ok(Outcome::Answered(text)),
                Some(Err(failure)) => Err(failure),
                None => Ok(Outcome::Aborted),
            };
            (outcome, kept.map(|kept| kept.message).or(said))
        }
        Err(fault) => (Err(Failure::new(fault.message)), None),
    };
    told::ended(hub, run, &outcome, said, now);
    let outcome = outcome.unwrap_or_else(|failure| Outcome::Failed(failure.words));
    tracing::info!(target: "gateway/agent", run = run.id, session = run.session_key, status = ?status, "ended");
    hub.agent.close(run, outcome);
    sessions::told::changed(hub, &run.session_key, "run");
}
