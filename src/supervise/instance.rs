//! One supervised child as a state machine: `(condition, event, now) -> (condition, actions)`.
//!
//! `want` stands beside the condition: what the user asked for and what is true are two values. Every
//! child's event carries its `run`; one from another run is dropped at the door, and so is a deadline of a
//! timer that was set anew. `!` = impossible: nothing changes and the driver's fault is reported, never a
//! panic. `-` = nothing.
//!
//! | condition \ event | want up | want down | drain | adopted | spawned | spawn failed |
//! |---|---|---|---|---|---|---|
//! | Down | Launching: forget failures, spawn (note, while draining) | - | note | Starting: probe, arm limit (Stopping if down is wanted) | ! | ! |
//! | Launching | note | note | note | ! | Starting: probe, arm limit (Stopping if down is wanted) | by policy, a failure (Down if wanted; Broken if permanent) |
//! | Starting | - | Stopping: TERM group, arm grace | as down, intent kept | ! | ! | ! |
//! | Ready | - | Stopping: TERM group, arm grace | as down, intent kept | ! | ! | ! |
//! | Stopping | note | note | note | ! | ! | ! |
//! | Resting | Launching: disarm, spawn | Down: disarm | Down: disarm | ! | ! | ! |
//! | Broken | Launching: forget failures, spawn (note, while draining) | Down | note | ! | ! | ! |
//!
//! `changed` (the files that decide how it runs) means something in Broken alone: Launching: forget the failures in
//! a row, spawn; the hour's budget goes on (nothing, while draining or when it comes too often).
//!
//! `replaced` (the child ended by itself and left its place to a process of its own making) means something in Starting
//! and Ready alone: Starting, as a new run: probe, arm limit (Stopping, a failure, when the hour's budget is spent).
//!
//! | condition \ event | progress | ready | probed | hung | exited | deadline |
//! |---|---|---|---|---|---|---|
//! | Down | - | ! | - | - | ! | - |
//! | Launching | ! | ! | ! | ! | ! | ! |
//! | Starting | arm limit anew, up to three times its length | Ready: publish, arm stable | - | - | by policy, a failure | Stopping: TERM group, arm grace, a failure |
//! | Ready | - | - | publish `degraded` when it changes; kills nothing | Stopping: TERM group, arm grace, a failure | by policy, a failure unless it was stable and ended with exit code 0 | forget old failures |
//! | Stopping | - | - | - | - | down wanted: Down; else Launching, or by policy after a failure | KILL group, arm again |
//! | Resting | - | ! | - | - | ! | Launching: spawn |
//! | Broken | - | ! | - | - | ! | - |
//!
//! "By policy" = Launching, Resting (arm back-off), Broken (exit 78, the same last words too often, or the
//! hour's budget is spent) or Down (no restart wanted). A restart is no event: it is "want down", then "want up" noted while Stopping.
//! `Exited` is given only once the whole process group is swept (`sweep`), so nothing of an old run can hold
//! the port of the next. The cells' effects are in `turn`.

use std::time::Duration;

use super::echo::Echo;
use super::policy::{Attempts, Policy};
use super::record::{Action, Event, GiveUp, Reason, Run, Timer};
use super::turn::Turn;
use crate::base::Moment;
use crate::base::record::{Intent, State};

/// Where a child's life stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing runs and nothing is planned.
    #[default]
    Down,
    /// The driver was asked to make the child.
    Launching,
    /// The child exists and does not answer yet.
    Starting,
    /// It answers.
    Ready,
    /// It was asked to end, or killed.
    Stopping,
    /// It ended unasked; the next attempt is timed.
    Resting,
    /// Given up until the user asks again.
    Broken,
}

/// One child: what is wanted, what is true, and what its failures amount to.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    pub(super) want: Intent,
    pub(super) draining: bool,
    pub(super) condition: Condition,
    pub(super) run: Run,
    /// The run that an earlier supervisor made, perhaps long ago.
    adopted: Option<Run>,
    pub(super) degraded: bool,
    /// While Ready: whether it has been for long enough to be stable.
    pub(super) lasted: bool,
    /// When the current start began; its deadline can be moved, but not for ever.
    pub(super) start_began: Moment,
    /// While Stopping: the failure that the stop answers, unless it was asked for.
    pub(super) fault: Option<Reason>,
    /// While Stopping: how often the group was killed.
    pub(super) kills: u32,
    /// While Stopping: when it was asked to end, and until when it may take.
    pub(super) stop_began: Moment,
    pub(super) stop_by: Moment,
    /// Until when any stop may take at most.
    pub(super) end_by: Option<Moment>,
    pub(super) failures: u32,
    pub(super) restarts: u32,
    pub(super) attempts: Attempts,
    pub(super) rearms: Attempts,
    pub(super) echo: Echo,
    pub(super) last_failure: Option<Reason>,
    pub(super) gave_up: Option<GiveUp>,
    timer: Option<Timer>,
    serial: u64,
}

