//! The cells of the table in `instance`: one event's effect on one instance, gathered into actions.

use super::instance::{Condition, Instance};
use super::policy::{Policy, REARMS_PER_HOUR, Restart};
use super::record::{Action, Event, Exit, GiveUp, Reason, Report, Signal};
use crate::base::Moment;
use crate::base::record::Intent;

/// One step of one instance.
pub(super) struct Turn<'a> {
    instance: &'a mut Instance,
    now: Moment,
    policy: &'a Policy,
    jitter: f64,
    actions: Vec<Action>,
    publish: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(instance: &'a mut Instance, now: Moment, policy: &'a Policy, jitter: f64) -> Self {
        Turn { instance, now, policy, jitter, actions: Vec::new(), publish: false }
    }

    /// The actions of the step; one `Publish`, behind all the others, stands for all that changed.
    pub(super) fn finish(mut self) -> Vec<Action> {
        if self.publish {
            self.actions.push(Action::Publish);
        }
        self.actions
    }

    pub(super) fn impossible(&mut self, event: Event) {
        self.report(Report::Impossible { condition: self.instance.condition, event });
    }

    // Orders.

    pub(super) fn note(&mut self, want: Intent) {
        if want == Intent::Down {
            // Whatever stop is under way is now an asked one, and what comes next begins afresh.
            self.instance.fault = None;
            self.forget();
        }
        if self.instance.want != want {
            self.instance.want = want;
            self.actions.push(Action::Save);
            self.publish = true;
        }
    }

    pub(super) fn note_drain(&mut self) {
        self.instance.draining = true;
    }

    pub(super) fn start_afresh(&mut self) {
        self.note(Intent::Up);
        if !self.instance.draining {
            self.forget();
            self.launch();
        }
    }

    /// The user does not want to wait; failures in a row stay, so that a hopeless start still slows down.
    pub(super) fn start_early(&mut self) {
        self.note(Intent::Up);
        self.launch();
    }

    /// A changed file is worth another try, not another hour's budget: whoever changes it may be a program.
    pub(super) fn rearm(&mut self) {
        if self.instance.draining || !self.instance.rearms.allow(self.now, REARMS_PER_HOUR) {
            return;
        }
        self.instance.rearms.note(self.now);
        self.note_attempt();
        self.instance.failures = 0;
        self.instance.echo.clear();
        self.instance.last_failure = None;
        self.launch();
    }

    pub(super) fn stop_as_asked(&mut self) {
        self.note(Intent::Down);
        self.stop(None);
    }

    pub(super) fn give_rest(&mut self) {
        self.note(Intent::Down);
        self.settle(Condition::Down);
    }

    pub(super) fn drain_run(&mut self) {
        self.note_drain();
        self.stop(None);
    }

    pub(super) fn drain_rest(&mut self) {
        self.note_drain();
        self.settle(Condition::Down);
    }

    // The child's life.

    pub(super) fn adopt(&mut self) {
        self.instance.run = self.instance.run.next();
        self.instance.note_adopted();
        self.begin();
    }

    /// It counts as an unasked launch: one that replaces itself without end is ended when the hour's budget is.
    pub(super) fn replaced(&mut self) {
        let spent = !self.policy.allows(&self.instance.attempts, self.now);
        self.note_attempt();
        self.instance.run = self.instance.run.next();
        match spent {
            true => self.fail_and_stop(Reason::Replaced),
            false => self.begin(),
        }
    }

    pub(super) fn begin(&mut self) {
        self.instance.degraded = false;
        if self.instance.target() == Intent::Down {
            return self.stop(None);
        }
        self.enter(Condition::Starting);
        self.instance.start_began = self.now;
        self.actions.push(Action::Probe { run: self.instance.run });
        self.arm(self.policy.start_deadline(self.now, self.now));
    }

    pub(super) fn spawn_failed(&mut self, permanent: bool) {
        if self.instance.target() == Intent::Down {
            return self.settle(Condition::Down);
        }
        if permanent {
            self.failed(Reason::SpawnFailed);
            return self.give_up(GiveUp::Refused, Reason::SpawnFailed);
        }
        self.by_policy(Reason::SpawnFailed, true);
    }

    pub(super) fn extend_start(&mut self) {
        self.arm(self.policy.start_deadline(self.instance.start_began, self.now));
    }

    pub(super) fn become_ready(&mut self) {
        self.enter(Condition::Ready);
        self.arm(self.now + self.policy.stable_after);
    }

    pub(super) fn probed(&mut self, healthy: bool) {
        if self.instance.degraded == healthy {
            self.instance.degraded = !healthy;
            self.publish = true;
        }
    }

    pub(super) fn fail_and_stop(&mut self, reason: Reason) {
        self.stop(Some(reason));
    }

    pub(super) fn forget_failures(&mut self) {
        self.instance.lasted = true;
        self.instance.failures = 0;
        self.instance.echo.clear();
    }

    pub(super) fn kill(&mut self) {
        let run = self.instance.run;
        self.instance.kills += 1;
        self.actions.push(Action::Signal { run, signal: Signal::Kill });
        self.arm(self.now + self.policy.kill_timeout);
        match self.instance.kills {
            1 => self.publish = true,
            2 => self.report(Report::Unkillable { run }),
            _ => {}
        }
    }

    pub(super) fn stopped(&mut self) {
        match self.instance.fault.take() {
            _ if self.instance.target() == Intent::Down => self.settle(Condition::Down),
            Some(reason) => self.by_policy(reason, true),
            None => self.launch(),
        }
    }

    pub(super) fn retry(&mut self) {
        self.instance.restarts += 1;
        self.note_attempt();
        self.launch();
    }

    /// What was ready and did not last is a failure, with whatever code it says goodbye.
    pub(super) fn ready_run_ended(&mut self, exit: Exit) {
        let lasted = self.instance.lasted;
        self.by_policy(Reason::Exited(exit), !(lasted && exit.is_clean()));
    }

    /// A run ended unasked while up is wanted: what comes next. `failure` is false for an end that was none.
    pub(super) fn by_policy(&mut self, reason: Reason, failure: bool) {
        let (config, clean) = match reason {
            Reason::Exited(exit) => (exit.is_config(), exit.is_clean()),
            Reason::StartTimeout | Reason::Hung | Reason::Replaced | Reason::SpawnFailed => (false, false),
        };
        if failure {
            self.failed(reason);
        }
        if config {
            return self.give_up(GiveUp::Configuration, reason);
        }
        match self.policy.restart {
            Restart::Never => return self.settle(Condition::Down),
            Restart::OnFailure if clean => return self.settle(Condition::Down),
            Restart::OnFailure | Restart::Always => {}
        }
        if failure && let Some(times) = self.echoes(reason) {
            return self.give_up(GiveUp::SameLine { times }, reason);
        }
        let wait = match failure {
            true => self.policy.delay(self.instance.failures, self.jitter),
            false => self.policy.delay_min,
        };
        let at = self.now + wait;
        if !self.policy.allows(&self.instance.attempts, at) {
            let restarts_per_hour = self.policy.budget();
            return self.give_up(GiveUp::BudgetSpent { restarts_per_hour }, reason);
        }
        if wait.is_zero() {
            return self.retry();
        }
        self.enter(Condition::Resting);
        self.arm(at);
    }

    // Their parts.

    /// How often it has died of the same, where that is too often.
    fn echoes(&mut self, reason: Reason) -> Option<u32> {
        let Reason::Exited(exit) = reason else { return None };
        let times = self.instance.echo.ended(exit);
        (!self.policy.endless && times >= self.policy.same_line.max(2)).then_some(times)
    }

    fn note_attempt(&mut self) {
        self.policy.note(&mut self.instance.attempts, self.now);
    }

    fn launch(&mut self) {
        self.disarm();
        self.enter(Condition::Launching);
        self.instance.run = self.instance.run.next();
        self.actions.push(Action::Spawn { run: self.instance.run });
    }

    fn stop(&mut self, fault: Option<Reason>) {
        self.enter(Condition::Stopping);
        self.instance.fault = fault;
        self.instance.kills = 0;
        self.instance.stop_began = self.now;
        self.instance.stop_by = self.instance.stop_deadline(self.now, self.policy);
        self.actions.push(Action::Signal { run: self.instance.run, signal: Signal::Terminate });
        self.arm(self.instance.stop_by);
    }

    fn give_up(&mut self, why: GiveUp, last: Reason) {
        self.settle(Condition::Broken);
        self.instance.gave_up = Some(why);
        self.report(Report::GaveUp { why, last });
    }

    fn settle(&mut self, condition: Condition) {
        self.disarm();
        self.enter(condition);
    }

    fn enter(&mut self, condition: Condition) {
        self.instance.condition = condition;
        self.instance.gave_up = None;
        self.instance.degraded = false;
        self.instance.lasted = false;
        self.publish = true;
    }

    fn failed(&mut self, reason: Reason) {
        self.instance.failures = self.instance.failures.saturating_add(1);
        self.instance.last_failure = Some(reason);
        self.report(Report::Failed { run: self.instance.run, reason });
    }

    fn forget(&mut self) {
        self.instance.failures = 0;
        self.instance.restarts = 0;
        self.instance.attempts.clear();
        self.instance.rearms.clear();
        self.instance.echo.clear();
        self.instance.last_failure = None;
    }

    fn arm(&mut self, at: Moment) {
        let timer = self.instance.set_timer();
        self.actions.push(Action::Arm { timer, at });
    }

    fn disarm(&mut self) {
        if self.instance.clear_timer() {
            self.actions.push(Action::Disarm);
        }
    }

    fn report(&mut self, report: Report) {
        self.actions.push(Action::Report(report));
    }
}
