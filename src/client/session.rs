//! An open connection to a gateway, with a deadline for answers and a watchdog for silence. Answers are matched by
//! their id alone: they come in order of completion, and one call may have two (`agent`: accepted, then final).

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::explain::{Named, Stop, explain, late, starting, startup_wait};
use crate::base::{Error, Kind, Result};
use crate::host::clock::Stopwatch;
use crate::link::gateway::{Gateway, Trouble};
use crate::wire::{Event, Frame, HelloOk, Request, Response};

/// Most events that are kept for later while an answer is awaited; older ones are dropped.
const KEPT_EVENTS_MAX: usize = 1024;

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// An answer to a request, perhaps not its last.
    Answer(Response),
    /// Something that happened.
    Event(Event),
}

/// An open connection.
pub struct Session {
    gateway: Gateway,
    named: Named,
    next_id: u64,
    clock: Stopwatch,
    limit: Duration,
    silence: Duration,
    traceparent: Option<String>,
    events: Option<VecDeque<Event>>,
}

impl Session {
    pub(super) fn new(gateway: Gateway, named: Named, clock: Stopwatch, limit: Duration) -> Session {
        // No word within two ticks: the other end is gone, whatever TCP says.
        let tick = Duration::from_millis(gateway.hello.policy.tick_interval_ms.max(1000));
        Session {
            gateway,
            named,
            next_id: 1,
            clock,
            limit,
            silence: tick * 2,
            traceparent: None,
            events: None,
        }
    }

    pub(super) fn trace(&mut self, traceparent: Option<String>) {
        // Older gateways refuse what their schema does not have.
        self.traceparent = traceparent.filter(|_| self.hello().protocol >= crate::wire::limits::PROTOCOL);
    }

    /// What the gateway granted.
    pub fn hello(&self) -> &HelloOk {
        &self.gateway.hello
    }

    /// Gives the next call the whole time again; without it all calls share what the connection was given.
    pub fn renew(&mut self) {
        self.clock = Stopwatch::start();
    }

    /// Keeps the events that come while an answer is awaited, for [`Session::next`].
    pub fn keep_events(&mut self) {
        self.events.get_or_insert_with(VecDeque::new);
    }

    /// Calls `method` and waits for its first answer; a gateway whose sidecars still start is asked again.
    ///
    /// # Errors
    /// [`Kind::Deadline`] with code `gateway_slow`, [`Kind::Unavailable`] with `gateway_starting`, `gateway_closed` or
    /// `gateway_silent`, [`Kind::Denied`] for a missing scope, [`Kind::Failed`] for a call that the gateway refused.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        loop {
            let id = self.request(method, params.clone()).await?;
            let fault = match self.answer(&id, method).await? {
                Response { error: Some(fault), .. } => fault,
                Response { payload, .. } => return Ok(payload.unwrap_or_default()),
            };
            let Some(wait) = startup_wait(&fault) else {
                return Err(explain(&self.named, Trouble::Fault(fault)));
            };
            if self.clock.elapsed() + wait >= self.limit {
                return Err(starting(&self.named, &fault.message));
            }
            sleep(wait).await;
        }
    }

    /// Sends a request and returns its id; its answers come through [`Session::next`].
    ///
    /// # Errors
    /// [`Kind::Unavailable`], code `gateway_closed`.
    pub async fn request(&mut self, method: &str, params: Value) -> Result<String> {
        let id = format!("r{}", self.next_id);
        self.next_id += 1;
        let traceparent = self.traceparent.clone();
        let request = Request { id: id.clone(), method: method.to_owned(), params, traceparent };
        let sent = timeout(self.left(), self.gateway.send(&Frame::Req(request))).await;
        match sent {
            Ok(sent) => sent.map_err(|trouble| explain(&self.named, trouble))?,
            Err(_) => return Err(late(&self.named, method, self.limit)),
        }
        Ok(id)
    }

    /// Waits for the next answer to `id`, within what is left of the time.
    ///
    /// # Errors
    /// As [`Session::call`]; a failed answer is no error here.
    pub async fn answer(&mut self, id: &str, method: &str) -> Result<Response> {
        let left = self.left();
        let waiting = async {
            loop {
                match self.frame().await? {
                    Incoming::Answer(response) if response.id == id => return Ok(response),
                    Incoming::Answer(_) => {}
                    Incoming::Event(event) => self.keep(event),
                }
            }
        };
        match timeout(left, waiting).await {
            Ok(answer) => answer,
            Err(_) => Err(late(&self.named, method, self.limit)),
        }
    }

    /// The next answer or event, however long it takes; kept events first. A connection on which nothing comes for
    /// two ticks is dead. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Kind::Unavailable`], code `gateway_silent` or `gateway_closed`.
    pub async fn next(&mut self) -> Result<Incoming> {
        if let Some(event) = self.events.as_mut().and_then(VecDeque::pop_front) {
            return Ok(Incoming::Event(event));
        }
        self.frame().await
    }

    /// Says goodbye; a gateway that does not listen costs no time.
    pub async fn close(self) {
        let _ = timeout(Duration::from_millis(100), self.gateway.close()).await;
    }

    async fn frame(&mut self) -> Result<Incoming> {
        loop {
            match timeout(self.silence, self.gateway.next()).await {
                Err(_) => {
                    let what = format!(
                        "{} has been silent for {} ms, and it ticks",
                        self.named.who,
                        self.silence.as_millis()
                    );
                    return Err(self.named.mark(Error::new(Kind::Unavailable, "gateway_silent", what)));
                }
                Ok(Err(trouble)) => return Err(explain(&self.named, trouble)),
                Ok(Ok(Frame::Res(response))) => return Ok(Incoming::Answer(response)),
                Ok(Ok(Frame::Event(event))) => return Ok(Incoming::Event(event)),
                Ok(Ok(Frame::Req(_))) => {}
            }
        }
    }

    fn keep(&mut self, event: Event) {
        if let Some(events) = &mut self.events {
            if events.len() == KEPT_EVENTS_MAX {
                events.pop_front();
            }
            events.push_back(event);
        }
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.clock.elapsed())
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Stop {
        Stop::Trouble(trouble)
    }
}
