//! All instances together: orders by name with coalescing, the sweep of each run's process group, and the
//! drain at the supervisor's end. One profile's events never touch another's instance (invariant I9).

use std::collections::BTreeMap;

use super::admission::Waiting;
use super::instance::{Condition, Instance};
use super::policy::Policy;
use super::record::{Action, Event, Report, Run, Signal, Timer};
use super::sweep::{Sweep, SweepEvent, SweepStep};
use crate::base::record::{Intent, State};
use crate::base::{Error, Kind, Moment, ProfileName, Result};

/// An action and whose it is.
pub type Tagged = (ProfileName, Action);

/// One profile under supervision.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) instance: Instance,
    policy: Policy,
    /// Those that it comes after.
    pub(super) after: Vec<ProfileName>,
    /// Its launch, while that waits for its turn.
    pub(super) waiting: Option<Waiting>,
    /// When its last launch was let go.
    pub(super) launched: Option<Moment>,
    /// From the leader's end until its group is empty; it has the timer for so long.
    clearing: Option<Clearing>,
}

/// The sweep of the current run's process group.
#[derive(Debug)]
struct Clearing {
    sweep: Sweep,
    timer: Timer,
    /// Until when what is left may take.
    until: Moment,
}

/// Every profile that the supervisor looks after.
#[derive(Debug, Default)]
pub struct Fleet {
    pub(super) members: BTreeMap<ProfileName, Member>,
    draining: bool,
    end_by: Option<Moment>,
    /// How many launches may be under way at once; any number, if none.
    pub(super) at_once: Option<usize>,
    /// Counts the launches, which makes the queue.
    pub(super) turns: u64,
    /// When it was last looked who may be launched.
    pub(super) looked: Moment,
}

impl Fleet {
    /// Nobody yet.
    pub fn new() -> Self {
        Fleet::default()
    }

    /// Adds a profile that does not run, with its persisted intent; false when it is there already.
    pub fn insert(&mut self, name: ProfileName, policy: Policy, want: Intent) -> bool {
        if self.members.contains_key(&name) {
            return false;
        }
        let mut instance = Instance::new(want);
        instance.draining = self.draining;
        instance.end_by = self.end_by;
        self.members.insert(name, Member::new(instance, policy));
        true
    }

    /// Lets go of a profile that does not run.
    ///
    /// # Errors
    /// [`Kind::Failed`] while it runs or is about to; [`Kind::Usage`] when it is not there.
    pub fn remove(&mut self, name: &ProfileName) -> Result<()> {
        if !self.member(name)?.is_idle() {
            let message = format!("`{name}` runs or is about to");
            return Err(Error::new(Kind::Failed, "profile_busy", message)
                .profile(name)
                .remedy(format!("stop it first: openclaw profile stop {name}")));
        }
        self.members.remove(name);
        Ok(())
    }

    /// Gives a profile another policy, which holds from its next event on.
    ///
    /// # Errors
    /// [`Kind::Usage`] when it is not there.
    pub fn set_policy(&mut self, name: &ProfileName, policy: Policy) -> Result<()> {
        self.member(name)?.policy = policy;
        Ok(())
    }

    /// Wants a profile up. A start that is under way is joined; during a stop it is noted for afterwards.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] during a drain; [`Kind::Usage`] when the profile is not there.
    pub fn start(&mut self, name: &ProfileName, now: Moment) -> Result<Vec<Tagged>> {
        self.refuse_while_draining(name)?;
        let actions = self.member(name)?.step(Event::WantUp, now, 0.0);
        Ok(self.admit(tagged(name, actions), now))
    }

    /// Wants a profile down; wins over a restart that is under way. Also taken during a drain, as intent.
    ///
    /// # Errors
    /// [`Kind::Usage`] when the profile is not there.
    pub fn stop(&mut self, name: &ProfileName, now: Moment) -> Result<Vec<Tagged>> {
        let actions = self.member(name)?.step(Event::WantDown, now, 0.0);
        Ok(self.admit(tagged(name, actions), now))
    }

    /// Wants a new run of a profile. A launch or restart that is under way is joined, since it gives one; what
    /// does not run is started.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] during a drain; [`Kind::Usage`] when the profile is not there.
    pub fn restart(&mut self, name: &ProfileName, now: Moment) -> Result<Vec<Tagged>> {
        self.refuse_while_draining(name)?;
        let member = self.member(name)?;
        let wanted = member.instance.want();
        let mut actions = match member.instance.condition() {
            Condition::Starting if member.instance.begins_anew() => Vec::new(),
            // One that was adopted may be on its way out, by the order of the supervisor before.
            Condition::Ready | Condition::Stopping | Condition::Starting => {
                member.step(Event::WantDown, now, 0.0)
            }
            Condition::Down | Condition::Launching | Condition::Resting | Condition::Broken => Vec::new(),
        };
        actions.extend(member.step(Event::WantUp, now, 0.0));
        // The intent is "up" throughout: a crash between the two halves must not find "down" on disk.
        actions.retain(|action| *action != Action::Save);
        if wanted != member.instance.want() {
            actions.insert(0, Action::Save);
        }
        Ok(self.admit(tagged(name, actions), now))
    }

