//! Which questions are open, and whose turn it is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use super::Outcome;
use super::run::Run;

/// Questions of one session that may wait.
const WAITING_MAX: usize = 32;
/// Questions of all sessions that may be open.
const OPEN_MAX: usize = 256;

/// A session's turn; whoever holds it answers.
pub type Turn = OwnedMutexGuard<()>;

/// The agent's own state.
#[derive(Debug, Default)]
pub struct Agent {
    runs: RefCell<HashMap<String, Rc<Run>>>,
    turns: RefCell<HashMap<String, std::sync::Arc<Mutex<()>>>>,
    changed: Notify,
}

impl Agent {
    /// The open run of that id.
    pub fn find(&self, id: &str) -> Option<Rc<Run>> {
        self.runs.borrow().get(id).cloned()
    }

    /// The open runs of a session, the oldest first.
    pub fn of_session(&self, key: &str) -> Vec<Rc<Run>> {
        let runs = self.runs.borrow();
        let mut runs: Vec<Rc<Run>> = runs.values().filter(|run| run.session_key == key).cloned().collect();
        runs.sort_by_key(|run| run.accepted_at);
        runs
    }

    /// How many runs are open.
    pub fn open_count(&self) -> usize {
        self.runs.borrow().len()
    }

    /// Waits until a run was opened or has ended.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Waits until no run is open.
    pub async fn idle(&self) {
        loop {
            let changed = self.changed();
            tokio::pin!(changed);
            // What ends while it is counted is seen all the same.
            changed.as_mut().enable();
            if self.open_count() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Opens a run; none when too many wait already.
    pub fn open(&self, id: &str, session_key: &str, now: u64) -> Option<Rc<Run>> {
        if self.open_count() >= OPEN_MAX || self.of_session(session_key).len() >= WAITING_MAX {
            return None;
        }
        let run = Rc::new(Run::new(id, session_key, now));
        self.runs.borrow_mut().insert(id.to_owned(), Rc::clone(&run));
        self.changed.notify_waiters();
        Some(run)
    }

    /// Takes a run off the list and tells whoever waits for it what came of it.
    pub fn close(&self, run: &Run, outcome: Outcome) {
        self.runs.borrow_mut().remove(&run.id);
        if !self.runs.borrow().values().any(|other| other.session_key == run.session_key) {
            self.turns.borrow_mut().remove(&run.session_key);
        }
        run.end(outcome);
        self.changed.notify_waiters();
    }

    /// Waits for the turn of a session; they come in the order in which they were asked for.
    pub async fn turn(&self, session_key: &str) -> Turn {
        let turn = std::sync::Arc::clone(self.turns.borrow_mut().entry(session_key.to_owned()).or_default());
        turn.lock_owned().await
    }
}
