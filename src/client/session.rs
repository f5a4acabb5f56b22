//! An open connection to a gateway, with a deadline for answers and a watchdog for silence. Answers are matched by
//! their id alone: they come in order of completion, and one call may have two (`agent`: accepted, then final).

use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::explain::{Named, Stop, explain, late, starting, startup_wait};
use crate::base::{Error, Kind, Result};
use crate::host::clock::Stopwatch;
use crate::link::gateway::{Gateway, Trouble};
use crate::wire::{Event, Frame, HelloOk, Request, Response};

/// How long a request whose answer nobody waits for may take to be sent.
const TELL_LIMIT: Duration = Duration::from_secs(10);

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
}

impl Session {
    pub(super) fn new(gateway: Gateway, named: Named, clock: Stopwatch, limit: Duration) -> Session {
        // No word within two ticks: the other end is gone, whatever TCP says.
        let tick = Duration::from_millis(gateway.hello.policy.tick_interval_ms.max(1000));
        Session { gateway, named, next_id: 1, clock, limit, silence: tick * 2, traceparent: None }
    }

    pub(super) fn trace(&mut self, traceparent: Option<String>) {
        // Older gateways refuse what their schema does not have.
        self.traceparent = traceparent.filter(|_| self.hello().protocol >= crate::wire::limits::PROTOCOL);
    }

    /// What the gateway granted.
    pub fn hello(&self) -> &HelloOk {
        &self.gateway.hello
    }

    /// Gives what follows `limit` to take; without it all calls share what the connection was given.
    pub fn allow(&mut self, limit: Duration) {
        self.limit = limit;
        self.clock = Stopwatch::start();
    }

    /// Calls `method` and waits for its first answer; a gateway whose sidecars still start is asked again.
    ///
    /// # Errors
    /// [`Kind::Deadline`] with code `gateway_slow`, [`Kind::Unavailable`] with `gateway_starting`, `gateway_closed` or
    /// `gateway_silent`, [`Kind::Denied`] for a missing scope, [`Kind::Failed`] for a call that the gateway refused.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.ask(method, params, |_| true, &mut |_| ()).await
    }

    /// Calls `method` and waits for its last answer: the second one of a method that first says that it was accepted.
    /// `watch` sees what comes on the way, that first answer and every event. The gateway is asked again as by
    /// [`Session::call`], and a failed answer is told in the same words. Dropping the future leaves the connection
    /// usable.
    ///
    /// # Errors
    /// As [`Session::call`], for either answer.
    pub async fn follow(
        &mut self,
        method: &str,
        params: Value,
        watch: &mut dyn FnMut(&Incoming),
    ) -> Result<Value> {
        self.ask(method, params, |payload| payload["status"] != "accepted", watch).await
    }

    async fn ask(
        &mut self,
        method: &str,
        params: Value,
        is_last: fn(&Value) -> bool,
        watch: &mut dyn FnMut(&Incoming),
    ) -> Result<Value> {
        loop {
            let id = self.request(method, params.clone()).await?;
            let mut is_begun = false;
            let fault = loop {
                let answer = self.answer(&id, method, watch).await?;
                let payload = match answer {
                    Response { error: Some(fault), .. } => break fault,
                    Response { ref payload, .. } => payload.clone().unwrap_or_default(),
                };
                if is_last(&payload) {
                    return Ok(payload);
                }
                is_begun = true;
                watch(&Incoming::Answer(answer));
            };
            // What has begun is never begun a second time.
            let Some(wait) = startup_wait(&fault).filter(|_| !is_begun) else {
                return Err(explain(&self.named, Trouble::Fault(fault)));
            };
            if self.clock.elapsed() + wait >= self.limit {
                return Err(starting(&self.named, &fault.message));
            }
            sleep(wait).await;
        }
    }

    /// Sends a request and returns its id.
    async fn request(&mut self, method: &str, params: Value) -> Result<String> {
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
    async fn answer(&mut self, id: &str, method: &str, watch: &mut dyn FnMut(&Incoming)) -> Result<Response> {
        let left = self.left();
        let waiting = async {
            loop {
                match self.frame().await? {
                    Incoming::Answer(response) if response.id == id => return Ok(response),
                    Incoming::Answer(_) => {}
                    event => watch(&event),
                }
            }
        };
        match timeout(left, waiting).await {
            Ok(answer) => answer,
            Err(_) => Err(late(&self.named, method, self.limit)),
        }
    }

    /// Sends a request whose answer nobody waits for here.
    ///
    /// # Errors
    /// As [`Session::call`], for the way there.
    pub async fn tell(&mut self, method: &str, params: Value) -> Result<()> {
        self.allow(TELL_LIMIT);
        self.request(method, params).await.map(drop)
    }

    /// The next thing that comes, whenever that is; dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when the connection has ended, or is silent for longer than the gateway ticks.
    pub async fn next(&mut self) -> Result<Incoming> {
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

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.clock.elapsed())
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Stop {
        Stop::Trouble(trouble)
    }
}
