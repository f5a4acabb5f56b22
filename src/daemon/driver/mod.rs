//! The loop: the supervisor's only clock. It hands events to the pure fleet and turns the actions that come
//! back into processes, timers, probes and files. It decides nothing itself.

mod adopt;
mod alarm;
mod clock;
mod containing;
mod ending;
mod herald;
mod lockout;
mod rearm;
mod runs;
mod succession;
mod watching;

use std::collections::{BTreeMap, HashMap};

use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep_until};

pub use lockout::Lockout;
pub use rearm::Given;

use clock::Clock;
use herald::Herald;

use super::Setup;
use super::alert::Desk;
use super::handover::Handover;
use super::journal::Journal;
use super::live::Live;
use super::mailbox::{Note, Order, Orders, Successor, Verb};
use super::member::{Member, View};
use super::order;
use super::prepare::Occasion;
use crate::base::record::{Intent, ProfileStatus, State, SupervisorStatus};
use crate::base::{Error, Kind, Moment, ProfileName, Result};
use crate::host::cgroup::Containment;
use crate::host::clock::epoch_ms;
use crate::host::{crash, process, settle};
use crate::supervise::alarm::Incident;
use crate::supervise::budget::{Ending, Outer};
use crate::supervise::{Action, Condition, Event, Fleet, Policy, Report, Run, Signal, Tagged, Timer};

/// Launches that may be under way at once, for each of the machine's cores.
const LAUNCHES_A_CORE: usize = 2;
/// Alerts, and changes, that are kept for a client of the control socket that is busy; of more it gets the last.
const ALERTS_KEPT: usize = 64;

/// The supervisor's loop and all that it owns.
pub struct Driver {
    setup: Setup,
    status: SupervisorStatus,
    clock: Clock,
    fleet: Fleet,
    members: BTreeMap<ProfileName, Member>,
    timers: HashMap<ProfileName, (Timer, Moment)>,
    /// Of each profile that ever had an incident: what is open, and who is told.
    desks: BTreeMap<ProfileName, Desk>,
    alerts: broadcast::Sender<serde_json::Value>,
    changes: broadcast::Sender<ProfileStatus>,
    journal: Journal,
    notes: mpsc::UnboundedSender<Note>,
    inbox: mpsc::UnboundedReceiver<Note>,
    children: SignalStream,
    next_look: Instant,
    /// Who goes on with the gateways.
    successor: Option<Successor>,
    outer: Option<Outer>,
    ending: Option<Ending>,
    containment: Containment,
    /// The way to the service manager that started us, where one wants to hear of us.
    herald: Option<Herald>,
}

impl Driver {
    /// A driver with the profiles that the journal knows, and the way to it.
    ///
    /// # Errors
    /// When the signal of ended children cannot be had.
    pub fn new(setup: Setup, status: SupervisorStatus) -> Result<(Driver, Orders)> {
        let children = signal(SignalKind::child()).map_err(|error| {
            Error::new(Kind::Failed, "signals_unavailable", "SIGCHLD cannot be watched").caused_by(error)
        })?;
        let (notes, inbox) = mpsc::unbounded_channel();
        let journal = Journal::open(setup.paths.records_dir.clone());
        let alerts = broadcast::Sender::new(ALERTS_KEPT);
        let changes = broadcast::Sender::new(ALERTS_KEPT);
        let (ours, theirs) = (alerts.clone(), changes.clone());
        let orders = Orders::new(notes.clone(), journal.clone(), setup.clone(), ours, theirs);
        let mut fleet = Fleet::new();
        fleet.launch_at_most(LAUNCHES_A_CORE * process::cores());
        let driver = Driver {
            setup,
            status,
            clock: Clock::start(),
            fleet,
            members: BTreeMap::new(),
            timers: HashMap::new(),
            desks: BTreeMap::new(),
            alerts,
            changes,
            journal,
            notes,
            inbox,
            children,
            next_look: Instant::now(),
            successor: None,
            outer: None,
            ending: None,
            containment: containing::enter(),
            herald: None,
        };
        Ok((driver, orders))
    }