    /// Restarts a profile that is ready although nobody asked: in order, and within the hour's budget, of which it
    /// takes one. Nothing when the budget is spent or it is not ready.
    pub fn restart_unasked(&mut self, name: &ProfileName, now: Moment) -> Vec<Tagged> {
        let Ok(member) = self.member(name) else { return Vec::new() };
        let (mut attempts, restarts) = (member.instance.attempts.clone(), member.instance.restarts);
        let rearms = member.instance.rearms.clone();
        let ready = member.clearing.is_none() && member.instance.condition() == Condition::Ready;
        if !ready || !member.policy.allows(&attempts, now) {
            return Vec::new();
        }
        let actions = self.restart(name, now).unwrap_or_default();
        if let Some(member) = self.members.get_mut(name).filter(|_| !actions.is_empty()) {
            // An order would begin the count anew; this was none.
            member.policy.note(&mut attempts, now);
            (member.instance.attempts, member.instance.rearms) = (attempts, rearms);
            member.instance.restarts = restarts + 1;
        }
        actions
    }

    /// Stops every run in parallel and keeps the intents; nothing is started from here on.
    pub fn begin_drain(&mut self, now: Moment) -> Vec<Tagged> {
        self.draining = true;
        let mut all = Vec::new();
        for (name, member) in &mut self.members {
            all.extend(tagged(name, member.step(Event::Drain, now, 0.0)));
        }
        self.admit(all, now)
    }

    /// Sets until when any stop may take at most, whatever the profiles allow; stops under way are timed anew.
    pub fn limit(&mut self, end_by: Option<Moment>, now: Moment) -> Vec<Tagged> {
        self.end_by = end_by;
        let mut all = Vec::new();
        for (name, member) in &mut self.members {
            all.extend(tagged(name, member.limit(end_by, now)));
        }
        all
    }

    /// Whether a drain began.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether a drain began and nothing runs any more.
    pub fn drained(&self) -> bool {
        self.draining && self.is_idle()
    }

    /// Whether nothing runs, ends or waits to run.
    pub fn is_idle(&self) -> bool {
        self.members.values().all(Member::is_idle)
    }

    /// Takes an event of one profile; one for a profile that is not there is dropped.
    pub fn step(&mut self, name: &ProfileName, event: Event, now: Moment, jitter: f64) -> Vec<Tagged> {
        let Some(member) = self.members.get_mut(name) else { return Vec::new() };
        let actions = tagged(name, member.step(event, now, jitter));
        self.admit(actions, now)
    }

    /// Notes what a profile's `run` said last; to be called just before its end is told.
    pub fn hear(&mut self, name: &ProfileName, run: Run, line: Option<&str>) {
        let member = self.members.get_mut(name).filter(|member| member.instance.run() == run);
        if let Some(member) = member {
            member.instance.hear(line);
        }
    }

    /// Takes what happened to the process group of a profile's `run`: `LeaderExited`, later `GroupEmpty`. The
    /// instance sees its end once the group is empty. Events of another run are dropped; deadlines come
    /// through [`Fleet::step`].
    pub fn sweep(
        &mut self,
        name: &ProfileName,
        run: Run,
        event: SweepEvent,
        now: Moment,
        jitter: f64,
    ) -> Vec<Tagged> {
        let Some(member) = self.members.get_mut(name) else { return Vec::new() };
        if run != member.instance.run() || !member.instance.has_child() {
            return Vec::new();
        }
        let actions = tagged(name, member.sweep(event, now, jitter));
        self.admit(actions, now)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &ProfileName> {
        self.members.keys()
    }

    /// One profile's instance.
    pub fn get(&self, name: &ProfileName) -> Option<&Instance> {
        self.members.get(name).map(|member| &member.instance)
    }

    /// How one profile is looked after.
    pub fn policy(&self, name: &ProfileName) -> Option<&Policy> {
        self.members.get(name).map(|member| &member.policy)
    }

    /// What people and scripts see of one profile; while a run is swept it is stopping.
    pub fn state(&self, name: &ProfileName) -> Option<State> {
        let member = self.members.get(name)?;
        Some(if member.clearing.is_some() { State::Stopping } else { member.instance.state() })
    }

    /// The step within a state that lasts, in words.
    pub fn phase(&self, name: &ProfileName) -> Option<&'static str> {
        let member = self.members.get(name)?;
        match member.clearing {
            Some(_) => Some("waiting for what the run left behind"),
            None => member.waits_for().or_else(|| member.instance.phase()),
        }
    }

    /// The profile's timer, where it is set.
    pub fn armed(&self, name: &ProfileName) -> Option<Timer> {
        let member = self.members.get(name)?;
        member.clearing.as_ref().map_or(member.instance.armed(), |clearing| Some(clearing.timer))
    }

