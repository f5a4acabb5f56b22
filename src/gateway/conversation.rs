//! An open connection: calls come in, answers and events go out, until one of the two ends it. Answers go out
//! in order of completion; events are numbered per connection, so that a gap tells of what was dropped.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast::error::RecvError;

use super::connection::{Letter, REVOKED};
use super::dispatch::{self, Verdict};
use super::hub::{AUTH_CHANGED, Announcement, Hub, SHUTDOWN};
use super::method::{Call, Method, health};
use super::session::{Ending, Open, going_down, locked_out};
use crate::host::clock;
use crate::link::ws::{Incoming, Ws};
use crate::wire::{Event, Fault, Frame, fault, limits};

/// Calls of one connection that may be under way.
const CALLS_MAX: usize = 256;
/// Bytes that those calls may have brought along.
const CALL_BYTES_MAX: usize = limits::BUFFERED_MAX;
/// How soon a call may be repeated that found too many others, in milliseconds.
const BUSY_RETRY_MS: u64 = 1000;

/// A call under way: its answer, and the bytes that it brought along.
type Running = Pin<Box<dyn Future<Output = (String, usize)>>>;

/// An open connection.
pub struct Conversation<'a, S> {
    hub: &'a Rc<Hub>,
    ws: &'a mut Ws<S>,
    open: Open,
    running: FuturesUnordered<Running>,
    running_bytes: usize,
    wrong_role: u32,
    seq: u64,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Conversation<'a, S> {
    /// Begins where the handshake ended.
    pub fn new(hub: &'a Rc<Hub>, ws: &'a mut Ws<S>, open: Open) -> Self {
        let running = FuturesUnordered::new();
        Conversation { hub, ws, open, running, running_bytes: 0, wrong_role: 0, seq: 0 }
    }

    /// Goes on until it ends.
    pub async fn run(mut self) -> Ending {
        match self.converse().await {
            Ok(never) => match never {},
            Err(ending) => ending,
        }
    }

    async fn converse(&mut self) -> Result<Infallible, Ending> {
        let mut ping = clock::every(self.hub.options.limits.ping);
        let mut answered = true;
        self.hear(&health::announcement(self.hub))?;
        loop {
            tokio::select! {
                incoming = self.ws.recv() => match incoming? {
                    Incoming::Data(frame) => self.take(&frame)?,
                    Incoming::Pong => answered = true,
                    Incoming::Ping => {}
                    Incoming::Close(code, _) => {
                        return Err(Ending::Gone(format!("closed by peer with {code}")));
                    }
                },
                Some(letter) = self.open.letters.recv() => self.pass(letter)?,
                Some((answer, bytes)) = self.running.next() => {
                    self.running_bytes -= bytes;
                    // What a call said and caused ahead of its last answer goes out ahead of it.
                    while let Ok(letter) = self.open.letters.try_recv() {
                        self.pass(letter)?;
                    }
                    while let Ok(announcement) = self.open.heard.try_recv() {
                        self.announced(Ok(announcement))?;
                    }
                    self.say(answer)?;
                    self.part()?;
                }
                announced = self.open.heard.recv() => self.announced(announced)?,
                _ = ping.tick() => {
                    if !std::mem::take(&mut answered) {
                        return Err(Ending::Gone("no pong".into()));
                    }
                    self.ws.ping();
                }
            }
        }
    }

    /// Takes what was announced to all.
    fn announced(&mut self, announced: Result<Rc<Announcement>, RecvError>) -> Result<(), Ending> {
        if self.is_outdated() {
            return Err(locked_out());
        }
        match announced {
            Ok(announcement) => {
                if announcement.event != SHUTDOWN {
                    return self.hear(&announcement);
                }
                // What has been answered by now is still said.
                while let Ok(letter) = self.open.letters.try_recv() {
                    self.pass(letter)?;
                }
                while let Some(Some((answer, _))) = self.running.next().now_or_never() {
                    self.say(answer)?;
                }
                self.hear(&announcement)?;
                Err(going_down())
            }
            Err(RecvError::Lagged(missed)) => {
                self.seq += missed;
                Ok(())
            }
            Err(RecvError::Closed) => Err(going_down()),
        }
    }

    /// Whether it came in by a shared credential that is another one now.
    fn is_outdated(&self) -> bool {
        self.open.epoch != self.hub.epoch() && self.open.connection.grant.by.is_shared()
    }

    /// Passes on what this connection alone is told.
    fn pass(&mut self, letter: Letter) -> Result<(), Ending> {
        self.open.connection.taken();
        match letter {
            Letter::Frame(text) => self.say(text),
            Letter::Close(code, reason) => Err(Ending::Close(code, reason)),
        }
    }

    /// Ends where the credential counts no more.
    fn part(&self) -> Result<(), Ending> {
        match self.open.connection.revoked() {
            Some(reason) => Err(Ending::Close(REVOKED, reason.into())),
            None => Ok(()),
        }
    }

    /// Takes a frame from the peer.
    fn take(&mut self, frame: &Bytes) -> Result<(), Ending> {
        self.part()?;
        match dispatch::judge(frame, &self.open.connection.grant, &self.hub.table, &mut self.wrong_role) {
            Verdict::Ignore => {
                let bytes = frame.len();
                tracing::warn!(target: "gateway/ws", conn = self.open.connection.id, bytes, "a frame that is not JSON");
                Ok(())
            }
            Verdict::Answer(answer) => self.say(answer),
            Verdict::AnswerAndClose(answer) => {
                self.say(answer)?;
                Err(Ending::Close(1008, "repeated unauthorized calls".into()))
            }
            Verdict::Run(method, id, params) => self.start(method, id, params, frame.len()),
        }
    }

    fn start(
        &mut self,
        method: &Method,
        id: String,
        params: serde_json::Value,
        bytes: usize,
    ) -> Result<(), Ending> {
        if self.running.len() >= CALLS_MAX || self.running_bytes + bytes > CALL_BYTES_MAX {
            let fault = Fault::new(fault::UNAVAILABLE, "The server is busy; retry shortly")
                .retry_after(BUSY_RETRY_MS);
            return self.say(Frame::failure(id, fault).to_text());
        }
        if let Err(fault) = self.hub.spend(method.name, &self.open.connection) {
            return self.say(Frame::failure(id, *fault).to_text());
        }
        let connection = Rc::clone(&self.open.connection);
        let call = Call { hub: Rc::clone(self.hub), connection, id: id.clone(), params };
        let answer = (method.run)(call);
        self.running_bytes += bytes;
        self.running.push(Box::pin(async move {
            let frame = match answer.await {
                Ok(payload) => Frame::success(id, payload),
                Err(fault) => Frame::failure(id, fault),
            };
            (frame.to_text(), bytes)
        }));
        Ok(())
    }

    /// Sends an answer. It cannot be dropped, so a peer that does not read its answers is closed.
    fn say(&mut self, text: String) -> Result<(), Ending> {
        if !self.fits(&text) {
            return Err(Ending::Abort(1008, "slow consumer"));
        }
        self.ws.push(text);
        Ok(())
    }

    /// Passes an announcement on to a peer that may hear it. A slow one misses it, and sees the gap.
    fn hear(&mut self, announcement: &Announcement) -> Result<(), Ending> {
        let connection = &self.open.connection;
        if announcement.event == AUTH_CHANGED {
            return Ok(());
        }
        let allowed = announcement.scope.is_none_or(|scope| connection.may(scope));
        if !allowed || announcement.session.as_ref().is_some_and(|key| !connection.follows(key)) {
            return Ok(());
        }
        self.seq += 1;
        let versions = announcement.versioned.then(|| self.hub.versions());
        let text = Event::text(announcement.event, &announcement.payload, self.seq, versions);
        if self.fits(&text) {
            self.ws.push(text);
        }
        Ok(())
    }

    fn fits(&self, text: &str) -> bool {
        self.ws.queued_bytes() + text.len() <= self.hub.options.limits.buffered
    }
}
