//! What reaches the driver: orders from the control socket, and word from its own tasks.

use std::path::PathBuf;

use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::Setup;
use super::journal::Journal;
use super::kept_config::Restored;
use super::member::View;
use super::prepare::Prepared;
use super::ready::{Look, Seen};
use crate::access::peer::Led;
use crate::base::record::{ProfileStatus, SupervisorStatus};
use crate::base::{Exit, ProfileName, Result};
use crate::supervise::Run;
use crate::supervise::budget::Outer;

/// An order from the control socket, with the way back.
pub enum Order {
    /// Start, stop or restart one profile, which comes up after others; the answer follows it.
    Profile(Verb, ProfileName, Vec<ProfileName>, oneshot::Sender<Result<watch::Receiver<View>>>),
    /// Let go of one profile that does not run.
    Forget(ProfileName, oneshot::Sender<Result<()>>),
    /// The status of every profile, or of one, with fresh figures.
    List(Option<ProfileName>, oneshot::Sender<Vec<ProfileStatus>>),
    /// Every run that goes on.
    Runs(oneshot::Sender<Vec<Led>>),
    /// The profile whose gateway is the process of this pid.
    LedBy(u32, oneshot::Sender<Option<ProfileName>>),
    /// The supervisor itself.
    Status(oneshot::Sender<SupervisorStatus>),
    /// Leave the gateways to this successor once the answer is on its way.
    HandOver(Successor, oneshot::Sender<Result<()>>),
    /// Stop every gateway, keep the intents, end.
    Shutdown,
}

/// Who watches over the gateways next.
pub enum Successor {
    /// This program, in this very process.
    Program(PathBuf),
    /// The supervisor of a service, which waits for the claim.
    Service,
}

/// What to do with one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Up.
    Start,
    /// Down.
    Stop,
    /// Down and up as one.
    Restart,
}

/// The way to the driver, for the tasks that serve orders.
#[derive(Clone)]
pub struct Orders {
    notes: mpsc::UnboundedSender<Note>,
    journal: Journal,
    setup: Setup,
    alerts: broadcast::Sender<Value>,
    changes: broadcast::Sender<ProfileStatus>,
}

impl Orders {
    /// The way to the driver that reads `notes`, writes `journal` and tells its `alerts` and `changes`.
    pub fn new(
        notes: mpsc::UnboundedSender<Note>,
        journal: Journal,
        setup: Setup,
        alerts: broadcast::Sender<Value>,
        changes: broadcast::Sender<ProfileStatus>,
    ) -> Self {
        Orders { notes, journal, setup, alerts, changes }
    }

    /// What the supervisor was told when it began.
    pub fn setup(&self) -> Setup {
        self.setup.clone()
    }

    /// Hears of every incident from now on.
    pub fn alerts(&self) -> broadcast::Receiver<Value> {
        self.alerts.subscribe()
    }

    /// Hears of every change of a profile from now on.
    pub fn changes(&self) -> broadcast::Receiver<ProfileStatus> {
        self.changes.subscribe()
    }

    /// Hands an order over; a driver that has ended drops it, which its way back shows.
    pub fn send(&self, order: Order) {
        let _ = self.notes.send(Note::Order(order));
    }

    /// Waits until the intents of all orders so far are on disk.
    pub async fn saved(&self) {
        self.journal.flush().await;
    }
}

/// What reaches the driver from its own tasks and from the control socket.
pub enum Note {
    /// An order came.
    Order(Order),
    /// A launch was looked at, or refused.
    Prepared(ProfileName, Run, Box<Result<Prepared>>),
    /// The leader of an adopted run has ended.
    Gone(ProfileName, Run, Exit),
    /// A starting gateway waits for something else than before.
    Phase(ProfileName, Run, String),
    /// A starting gateway is ready.
    Ready(ProfileName, Run, Box<Seen>),
    /// A link stands, to a place that the profile's files have left meanwhile.
    Stale(ProfileName, Run),
    /// Who stops us, and how patient it is.
    Outer(Outer),
    /// What the trees of runs use, in bytes.
    Weighed(Vec<(ProfileName, Run, u64)>),
    /// How the files differ, with which the launch that follows is made, from those that worked last.
    Compared(ProfileName, Option<u64>),
    /// The probation of changed files may be over.
    Probation(ProfileName),
    /// The files that worked last were put back.
    RolledBack(ProfileName, Result<Vec<Restored>>),
    /// The evidence about a hung run was collected, into this file if one could be written.
    Hung(ProfileName, Run, Option<PathBuf>),
    /// The time of an alert command, by its pid, is over.
    AlertLate(ProfileName, u32),
    /// A later round of probes, by its number, came back.
    Probed(ProfileName, Run, u64, Box<Look>),
}