    fn member(&mut self, name: &ProfileName) -> Result<&mut Member> {
        self.members.get_mut(name).ok_or_else(|| {
            Error::new(Kind::Usage, "profile_unknown", format!("there is no profile `{name}`"))
                .profile(name)
                .remedy("see which there are: openclaw profile list")
        })
    }

    fn refuse_while_draining(&self, name: &ProfileName) -> Result<()> {
        if !self.draining {
            return Ok(());
        }
        Err(Error::new(Kind::Unavailable, "supervisor_stopping", "the supervisor is stopping")
            .profile(name)
            .remedy("repeat the command once it has ended"))
    }
}

impl Member {
    fn new(instance: Instance, policy: Policy) -> Member {
        Member { instance, policy, after: Vec::new(), waiting: None, launched: None, clearing: None }
    }

    fn is_idle(&self) -> bool {
        self.instance.is_idle() && self.clearing.is_none()
    }

    fn limit(&mut self, end_by: Option<Moment>, now: Moment) -> Vec<Action> {
        let actions = self.instance.limit(end_by, now, &self.policy);
        if self.clearing.is_none() {
            return actions;
        }
        let asked = self.clearing.as_mut().filter(|clearing| matches!(clearing.sweep, Sweep::Asked(_)));
        match (asked, end_by) {
            (Some(clearing), Some(by)) if by < clearing.until => {
                clearing.until = by.max(now);
                clearing.timer = self.instance.lend_timer();
                vec![Action::Arm { timer: clearing.timer, at: clearing.until }]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn step(&mut self, event: Event, now: Moment, jitter: f64) -> Vec<Action> {
        if self.waiting.is_some() && matches!(event, Event::Spawned { .. } | Event::SpawnFailed { .. }) {
            // A launch that waits for its turn was not let go yet, so there is nothing to answer.
            let condition = self.instance.condition();
            return vec![Action::Report(Report::Impossible { condition, event })];
        }
        let Some(clearing) = &self.clearing else {
            return self.instance.step(event, now, &self.policy, jitter);
        };
        match event {
            Event::Deadline { timer } if timer == clearing.timer => {
                self.sweep(SweepEvent::Deadline, now, jitter)
            }
            Event::WantUp | Event::WantDown | Event::Drain => {
                // The run is on its way out already: only what the order says about afterwards counts.
                let mut actions = self.instance.step(event, now, &self.policy, jitter);
                actions.retain(|action| matches!(action, Action::Save | Action::Publish | Action::Report(_)));
                actions
            }
            // The leader is gone: whatever was still on its way from it is late.
            Event::Deadline { .. }
            | Event::Adopted
            | Event::Changed
            | Event::Spawned { .. }
            | Event::SpawnFailed { .. }
            | Event::Progress { .. }
            | Event::Ready { .. }
            | Event::Probed { .. }
            | Event::Hung { .. }
            | Event::Replaced { .. }
            | Event::Exited { .. } => Vec::new(),
        }
    }

    fn sweep(&mut self, event: SweepEvent, now: Moment, jitter: f64) -> Vec<Action> {
        let begun = self.clearing.is_some();
        let mut sweep = match &self.clearing {
            Some(clearing) => clearing.sweep,
            None => Sweep::Led { killed: self.instance.is_killed() },
        };
        let run = self.instance.run();
        let (kill, stop) = (self.policy.kill_timeout, self.policy.stop_timeout);
        let (signal, stuck, mut until) = match sweep.step(event) {
            SweepStep::Wait => return Vec::new(),
            SweepStep::Done(exit) => {
                let mut actions = Vec::new();
                if self.clearing.take().is_some() {
                    // What the instance set meanwhile never reached the driver; the sweep's timer is the one.
                    self.instance.clear_timer();
                    actions.push(Action::Disarm);
                }
                actions.extend(self.instance.step(Event::Exited { run, exit }, now, &self.policy, jitter));
                return actions;
            }
            // Who has little patience with a gateway has no more with what it left behind.
            SweepStep::Terminate => (Signal::Terminate, false, now + kill.min(stop)),
            SweepStep::Kill { stuck } => (Signal::Kill, stuck, now + kill),
        };
        if let (Signal::Terminate, Some(by)) = (signal, self.instance.end_by) {
            until = until.min(by).max(now);
        }
        let timer = self.instance.lend_timer();
        self.clearing = Some(Clearing { sweep, timer, until });
        let mut actions = vec![Action::Signal { run, signal }, Action::Arm { timer, at: until }];
        if stuck {
            actions.push(Action::Report(Report::Unkillable { run }));
        }
        if !begun {
            actions.push(Action::Publish);
        }
        actions
    }
}

fn tagged(name: &ProfileName, actions: Vec<Action>) -> Vec<Tagged> {
    actions.into_iter().map(|action| (name.clone(), action)).collect()
}

#[cfg(test)]
mod tests;
