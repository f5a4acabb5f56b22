//! The approvals that are asked for, and what became of those of a short while ago: pure. Each operation is told what
//! time it is.
//!
//! | state \ event | decide | time is up | withdraw | use |
//! | --- | --- | --- | --- | --- |
//! | waiting | decided | ended | ended | no |
//! | decided: allow once | same or refused | forgotten a grace later | - | once |
//! | decided: allow always | same or refused | forgotten a grace later | - | until then |
//! | decided: deny | same or refused | forgotten a grace later | - | no |
//! | ended | no | forgotten a grace later | - | no |

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::bound::Bound;
use crate::base::Moment;

/// How long what was decided, or has ended, can be looked up and used.
pub const GRACE: Duration = Duration::from_secs(15);
/// Approvals that may wait at a time.
pub const WAITING_MAX: usize = 128;
/// Of those, the ones of a single asker.
pub const ASKER_MAX: usize = 32;

/// What is decided about an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may be run this once.
    AllowOnce,
    /// It may be run, and the same again without asking, where its node's owner lets others decide that.
    AllowAlways,
    /// It may not be run.
    Deny,
}

impl Decision {
    /// The protocol's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Decision::AllowOnce => "allow-once",
            Decision::AllowAlways => "allow-always",
            Decision::Deny => "deny",
        }
    }

    /// The decision behind the protocol's word.
    pub fn read(word: &str) -> Option<Decision> {
        [Decision::AllowOnce, Decision::AllowAlways, Decision::Deny]
            .into_iter()
            .find(|decision| decision.as_str() == word)
    }
}

/// Who asks for an approval; nobody else uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Someone at a connection: by the device, and without one by the connection itself.
    Connection {
        /// The device.
        device: Option<String>,
        /// The connection.
        connection: String,
    },
    /// The gateway's own agent, in this run.
    Run(String),
}

impl Asker {
    /// Whether both are the same one.
    pub fn is(&self, other: &Asker) -> bool {
        match (self, other) {
            (Asker::Run(one), Asker::Run(other)) => one == other,
            (
                Asker::Connection { device, connection },
                Asker::Connection { device: device2, connection: connection2 },
            ) => match (device, device2) {
                (Some(one), Some(other)) => one == other,
                (None, None) => connection == connection2,
                _ => false,
            },
            _ => false,
        }
    }
}

/// Why an approval ended without a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nobody decided in time.
    Timeout,
    /// Nobody is there who could decide.
    NoRoute,
    /// Who waited for it does not wait any more.
    Aborted,
}

impl End {
    /// The protocol's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            End::Timeout => "timeout",
            End::NoRoute => "no-route",
            End::Aborted => "run-aborted",
        }
    }
}

/// How far an approval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has decided yet.
    Waiting,
    /// It is decided; `used` once it was used up.
    Decided {
        /// How.
        decision: Decision,
        /// When.
        at: Moment,
        /// Whether it was used up.
        used: bool,
    },
    /// It ended without a decision.
    Ended {
        /// Why.
        end: End,
        /// When.
        at: Moment,
    },
}

/// An approval.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Who asks for it.
    pub asker: Asker,
    /// What it is bound to; none where nothing is run on a node.
    pub bound: Option<Bound>,
    /// The same in the words of the protocol.
    pub request: Value,
    /// What may be decided.
    pub allowed: Vec<Decision>,
    /// Until when it can be decided, and used.
    pub until: Moment,
    /// When it was asked for, in milliseconds since the epoch.
    pub created_at_ms: u64,
    /// The same as `until`.
    pub expires_at_ms: u64,
    /// How far it is.
    pub state: State,
}

impl Record {
    /// Whether nobody has decided yet.
    pub fn waits(&self) -> bool {
        self.state == State::Waiting
    }
}

/// Why an approval cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The id is one of another.
    Taken,
    /// Too many wait.
    Full,
}

/// What a text stands for.
#[derive(Debug)]
pub enum Found<'a> {
    /// That approval.
    One(&'a Record),
    /// Several begin so.
    Many,
    /// Nothing.
    None,
}

/// What came of deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is decided.
    Now,
    /// It was decided so before.
    Before,
    /// It was decided otherwise before, or has ended.
    Otherwise,
    /// That is no decision for this one.
    NotOffered,
    /// It is not there, or no more.
    Gone,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Book {
    records: HashMap<String, Record>,
}

