//! The reference model: what must be true of one profile, as plainly as it can be said and with nothing taken from
//! the machine. The walk moves it first; then it judges what the machine does.

use std::time::Duration;

use openclaw_supervisor::base::Moment;
use openclaw_supervisor::base::record::Intent;
use openclaw_supervisor::supervise::{Condition, Exit, GiveUp, Policy, Restart, Run};

const HOUR: Duration = Duration::from_secs(3600);
/// How often within an hour an edit may bring back what was given up.
const EDITS_AN_HOUR: usize = 12;

/// Why nothing more is launched until somebody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// Exit 78.
    Configuration,
    /// Its launch was refused for good.
    Refused,
    /// It died of the same words too often.
    Words,
    /// The budget of the hour is spent.
    Budget,
    /// Its policy wants no restart after such an end.
    Policy,
}

/// A launch that was decided and not answered yet.
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    pub run: Run,
    /// When it was let go.
    pub let_go: Option<Moment>,
}

/// What runs: a leader, what it left behind, or both.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    pub run: Run,
    /// Whether an earlier supervisor made it.
    pub adopted: bool,
    pub leader: bool,
    /// Whether something else of it lives.
    pub rest: bool,
    pub let_go: Option<Moment>,
    pub since: Moment,
    pub progress: Moment,
    pub ready: Option<Moment>,
    /// Whether it served for long enough.
    pub lasted: bool,
    /// Whether it was asked to end, or would be if it had not ended by then.
    pub going: bool,
    /// Whether it goes for a fault of its own.
    pub fault: bool,
    /// Whether its end is a restart's.
    pub restarted: bool,
    /// Whether it hangs for certain, or replaced itself too often.
    pub condemned: bool,
    /// From when on it may be killed, once it was asked.
    pub kill_from: Option<Moment>,
    pub killed: Option<Moment>,
    /// Whether the leader ended after the last kill, so that what it left is killed at once.
    pub orphaned: bool,
}

impl Child {
    pub fn born(run: Run, now: Moment, let_go: Option<Moment>, rest: bool) -> Child {
        Child {
            run,
            adopted: false,
            leader: true,
            rest,
            let_go,
            since: now,
            progress: now,
            ready: None,
            lasted: false,
            going: false,
            fault: false,
            restarted: false,
            condemned: false,
            kill_from: None,
            killed: None,
            orphaned: false,
        }
    }

    /// Until when it may start.
    fn start_deadline(&self, policy: &Policy) -> Moment {
        (self.progress + policy.start_timeout).min(self.since + policy.start_timeout * 3)
    }

    /// Whether it serves or will, as far as anybody knows.
    pub fn is_well(&self) -> bool {
        self.leader && !self.going
    }
}

/// One profile as it must be.
#[derive(Debug)]
pub struct Model {
    pub policy: Policy,
    pub want: Intent,
    pub draining: bool,
    pub end_by: Option<Moment>,
    pub launch: Option<Launch>,
    pub child: Option<Child>,
    pub bar: Option<Bar>,
    /// Whether the next launch was asked for.
    credit: bool,
    unasked: Vec<Moment>,
    edits: Vec<Moment>,
    pub failures: u32,
    /// How often in a row it died of the same.
    words: u32,
    last_words: Option<(Exit, &'static str)>,
}

impl Model {
    pub fn new(policy: Policy) -> Model {
        Model {
            policy,
            want: Intent::Down,
            draining: false,
            end_by: None,
            launch: None,
            child: None,
            bar: None,
            credit: false,
            unasked: Vec::new(),
            edits: Vec::new(),
            failures: 0,
            words: 0,
            last_words: None,
        }
    }

    pub fn target(&self) -> Intent {
        if self.draining { Intent::Down } else { self.want }
    }

    fn is_free(&self) -> bool {
        self.child.is_none() && self.launch.is_none()
    }

    /// What the machine must be in.
    pub fn condition(&self) -> Condition {
        match (&self.launch, &self.child) {
            (Some(_), _) => Condition::Launching,
            (None, Some(child)) if child.going => Condition::Stopping,
            (None, Some(child)) if child.ready.is_some() => Condition::Ready,
            (None, Some(_)) => Condition::Starting,
            (None, None) => match self.bar {
                Some(Bar::Policy) => Condition::Down,
                Some(_) => Condition::Broken,
                None if self.target() == Intent::Down => Condition::Down,
                None => Condition::Resting,
            },
        }
    }

    // What people do.

    pub fn stop(&mut self) {
        self.want = Intent::Down;
        (self.bar, self.credit) = (None, false);
        self.begin_anew();
        self.leave();
    }

    pub fn start(&mut self) {
        let (free, resting) = (self.is_free(), self.condition() == Condition::Resting);
        if free && !resting {
            self.begin_anew();
        }
        if free || self.launch.is_none() && self.want == Intent::Down {
            (self.bar, self.credit) = (None, true);
        }
        self.want = Intent::Up;
    }