impl Instance {
    /// A child that does not run, with the intent that was persisted for it.
    pub fn new(want: Intent) -> Self {
        Instance { want, ..Instance::default() }
    }

    /// Takes one event at `now` and says what shall be done. `jitter` is a number from 0 to 1.
    pub fn step(&mut self, event: Event, now: Moment, policy: &Policy, jitter: f64) -> Vec<Action> {
        if !self.admits(event) {
            return Vec::new();
        }
        let condition = self.condition;
        let mut turn = Turn::new(self, now, policy, jitter);
        use Condition::{Broken, Down, Launching, Ready, Resting, Starting, Stopping};
        match (condition, event) {
            (Down | Broken, Event::WantUp) => turn.start_afresh(),
            (Launching | Starting | Ready | Stopping, Event::WantUp) => turn.note(Intent::Up),
            (Resting, Event::WantUp) => turn.start_early(),

            (Down | Launching | Stopping, Event::WantDown) => turn.note(Intent::Down),
            (Starting | Ready, Event::WantDown) => turn.stop_as_asked(),
            (Resting | Broken, Event::WantDown) => turn.give_rest(),

            (Down | Launching | Stopping | Broken, Event::Drain) => turn.note_drain(),
            (Starting | Ready, Event::Drain) => turn.drain_run(),
            (Resting, Event::Drain) => turn.drain_rest(),

            (Broken, Event::Changed) => turn.rearm(),

            (Down, Event::Adopted) => turn.adopt(),
            (Launching, Event::Spawned { .. }) => turn.begin(),
            (Launching, Event::SpawnFailed { permanent, .. }) => turn.spawn_failed(permanent),

            (Starting, Event::Progress { .. }) => turn.extend_start(),
            (Starting, Event::Ready { .. }) => turn.become_ready(),
            (Ready, Event::Probed { healthy, .. }) => turn.probed(healthy),
            (Ready, Event::Hung { .. }) => turn.fail_and_stop(Reason::Hung),
            (Starting | Ready, Event::Replaced { .. }) => turn.replaced(),

            (Starting, Event::Exited { exit, .. }) => turn.by_policy(Reason::Exited(exit), true),
            (Ready, Event::Exited { exit, .. }) => turn.ready_run_ended(exit),
            (Stopping, Event::Exited { .. }) => turn.stopped(),

            (Starting, Event::Deadline { .. }) => turn.fail_and_stop(Reason::StartTimeout),
            (Ready, Event::Deadline { .. }) => turn.forget_failures(),
            (Stopping, Event::Deadline { .. }) => turn.kill(),
            (Resting, Event::Deadline { .. }) => turn.retry(),

            // A message about a run that meanwhile goes, went or has long been ready says nothing new.
            (Ready | Stopping | Down | Resting | Broken, Event::Progress { .. })
            | (Ready | Stopping, Event::Ready { .. })
            | (Starting | Stopping | Down | Resting | Broken, Event::Probed { .. } | Event::Hung { .. })
            | (Down | Broken, Event::Deadline { .. })
            | (Down | Launching | Starting | Ready | Stopping | Resting, Event::Changed) => {}

            (Launching | Down | Stopping | Resting | Broken, Event::Replaced { .. })
            | (Launching | Starting | Ready | Stopping | Resting | Broken, Event::Adopted)
            | (
                Down | Starting | Ready | Stopping | Resting | Broken,
                Event::Spawned { .. } | Event::SpawnFailed { .. },
            )
            | (Launching, Event::Progress { .. } | Event::Probed { .. } | Event::Hung { .. })
            | (Launching | Down | Resting | Broken, Event::Ready { .. } | Event::Exited { .. })
            | (Launching, Event::Deadline { .. }) => turn.impossible(event),
        }
        turn.finish()
    }

    /// The door: whether the event is about this run and this arming of the timer.
    fn admits(&mut self, event: Event) -> bool {
        if let Event::Deadline { timer } = event {
            if self.timer != Some(timer) {
                return false;
            }
            self.timer = None;
        }
        event.run().is_none_or(|run| run == self.run)
    }

