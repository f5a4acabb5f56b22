//! What goes into the machine and what comes out of it: events and actions as data, and the numbers that
//! tell a late message from a current one.

use std::fmt;

use super::instance::Condition;
pub use crate::base::Exit;
use crate::base::Moment;

/// Counts the launches of one instance from 1; what belongs to an earlier one is stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run(pub u64);

impl Run {
    /// The launch after this one.
    pub const fn next(self) -> Run {
        Run(self.0 + 1)
    }
}

/// Names one arming of the instance's only timer; an earlier one that still fires is stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer(pub u64);

/// What happened to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The user wants it to run.
    WantUp,
    /// The user wants it not to run.
    WantDown,
    /// The supervisor ends: the run shall stop, the intent stays.
    Drain,
    /// The files that decide how it runs were changed: what was given up may succeed now.
    Changed,
    /// A run of an earlier supervisor was found alive and proved ours. The machine gives it a run number.
    Adopted,
    /// The child exists.
    Spawned {
        /// Of which launch.
        run: Run,
    },
    /// The child could not be made, or was refused before it was.
    SpawnFailed {
        /// Of which launch.
        run: Run,
        /// Whether trying again is pointless: a conflict, a missing program, bad configuration.
        permanent: bool,
    },
    /// The starting child showed that it gets on; extends its deadline.
    Progress {
        /// Of which launch.
        run: Run,
    },
    /// The child answers the protocol.
    Ready {
        /// Of which launch.
        run: Run,
    },
    /// A later probe's result.
    Probed {
        /// Of which launch.
        run: Run,
        /// Whether every layer answered.
        healthy: bool,
    },
    /// The child has ended by itself and left its place to a process of its own making, which goes on as the run
    /// after it.
    Replaced {
        /// Of which launch the one that ended was.
        run: Run,
    },
    /// The child is alive and does nothing: repeated lost probes and evidence say so.
    Hung {
        /// Of which launch.
        run: Run,
    },
    /// The leader ended *and* its process group is empty.
    Exited {
        /// Of which launch.
        run: Run,
        /// How the leader ended.
        exit: Exit,
    },
    /// The timer fired.
    Deadline {
        /// Which arming of it.
        timer: Timer,
    },
}

impl Event {
    /// The launch that a child's event belongs to; orders and deadlines belong to none.
    pub fn run(&self) -> Option<Run> {
        match *self {
            Event::Spawned { run }
            | Event::SpawnFailed { run, .. }
            | Event::Progress { run }
            | Event::Ready { run }
            | Event::Probed { run, .. }
            | Event::Hung { run }
            | Event::Replaced { run }
            | Event::Exited { run, .. } => Some(run),
            Event::WantUp
            | Event::WantDown
            | Event::Drain
            | Event::Changed
            | Event::Adopted
            | Event::Deadline { .. } => None,
        }
    }
}

/// Signals that the machine asks for; both go to the run's whole process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks to end.
    Terminate,
    /// Ends.
    Kill,
}

/// What the driver shall do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make the child; answer with `Spawned` or `SpawnFailed`, always one of them.
    Spawn {
        /// The number of this launch.
        run: Run,
    },
    /// Signal the run's process group.
    Signal {
        /// Whose.
        run: Run,
        /// Which.
        signal: Signal,
    },
    /// Set the instance's only timer; what it was set to before is void.
    Arm {
        /// To be given back with `Deadline`.
        timer: Timer,
        /// When it fires.
        at: Moment,
    },
    /// Clear the instance's only timer.
    Disarm,
    /// Begin to probe the run, and go on until it ends.
    Probe {
        /// Whose.
        run: Run,
    },
    /// State, phase or degradation changed: tell whoever watches.
    Publish,
    /// The intent changed: persist it before doing what follows.
    Save,
    /// Something that people should hear of.
    Report(Report),
}

/// Why a run did not last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It ended by itself.
    Exited(Exit),
    /// It was not ready when its start deadline passed.
    StartTimeout,
    /// It was alive and did nothing.
    Hung,
    /// It replaced itself more often than the hour's budget allows.
    Replaced,
    /// It could not be made.
    SpawnFailed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Exited(exit) => exit.fmt(f),
            Reason::StartTimeout => f.write_str("it was not ready before its start deadline passed"),
            Reason::Replaced => f.write_str("it replaced itself too often"),
            Reason::Hung => f.write_str("it was alive but answered nothing"),
            Reason::SpawnFailed => f.write_str("it could not be launched"),
        }
    }
}

/// Why no further attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// The child said that its configuration is invalid (exit 78).
    Configuration,
    /// The launch was refused for good.
    Refused,
    /// The restarts of an hour are used up.
    BudgetSpent {
        /// How many an hour has.
        restarts_per_hour: u32,
    },
    /// It always ends with the same words.
    SameLine {
        /// How often in a row it did.
        times: u32,
    },
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GiveUp::Configuration => f.write_str("its configuration is invalid (exit code 78)"),
            GiveUp::Refused => f.write_str("its launch was refused for good"),
            GiveUp::BudgetSpent { restarts_per_hour } => {
                write!(f, "{restarts_per_hour} restarts within an hour did not help")
            }
            GiveUp::SameLine { times } => write!(f, "it ended {times} times in a row with the same words"),
        }
    }
}

/// What people should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// An event came that cannot come in this condition; nothing was changed. A fault of the driver.
    Impossible {
        /// The condition that it met.
        condition: Condition,
        /// The event.
        event: Event,
    },
    /// A run did not last.
    Failed {
        /// Which.
        run: Run,
        /// Why.
        reason: Reason,
    },
    /// No further attempt is made until the user asks for one.
    GaveUp {
        /// Why not.
        why: GiveUp,
        /// What the last run died of.
        last: Reason,
    },
    /// A killed process group is still there.
    Unkillable {
        /// Whose.
        run: Run,
    },
}