    pub fn restart(&mut self) {
        match &mut self.child {
            Some(child) if child.going || child.ready.is_some() || child.adopted => {
                (child.restarted, child.fault) = (true, false);
                child.going |= !child.leader;
                self.credit = true;
                self.want = Intent::Up;
                self.begin_anew();
            }
            _ => self.start(),
        }
    }

    /// Whether an edit brings it back; then it does.
    pub fn edit(&mut self, now: Moment) -> bool {
        let given_up = self.condition() == Condition::Broken && !self.draining;
        if !given_up || recent(&self.edits, now) >= EDITS_AN_HOUR {
            return false;
        }
        self.edits.push(now);
        self.unasked.push(now);
        (self.bar, self.credit) = (None, true);
        self.forget_failures();
        true
    }

    /// Whether it may be restarted for the memory it takes; then it is.
    pub fn outgrow(&mut self, now: Moment) -> bool {
        let within = !self.is_spent(now);
        let draining = self.draining;
        let served = |child: &&mut Child| child.is_well() && child.ready.is_some() && within && !draining;
        let Some(child) = self.child.as_mut().filter(served) else { return false };
        child.restarted = true;
        self.credit = true;
        self.unasked.push(now);
        self.forget_failures();
        true
    }

    pub fn drain(&mut self) {
        (self.draining, self.credit) = (true, false);
        self.leave();
    }

    /// The supervisor begins anew; what runs is adopted, what is wanted is started.
    pub fn next_life(&mut self, now: Moment) {
        let (policy, want, child) = (self.policy.clone(), self.want, self.child);
        *self = Model { want, credit: want == Intent::Up && child.is_none(), ..Model::new(policy) };
        let adopted = |child: Child| Child { adopted: true, ..Child::born(Run(1), now, None, child.rest) };
        self.child = child.map(adopted);
    }

    fn leave(&mut self) {
        if let Some(child) = &mut self.child {
            child.fault = false;
            child.going |= !child.leader;
        }
        self.launch.take_if(|launch| launch.let_go.is_none());
    }

    fn begin_anew(&mut self) {
        self.unasked.clear();
        self.edits.clear();
        self.forget_failures();
    }

    /// Its place was taken by a process of its own making: another run, which nobody asked for.
    pub fn replaced(&mut self, now: Moment) {
        let spent = self.is_spent(now);
        self.unasked.push(now);
        let child = self.child.as_mut().expect("only what lives is replaced");
        *child = Child::born(child.run.next(), now, child.let_go, child.rest);
        child.condemned = spent;
    }

    /// What served for so long has made good for what failed before.
    pub fn grow_stable(&mut self, now: Moment) {
        let stable = self.policy.stable_after;
        let served = |child: &&mut Child| child.ready.is_some_and(|ready| now >= ready + stable);
        if let Some(child) = self.child.as_mut().filter(|child| child.is_well()).filter(served) {
            child.lasted = true;
            self.forget_failures();
        }
    }

    fn forget_failures(&mut self) {
        (self.failures, self.words, self.last_words) = (0, 0, None);
    }

    // What the child does.

    pub fn born(&mut self, now: Moment, rest: bool) {
        let launch = self.launch.take().expect("only what was let go is born");
        self.child = Some(Child::born(launch.run, now, launch.let_go, rest));
    }

    pub fn refused(&mut self, permanent: bool) {
        self.launch = None;
        if self.target() == Intent::Down {
            return;
        }
        self.failures += 1;
        self.bar = match self.policy.restart {
            _ if permanent => Some(Bar::Refused),
            Restart::Never => Some(Bar::Policy),
            Restart::Always | Restart::OnFailure => None,
        };
    }

    /// Nothing of the run is left.
    pub fn over(&mut self, exit: Exit, line: Option<&'static str>) {
        let child = self.child.take().expect("only what lives ends");
        if self.target() == Intent::Down || child.going && !child.fault {
            return;
        }
        let clean = exit.is_clean() && !child.fault;
        let failure = !(clean && child.lasted);
        self.failures += u32::from(failure);
        self.bar = match self.policy.restart {
            _ if !child.fault && exit.code == Some(78) => Some(Bar::Configuration),
            Restart::Never => Some(Bar::Policy),
            Restart::OnFailure if clean => Some(Bar::Policy),
            _ if child.fault || !failure => None,
            _ => self.dies_of(exit, line),
        };
    }

    fn dies_of(&mut self, exit: Exit, line: Option<&'static str>) -> Option<Bar> {
        let words = line.filter(|_| exit.signal.is_none()).map(|line| (exit, line));
        self.words = match words {
            None => 0,
            Some(_) if words == self.last_words => self.words + 1,
            Some(_) => 1,
        };
        self.last_words = words;
        (!self.policy.endless && self.words >= self.policy.same_line).then_some(Bar::Words)
    }

    /// Whether the hour's budget is used up; what waits for something outside has none.
    fn is_spent(&self, now: Moment) -> bool {
        !self.policy.endless && recent(&self.unasked, now) >= self.policy.restarts_per_hour as usize
    }

    // What the machine does.