impl Book {
    /// Takes in a new one.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn open(&mut self, record: Record, now: Moment) -> Result<(), Refused> {
        self.settle(now);
        if self.records.contains_key(&record.id) {
            return Err(Refused::Taken);
        }
        let waiting = || self.records.values().filter(|other| other.waits());
        let own = waiting().filter(|other| other.asker.is(&record.asker)).count();
        if waiting().count() >= WAITING_MAX || own >= ASKER_MAX {
            return Err(Refused::Full);
        }
        self.records.insert(record.id.clone(), record);
        Ok(())
    }

    /// The one of exactly that id.
    pub fn find(&mut self, id: &str, now: Moment) -> Option<&Record> {
        self.settle(now);
        self.records.get(id)
    }

    /// The one that a text stands for, among those that fit: its id, or the beginning of it in letters of any case.
    pub fn look(&mut self, text: &str, now: Moment, fits: impl Fn(&Record) -> bool) -> Found<'_> {
        self.settle(now);
        let text = text.trim();
        if let Some(record) = self.records.get(text) {
            return if fits(record) { Found::One(record) } else { Found::None };
        }
        let begins = |record: &&Record| {
            let start = record.id.get(..text.len());
            !text.is_empty() && start.is_some_and(|start| start.eq_ignore_ascii_case(text)) && fits(record)
        };
        let mut found = self.records.values().filter(begins);
        match (found.next(), found.next()) {
            (Some(record), None) => Found::One(record),
            (Some(_), Some(_)) => Found::Many,
            _ => Found::None,
        }
    }

    /// Those that wait, the first one first.
    pub fn waiting(&mut self, now: Moment) -> Vec<&Record> {
        self.settle(now);
        let mut waiting: Vec<&Record> = self.records.values().filter(|record| record.waits()).collect();
        waiting.sort_by(|one, other| (one.created_at_ms, &one.id).cmp(&(other.created_at_ms, &other.id)));
        waiting
    }

    /// Decides about one.
    pub fn decide(&mut self, id: &str, decision: Decision, now: Moment) -> Decided {
        self.settle(now);
        let Some(record) = self.records.get_mut(id) else { return Decided::Gone };
        match record.state {
            State::Waiting if !record.allowed.contains(&decision) => Decided::NotOffered,
            State::Waiting => {
                record.state = State::Decided { decision, at: now, used: false };
                Decided::Now
            }
            State::Decided { decision: before, .. } if before == decision => Decided::Before,
            State::Decided { .. } | State::Ended { .. } => Decided::Otherwise,
        }
    }

    /// Ends one that waits, without a decision; whether it did.
    pub fn end(&mut self, id: &str, end: End, now: Moment) -> bool {
        self.settle(now);
        let waiting = self.records.get_mut(id).filter(|record| record.waits());
        waiting.is_some_and(|record| {
            record.state = State::Ended { end, at: now };
            true
        })
    }

    /// Uses one: what it allows, if anything. What allows once allows nothing afterwards.
    pub fn redeem(&mut self, id: &str, now: Moment) -> Option<Decision> {
        self.settle(now);
        let record = self.records.get_mut(id).filter(|record| now <= record.until)?;
        match &mut record.state {
            State::Decided { decision: Decision::AllowOnce, used, .. } => {
                (!std::mem::replace(used, true)).then_some(Decision::AllowOnce)
            }
            State::Decided { decision: Decision::AllowAlways, .. } => Some(Decision::AllowAlways),
            State::Decided { decision: Decision::Deny, .. } | State::Waiting | State::Ended { .. } => None,
        }
    }

    /// Ends those whose time is up, and forgets those that ended a grace ago.
    fn settle(&mut self, now: Moment) {
        for record in self.records.values_mut().filter(|record| record.waits() && now >= record.until) {
            record.state = State::Ended { end: End::Timeout, at: record.until };
        }
        self.records.retain(|_, record| match record.state {
            State::Waiting => true,
            State::Decided { at, .. } | State::Ended { at, .. } => now - at < GRACE,
        });
    }
}

#[cfg(test)]
mod tests;