    /// Runs until the end is asked for, on `stop` or by an order, and every gateway has ended, or there is no more
    /// time for that; or until another program is to go on, which is returned.
    pub async fn run(mut self, mut stop: mpsc::UnboundedReceiver<()>) -> Option<Handover> {
        self.look_outside();
        self.resume();
        self.begin_to_tell();
        while !self.fleet.drained() && self.successor.is_none() && !self.is_late() {
            self.tell_manager();
            let due = self.timers.values().map(|(_, at)| *at).min();
            // A timer of tokio's takes a millisecond at least; what is due needs none.
            if due.is_some_and(|at| at <= self.now()) {
                self.fire();
                continue;
            }
            let due = due.into_iter().chain(self.leave_by()).chain(self.fleet.next_admission()).min();
            let (wake, word) = (self.clock.arm(due, self.next_round()), self.next_word());
            tokio::select! {
                _ = self.children.recv() => self.reap(),
                Some(note) = self.inbox.recv() => self.take(note),
                () = sleep_until(wake.unwrap_or(self.next_look)), if wake.is_some() => {
                    self.fire();
                    self.pulse();
                    self.tell_of_stops();
                }
                () = sleep_until(self.next_look), if self.has_given_up() => self.look_at_given_up(),
                // The next turn begins with the word.
                () = sleep_until(word.unwrap_or(self.next_look)), if word.is_some() => {}
                Some(()) = stop.recv() => self.asked_to_end(),
            }
        }
        self.drop_all_alerts();
        self.journal.flush().await;
        let program = match self.successor.take() {
            Some(Successor::Program(program)) => program,
            // The groups stay, as the gateways in them do.
            Some(Successor::Service) => return None,
            None => {
                self.containment.leave();
                return None;
            }
        };
        Some(Handover { program, serving: self.tell_of_successor() })
    }

    /// The last of a row of starts is over: what they needed is not kept.
    fn rest_from_starts(&self) {
        let starting = |name| matches!(self.fleet.state(name), Some(State::Starting));
        if !self.fleet.names().any(starting) {
            settle::give_back_memory();
        }
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn enlist(&mut self, name: &ProfileName, intent: Intent) {
        if self.fleet.insert(name.clone(), Policy::default(), intent) {
            self.members.insert(name.clone(), Member::new(name.clone(), self.changes.clone()));
        }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Order(order) => self.obey(order),
            Note::Prepared(name, run, prepared) => self.launch(&name, run, *prepared),
            Note::Gone(name, run, exit) => self.gone(&name, run, exit),
            Note::Phase(name, run, phase) => {
                if let Some(live) = self.live(&name, run) {
                    live.phase = Some(phase);
                    self.event(&name, Event::Progress { run });
                    self.publish(&name);
                }
            }
            Note::Ready(name, run, seen) => {
                crash::point("ready");
                if let Some(live) = self.live(&name, run) {
                    let (hello, healthy) = (seen.probe.hello, seen.is_ready());
                    live.seen = Some(*seen);
                    // The task has ended, and would be kept as long as this hold on it.
                    live.prober = None;
                    live.read_argv();
                    self.shaken(&name, hello);
                    self.event(&name, Event::Ready { run });
                    if !healthy {
                        // The link stands, and nothing answers behind it.
                        self.event(&name, Event::Probed { run, healthy });
                    }
                    self.begin_watch(&name, run);
                    self.note_files(&name, run);
                    self.rest_from_starts();
                }
            }
            Note::Stale(name, run) => self.signal(&name, run, Signal::Terminate),
            Note::Outer(outer) => self.learn_outer(outer),
            Note::Weighed(all) => {
                all.iter().for_each(|(name, run, bytes)| self.weighed_aloud(name, *run, *bytes));
            }
            Note::Compared(name, change) => self.note_change(&name, change),
            Note::Probation(name) => self.probation_over(&name),
            Note::RolledBack(name, restored) => self.rolled_back(&name, restored),
            Note::Hung(name, run, evidence) => self.hung(&name, run, evidence),
            Note::AlertLate(name, pid) => self.alert_late(&name, pid),
            Note::Probed(name, run, number, look) => self.probed(&name, run, number, *look),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Profile(verb, name, after, answer) => {
                self.enlist(&name, Intent::Down);
                self.fleet.set_after(&name, after);
                let _ = answer.send(self.order_profile(verb, &name));
            }
            Order::Forget(name, answer) => {
                let _ = answer.send(self.forget(&name));
            }
            Order::List(of, answer) => {
                let fleet = &self.fleet;
                let meant =
                    self.members.iter_mut().filter(|(name, _)| of.as_ref().is_none_or(|of| of == *name));
                let _ = answer.send(meant.map(|(_, member)| member.sample(fleet)).collect());
            }
            Order::Runs(answer) => {
                let lives = self.members.values().filter_map(|member| member.live.as_ref());
                let _ = answer.send(lives.map(Live::led).collect());
            }
            Order::LedBy(pid, answer) => {
                let leads = |member: &Member| member.live.as_ref().is_some_and(|live| live.pid == pid);
                let found = self.members.iter().find(|(_, member)| leads(member));
                let _ = answer.send(found.map(|(name, _)| name.clone()));
            }
            Order::Status(answer) => {
                let mut status = self.status.clone();
                status.profiles = self.members.len();
                status.memory_bytes = process::own_memory();
                status.warnings.extend(self.limits_too_short());
                let _ = answer.send(status);
            }
            Order::HandOver(successor, answer) => {
                let draining = self.fleet.is_draining();
                if !draining {
                    self.successor = Some(successor);
                }
                let _ = answer.send(if draining { Err(order::ending()) } else { Ok(()) });
            }
            Order::Shutdown => self.drain(),
        }
    }