    /// It wants another run.
    pub fn decided(&mut self, run: Run, now: Moment) {
        assert!(self.child.is_none(), "a launch while {:?} lives", self.child);
        assert!(self.launch.is_none(), "a launch during a launch");
        assert_eq!(self.target(), Intent::Up, "a launch of what is to be down");
        assert_eq!(self.bar, None, "a launch of what was given up");
        if !std::mem::take(&mut self.credit) {
            let made = recent(&self.unasked, now);
            assert!(!self.is_spent(now), "{made} unasked launches within an hour, and one more");
            self.unasked.push(now);
        }
        self.unasked.retain(|made| now - *made < HOUR);
        self.launch = Some(Launch { run, let_go: None });
    }

    pub fn gives_up(&mut self, why: GiveUp, now: Moment) {
        let right = match why {
            GiveUp::Configuration => self.bar == Some(Bar::Configuration),
            GiveUp::Refused => self.bar == Some(Bar::Refused),
            GiveUp::SameLine { times } => self.bar == Some(Bar::Words) && times == self.words,
            GiveUp::BudgetSpent { .. } => {
                let right = self.bar.is_none() && self.is_spent(now);
                self.bar = Some(Bar::Budget);
                right
            }
        };
        assert!(right, "given up for {why:?}; the model says {self:?}");
    }

    pub fn asked_to_end(&mut self, run: Run, now: Moment) {
        let (target, policy) = (self.target(), &self.policy);
        let child = self.child.as_mut().expect("only what lives is asked to end");
        assert_eq!(child.run, run, "another run is asked to end");
        if !child.leader {
            assert!(child.rest, "nothing is asked to end");
            child.kill_from = Some(now + policy.kill_timeout.min(policy.stop_timeout));
            return;
        }
        assert!(!child.going, "it is asked to end twice");
        let late = child.ready.is_none() && now >= child.start_deadline(policy);
        let meant = target == Intent::Down || child.restarted;
        assert!(meant || child.condemned || late, "it is ended for nothing: {child:?}");
        (child.going, child.fault) = (true, !meant);
        child.kill_from = Some(now + policy.stop_timeout);
    }

    pub fn killed(&mut self, run: Run, now: Moment) {
        let child = self.child.as_mut().expect("only what lives is killed");
        assert_eq!(child.run, run, "another run is killed");
        let patience = child.kill_from.expect("killed without being asked");
        let patience = self.end_by.map_or(patience, |by| by.min(patience));
        let again = child.killed.map(|last| now >= last + self.policy.kill_timeout || child.orphaned);
        assert!(again.unwrap_or(now >= patience), "it is killed before its time: {child:?}");
        (child.killed, child.orphaned) = (Some(now), false);
    }

    /// How long it waits before the next attempt.
    pub fn waits(&self, wait: Duration) {
        let least = self.policy.delay_min.saturating_mul(1 << self.failures.saturating_sub(1).min(20));
        let least = least.min(self.policy.delay_max);
        assert!(wait >= least && wait <= self.policy.delay_max, "{wait:?} after {} failures", self.failures);
    }

    /// Nothing outlives its deadline.
    pub fn check(&self, now: Moment) {
        let Some(child) = &self.child else { return };
        if child.leader && !child.going && child.ready.is_none() {
            assert!(now < child.start_deadline(&self.policy), "it starts for ever: {child:?}");
        }
        if let Some(from) = child.kill_from.filter(|_| child.killed.is_none()) {
            assert!(now < from, "it ends for ever: {child:?}");
        }
    }
}

fn recent(made: &[Moment], now: Moment) -> usize {
    made.iter().filter(|at| now - **at < HOUR).count()
}

/// What the rounds of probes of one run amount to.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    poor: u32,
    lost: u32,
    silent: Moment,
    sign: Moment,
    cpu: Option<(Moment, Duration)>,
}

impl Pulse {
    /// A run that serves, or one of which nothing is known since nobody looked.
    pub fn new(now: Moment) -> Pulse {
        Pulse { poor: 0, lost: 0, silent: now, sign: now, cpu: None }
    }

    /// Takes a round that was answered, in time or late.
    pub fn answered(&mut self, late: bool, now: Moment) {
        *self = Pulse { poor: if late { self.poor + 1 } else { 0 }, ..Pulse::new(now) };
    }

    /// Takes a round that was lost; `spoke` if something but the protocol answered.
    pub fn lost(&mut self, began: Moment, spoke: bool, cpu: Duration, now: Moment) {
        if self.lost == 0 {
            (self.silent, self.sign) = (began, began);
        }
        let computed = self.cpu.is_some_and(|(then, before)| (cpu - before) * 10 >= now - then);
        if spoke || computed {
            self.sign = now;
        }
        (self.lost, self.poor, self.cpu) = (self.lost + 1, self.poor + 1, Some((now, cpu)));
    }

    /// Whether it is alive and does nothing.
    pub fn is_hung(&self, now: Moment, policy: &Policy) -> bool {
        let hang = policy.hang_timeout;
        self.lost >= 3 && (now - self.sign >= hang || now - self.silent >= hang * 4)
    }

    pub fn is_poor(&self) -> bool {
        self.poor >= 2
    }
}
