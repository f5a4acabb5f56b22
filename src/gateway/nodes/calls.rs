//! The open calls on nodes, and the answers of those that ended a short while ago: a call that comes again under its
//! idempotency key joins the first one, or has its answer.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot, watch};

use crate::base::Moment;
use crate::gateway::connection::Connection;
use crate::gateway::hub::Hub;
use crate::wire::{Fault, fault};

/// Calls that may be open on one node.
const NODE_MAX: usize = 64;
/// Calls that may be open on all of them.
const ALL_MAX: usize = 512;
/// How long an answer is kept for a call that comes again.
const KEPT_FOR: Duration = Duration::from_secs(5 * 60);
/// Answers that are kept.
const KEPT_MAX: usize = 1024;
/// Bytes of them.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How soon a call may be repeated that found too many others, in milliseconds.
const BUSY_RETRY_MS: u64 = 1000;
/// Longest part of an output that a node sends ahead, in bytes.
const CHUNK_MAX: usize = 16_384;

/// What became of a call on its node.
#[derive(Debug, PartialEq)]
pub enum Told {
    /// The node did it.
    Done(Value),
    /// The node, or its absence, says why not: code and sentence.
    Failed(Option<String>, Option<String>),
}

/// How a call ended, once it has.
pub type Outcome = watch::Receiver<Option<Rc<Result<Value, Fault>>>>;

/// Node and idempotency key.
pub type Key = (String, String);

/// The open calls and the kept answers.
#[derive(Debug, Default)]
pub struct Calls {
    open: HashMap<String, Open>,
    kept: HashMap<Key, Kept>,
    ended: VecDeque<(Key, Moment, usize)>,
    ended_bytes: usize,
}

#[derive(Debug)]
struct Open {
    connection: String,
    node: String,
    done: oneshot::Sender<Told>,
    stirred: Rc<Notify>,
}

#[derive(Debug)]
struct Kept {
    fingerprint: [u8; 32],
    outcome: Outcome,
}

/// An open call, as the one sees it that waits for it.
#[derive(Debug)]
pub struct Waiting {
    /// What becomes of it.
    pub done: oneshot::Receiver<Told>,
    /// Woken at each sign of progress.
    pub stirred: Rc<Notify>,
}

impl Calls {
    /// The call of that key, open or ended.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where it was another call.
    pub fn join(&self, key: &Key, fingerprint: &[u8; 32]) -> Result<Option<Outcome>, Fault> {
        match self.kept.get(key) {
            Some(kept) if kept.fingerprint == *fingerprint => Ok(Some(kept.outcome.clone())),
            Some(_) => {
                let what = "idempotencyKey was used for another command or other params of this node";
                Err(Fault::invalid(what).details(json!({ "code": "IDEMPOTENCY_KEY_REUSED" })))
            }
            None => Ok(None),
        }
    }

    /// Whether one more call may be opened on a node.
    ///
    /// # Errors
    /// `UNAVAILABLE`, worth trying again soon.
    pub fn has_room(&self, node: &str) -> Result<(), Fault> {
        let here = self.open.values().filter(|open| open.node == node).count();
        if here < NODE_MAX && self.open.len() < ALL_MAX {
            return Ok(());
        }
        let busy = Fault::new(fault::UNAVAILABLE, "too many calls are open on this node; retry shortly");
        Err(busy.details(json!({ "code": "NODE_BUSY" })).retry_after(BUSY_RETRY_MS))
    }

    /// Opens a call under `id` on a node's connection.
    pub fn open(&mut self, id: &str, node: &str, connection: &Connection) -> Waiting {
        let (done, told) = oneshot::channel();
        let stirred = Rc::new(Notify::new());
        let open =
            Open { connection: connection.id.clone(), node: node.into(), done, stirred: Rc::clone(&stirred) };
        self.open.insert(id.into(), open);
        Waiting { done: told, stirred }
    }

    /// Nobody waits for it any more.
    pub fn close(&mut self, id: &str) {
        self.open.remove(id);
    }

    /// Keeps the way to a call's outcome.
    pub fn keep(&mut self, key: Key, fingerprint: [u8; 32], outcome: Outcome) {
        self.kept.insert(key, Kept { fingerprint, outcome });
    }

    /// Notes that a kept call ended with so many bytes, and lets go of the oldest beyond what is kept.
    pub fn ended(&mut self, key: Key, bytes: usize, now: Moment) {
        self.ended.push_back((key, now, bytes));
        self.ended_bytes += bytes;
        while let Some((_, at, _)) = self.ended.front() {
            let old = now - *at > KEPT_FOR;
            if !old && self.ended.len() <= KEPT_MAX && self.ended_bytes <= KEPT_BYTES_MAX {
                break;
            }
            if let Some((key, _, bytes)) = self.ended.pop_front() {
                self.ended_bytes -= bytes;
                self.kept.remove(&key);
            }
        }
    }

    /// Takes out the open call that a connection may speak of.
    fn take(&mut self, id: &str, connection: &str) -> Option<Open> {
        if self.open.get(id)?.connection != connection {
            return None;
        }
        self.open.remove(id)
    }
}

/// A node tells what became of a call; false when nobody waits for that.
pub fn result(hub: &Hub, connection: &Connection, id: &str, told: Told) -> bool {
    let open = hub.nodes.calls.borrow_mut().take(id, &connection.id);
    open.is_some_and(|open| open.done.send(told).is_ok())
}

/// A node shows that it is still at it; false when nobody waits for that.
///
/// # Errors
/// `INVALID_REQUEST` where the part of the output is too long.
pub fn progress(hub: &Hub, connection: &Connection, id: &str, chunk: &str) -> Result<bool, Fault> {
    if chunk.len() > CHUNK_MAX {
        return Err(Fault::invalid("progress chunk too large"));
    }
    let calls = hub.nodes.calls.borrow();
    let open = calls.open.get(id).filter(|open| open.connection == connection.id);
    if let Some(open) = open {
        open.stirred.notify_one();
    }
    Ok(open.is_some())
}

/// Fails at once whatever is open on a connection that has ended or does not count any more.
pub fn disconnected(hub: &Hub, connection: &str) {
    let ended: Vec<Open> = {
        let mut calls = hub.nodes.calls.borrow_mut();
        calls.open.extract_if(|_, open| open.connection == connection).map(|(_, open)| open).collect()
    };
    for open in ended {
        // The one that waits adds which command it was.
        let _ = open.done.send(Told::Failed(Some("DISCONNECTED".into()), None));
    }
}