    fn order_profile(&mut self, verb: Verb, name: &ProfileName) -> Result<watch::Receiver<View>> {
        tracing::info!(profile = %name, ?verb, "ordered");
        if let Some(member) = self.members.get_mut(name) {
            member.repaired = false;
            member.lockout.asked();
            let condition = self.fleet.get(name).map(|instance| instance.condition());
            if matches!(condition, Some(Condition::Down | Condition::Broken)) {
                member.occasion = Occasion::Asked;
            }
        }
        if verb == Verb::Stop {
            self.note_stop(name);
        }
        let now = self.now();
        let actions = match verb {
            Verb::Start => self.fleet.start(name, now),
            Verb::Stop => self.fleet.stop(name, now),
            Verb::Restart => self.fleet.restart(name, now),
        }?;
        self.perform(actions);
        self.publish(name);
        self.members.get(name).map(Member::watch).ok_or_else(|| {
            Error::new(Kind::NotRunning, "profile_unknown", format!("there is no profile `{name}`"))
        })
    }

    fn forget(&mut self, name: &ProfileName) -> Result<()> {
        if self.members.contains_key(name) {
            self.fleet.remove(name)?;
            self.members.remove(name);
            self.timers.remove(name);
            self.drop_alerts(name);
        }
        tracing::info!(profile = %name, "forgotten");
        self.journal.forget(name);
        Ok(())
    }

    fn event(&mut self, name: &ProfileName, event: Event) {
        let (now, jitter) = (self.now(), jitter());
        let actions = self.fleet.step(name, event, now, jitter);
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Tagged>) {
        for (name, action) in actions {
            match action {
                Action::Spawn { run } => self.prepare(name, run),
                Action::Signal { run, signal } => self.signal(&name, run, signal),
                Action::Arm { timer, at } => {
                    if self.fleet.state(&name) == Some(State::Backoff) {
                        crash::point("backoff");
                    }
                    self.timers.insert(name, (timer, at));
                }
                Action::Disarm => {
                    self.timers.remove(&name);
                }
                Action::Probe { run } => self.probe(&name, run),
                Action::Publish => self.publish(&name),
                Action::Save => {
                    let intent = self.fleet.get(&name).map_or(Intent::Down, |instance| instance.want());
                    self.journal.save(&name, intent, epoch_ms());
                }
                Action::Report(report) => self.report(&name, &report),
            }
        }
    }

    fn report(&mut self, name: &ProfileName, report: &Report) {
        if let Some(member) = self.members.get_mut(name) {
            member.take_report(report);
            member.publish(&self.fleet);
        }
        if matches!(report, Report::GaveUp { .. }) {
            self.note_given_up(name);
        }
        if matches!(report, Report::GaveUp { .. } | Report::Failed { .. }) {
            self.judge_files(name);
        }
        if matches!(report, Report::GaveUp { .. }) {
            self.raise(name, Incident::GivenUp, None);
        }
    }

    fn publish(&mut self, name: &ProfileName) {
        let next = self.timers.get(name).map(|(_, at)| epoch_ms() + (*at - self.now()).as_millis() as u64);
        if let Some(member) = self.members.get_mut(name) {
            member.linked.next_attempt_at_ms = next;
            member.publish(&self.fleet);
        }
    }

    fn shaken(&mut self, name: &ProfileName, hello: bool) {
        if let Some(member) = self.members.get_mut(name).filter(|_| hello) {
            member.linked.shaken();
            if let Some(live) = &mut member.live {
                live.heard = live.capture.heard();
            }
        }
    }

    fn live(&mut self, name: &ProfileName, run: Run) -> Option<&mut Live> {
        self.members.get_mut(name)?.live.as_mut().filter(|live| live.run == run && live.ended.is_none())
    }

    /// Fires every timer that is due.
    fn fire(&mut self) {
        let now = self.now();
        let due = self.timers.iter().filter(|(_, (_, at))| *at <= now);
        let due: Vec<(ProfileName, Timer)> = due.map(|(name, (timer, _))| (name.clone(), *timer)).collect();
        let admitted = self.fleet.admissions(now);
        self.perform(admitted);
        for (name, timer) in due {
            self.timers.remove(&name);
            // A member of the group may have ended unseen, as the child of a process that lives.
            if !self.swept(&name) {
                self.note_lasting(&name);
                self.note_recovered(&name);
                self.event(&name, Event::Deadline { timer });
            }
        }
    }
}

/// A random share of the back-off, 0 to 1.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}
