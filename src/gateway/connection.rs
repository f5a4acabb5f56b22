//! An open connection as everyone else in the gateway sees it: who is on the other side, what it may, and a way to
//! tell it something that concerns it alone.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

use serde_json::Value;
use tokio::sync::mpsc;

use super::admission::{Grant, Peer};
use crate::wire::connect::Client;
use crate::wire::{Fault, Frame};

/// Letters that may wait for one connection; more are those of a peer that does not read.
const LETTERS_MAX: usize = 1024;
/// The cap of a client that hears of the sessions that it subscribed to and of no others.
const CHOOSES_SESSIONS: &str = "session-scoped-events";

/// Code of the close that follows a revoked credential.
pub const REVOKED: u16 = 4001;

/// Something for one connection alone.
#[derive(Debug)]
pub enum Letter {
    /// A frame as it is to be sent.
    Frame(String),
    /// The end of the connection, with code and reason.
    Close(u16, String),
}

/// Who is on the other side of an open connection.
#[derive(Debug)]
pub struct Connection {
    /// Its id.
    pub id: String,
    /// What it was granted.
    pub grant: Grant,
    /// The client program, as it names itself.
    pub client: Client,
    /// What the client says that it can.
    pub caps: Vec<String>,
    /// Where it speaks from.
    pub peer: Peer,
    /// The sessions whose events it asked for.
    pub sessions: RefCell<HashSet<String>>,
    letters: mpsc::UnboundedSender<Letter>,
    waiting: Cell<usize>,
    revoked: Cell<Option<&'static str>>,
}

/// What a connection is told, on its own side.
pub type Letters = mpsc::UnboundedReceiver<Letter>;

impl Connection {
    /// A connection, and what it will be told.
    pub fn new(id: &str, grant: Grant, client: Client, caps: Vec<String>, peer: Peer) -> (Rc<Self>, Letters) {
        let (letters, told) = mpsc::unbounded_channel();
        let (sessions, waiting, revoked) = (RefCell::default(), Cell::new(0), Cell::new(None));
        let connection =
            Connection { id: id.into(), grant, client, caps, peer, sessions, letters, waiting, revoked };
        (Rc::new(connection), told)
    }

    /// Tells it of an event that concerns it alone; such events are not numbered. False when it is gone.
    pub fn tell(&self, event: &str, payload: Value) -> bool {
        self.post(Letter::Frame(Frame::event(event, payload).to_text()))
    }

    /// Answers the call `id` ahead of its last answer.
    pub fn answer(&self, id: &str, payload: Value) -> bool {
        self.post(Letter::Frame(Frame::success(id, payload).to_text()))
    }

    /// Ends it.
    pub fn close(&self, code: u16, reason: &str) {
        // One that is gone already needs no end.
        let _ = self.letters.send(Letter::Close(code, reason.into()));
    }

    /// Ends it because its credential counts no more; nothing is taken from it from here on. `answered` is for the
    /// connection that asked for that itself: it ends with the next answer.
    pub fn revoke(&self, reason: &'static str, answered: bool) {
        self.revoked.set(Some(reason));
        if !answered {
            self.close(REVOKED, reason);
        }
    }

    /// Why it ends, where its credential counts no more.
    pub fn revoked(&self) -> Option<&'static str> {
        self.revoked.get()
    }

    fn post(&self, letter: Letter) -> bool {
        self.waiting.set(self.waiting.get() + 1);
        if self.waiting.get() > LETTERS_MAX {
            self.close(1008, "slow consumer");
            return false;
        }
        self.letters.send(letter).is_ok()
    }

    /// Notes that a letter was taken out.
    pub fn taken(&self) {
        self.waiting.set(self.waiting.get().saturating_sub(1));
    }

    /// Whether it hears what concerns the session `key`.
    pub fn follows(&self, key: &str) -> bool {
        let chooses = self.caps.iter().any(|cap| cap == CHOOSES_SESSIONS);
        !chooses || self.sessions.borrow().contains(key)
    }

    /// Whether it has `scope`, by itself or by one that stands for it.
    pub fn may(&self, scope: &str) -> bool {
        super::scope::covers(&self.grant.scopes, scope)
    }

    /// The same, as a condition.
    ///
    /// # Errors
    /// `FORBIDDEN`, naming the scope.
    pub fn need(&self, scope: &str) -> Result<(), Fault> {
        if self.may(scope) { Ok(()) } else { Err(super::scope::missing(scope)) }
    }
}