    /// Sets until when any stop may take at most; one under way is timed anew. This is no event: whatever the
    /// condition, it changes no more than the moment at which patience ends.
    pub fn limit(&mut self, end_by: Option<Moment>, now: Moment, policy: &Policy) -> Vec<Action> {
        self.end_by = end_by;
        let by = self.stop_deadline(self.stop_began, policy).max(now);
        let waits = self.condition == Condition::Stopping && self.kills == 0 && self.timer.is_some();
        if !waits || by == self.stop_by {
            return Vec::new();
        }
        self.stop_by = by;
        vec![Action::Arm { timer: self.set_timer(), at: by }]
    }

    /// Until when a stop that was asked for at `began` may take.
    pub(super) fn stop_deadline(&self, began: Moment, policy: &Policy) -> Moment {
        let own = began + policy.stop_timeout;
        self.end_by.map_or(own, |by| by.min(own).max(began))
    }

    /// While it was asked to end and not killed yet: how long it may take in all.
    pub fn stop_allowance(&self) -> Option<Duration> {
        let waits = self.condition == Condition::Stopping && self.kills == 0;
        waits.then(|| self.stop_by - self.stop_began)
    }

    /// Notes what the current run said last, just before its end is told.
    pub fn hear(&mut self, line: Option<&str>) {
        self.echo.hear(line);
    }

    /// What the user last asked for.
    pub fn want(&self) -> Intent {
        self.want
    }

    /// What it shall be now: the intent, or down while the supervisor drains.
    pub fn target(&self) -> Intent {
        if self.draining { Intent::Down } else { self.want }
    }

    /// Where its life stands.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// The number of the current or last launch.
    pub fn run(&self) -> Run {
        self.run
    }

    /// Whether a child is known to exist: it was spawned or adopted, and its end was not seen.
    pub fn has_child(&self) -> bool {
        matches!(self.condition, Condition::Starting | Condition::Ready | Condition::Stopping)
    }

    /// Whether its start is that of a new run, and not a first look at one that an earlier supervisor made.
    pub fn begins_anew(&self) -> bool {
        self.condition == Condition::Starting && self.adopted != Some(self.run)
    }

    /// The current run is an earlier supervisor's.
    pub(super) fn note_adopted(&mut self) {
        self.adopted = Some(self.run);
    }

    /// Whether nothing runs and nothing is planned.
    pub fn is_idle(&self) -> bool {
        matches!(self.condition, Condition::Down | Condition::Broken)
    }

    /// Whether the stop under way went on to kill.
    pub fn is_killed(&self) -> bool {
        self.condition == Condition::Stopping && self.kills > 0
    }

    /// What people and scripts see.
    pub fn state(&self) -> State {
        match self.condition {
            Condition::Down => State::Stopped,
            Condition::Launching | Condition::Starting => State::Starting,
            Condition::Ready if self.degraded => State::Degraded,
            Condition::Ready => State::Ready,
            Condition::Stopping => State::Stopping,
            Condition::Resting => State::Backoff,
            Condition::Broken => State::Failed,
        }
    }

    /// The step within a state that lasts, in words.
    pub fn phase(&self) -> Option<&'static str> {
        match self.condition {
            Condition::Launching => Some("launching"),
            Condition::Starting => Some("waiting until ready"),
            Condition::Stopping if self.kills > 0 => Some("killed, waiting for exit"),
            Condition::Stopping => Some("waiting for exit"),
            Condition::Resting => Some("waiting for the next attempt"),
            Condition::Down | Condition::Ready | Condition::Broken => None,
        }
    }

    /// Unasked restarts since it was last started by order.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// What the last failure was, until the user starts or stops it.
    pub fn last_failure(&self) -> Option<Reason> {
        self.last_failure
    }

    /// While Broken: why no further attempt is made.
    pub fn gave_up(&self) -> Option<GiveUp> {
        self.gave_up
    }

    /// The timer that is set.
    pub fn armed(&self) -> Option<Timer> {
        self.timer
    }

    /// Sets the timer anew: the name of this arming.
    pub(super) fn set_timer(&mut self) -> Timer {
        let timer = self.next_timer();
        self.timer = Some(timer);
        timer
    }

    /// Takes the timer away from the instance for as long as its run is swept, and names the first arming.
    pub(super) fn lend_timer(&mut self) -> Timer {
        self.timer = None;
        self.next_timer()
    }

    /// Clears the timer; whether one was set.
    pub(super) fn clear_timer(&mut self) -> bool {
        self.timer.take().is_some()
    }

    fn next_timer(&mut self) -> Timer {
        self.serial += 1;
        Timer(self.serial)
    }
}

#[cfg(test)]
mod tests;
