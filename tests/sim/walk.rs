//! Long random walks: deeds of people, children, probes and the machine's owner in any order, possible or not. The
//! walk is the driver of a fleet; after every step the reference model (`model`) judges what the machine did.

use std::time::Duration;

use openclaw_supervisor::base::record::{Intent, State};
use openclaw_supervisor::base::{Moment, ProfileName, Result};
use openclaw_supervisor::supervise::admission::PATIENCE;
use openclaw_supervisor::supervise::watch::{Round, Verdict, Watch};
use openclaw_supervisor::supervise::{
    Action, Condition, Event, Exit, Fleet, Report, Restart, Run, Signal, SweepEvent, Tagged, Timer,
};

use crate::child::any_policy;
use crate::model::{Bar, Model, Pulse};
use crate::random::Random;

/// How many deeds one mixture of them lasts.
const ERA: u64 = 500;
const MILLI: Duration = Duration::from_millis(1);

macro_rules! deeds {
    ($($deed:ident)+) => {
        /// Everything that can happen. A mixture is a part of the list, so that rare rows of deeds come about as well.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Deed { $($deed),+ }

        const DEEDS: &[Deed] = &[$(Deed::$deed),+];
    };
}

deeds! {
    Start Stop Restart Edit Outgrow Reorder Crash Drain Suspend
    Born Refused GetsOn Serves Replaces Mood LeaderEnds RestEnds StaleAnswer Impossible
}

/// How a run answers its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Late,
    /// The challenge comes, the greeting does not.
    Half,
    /// Its health path answers.
    Http,
    Computes,
    Silent,
    Refuses,
    /// Now well, now silent.
    Flaps,
}

/// A round under way: what it will show, and when.
#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u64,
    began: Moment,
    at: Moment,
    round: Round,
}

/// One profile with what its driver keeps.
struct Hand {
    name: ProfileName,
    model: Model,
    saved: Intent,
    armed: Option<(Timer, Moment)>,
    watch: Option<(Watch, Pulse)>,
    asked: Option<Asked>,
    /// A hang that is confirmed, from when on it is told.
    hung: Option<(Run, Moment)>,
    mood: Mood,
    cpu: Duration,
    degraded: bool,
    /// How the leader ended while the rest of its run lives, and what it said last.
    ended: Option<(Exit, Option<&'static str>)>,
    after: Vec<usize>,
}

/// What a walk met.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub steps: u64,
    pub launches: u64,
    pub adopted: u64,
    pub rounds: u64,
    pub hangs: u64,
    pub given_up: u64,
    pub kills: u64,
    pub impossible: u64,
    pub outgrown: u64,
    pub replaced: u64,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.steps += other.steps;
        self.launches += other.launches;
        self.adopted += other.adopted;
        self.rounds += other.rounds;
        self.hangs += other.hangs;
        self.given_up += other.given_up;
        self.kills += other.kills;
        self.impossible += other.impossible;
        self.outgrown += other.outgrown;
        self.replaced += other.replaced;
    }
}

pub struct Walk {
    random: Random,
    now: Moment,
    fleet: Fleet,
    hands: Vec<Hand>,
    at_once: usize,
    pub counts: Counts,
}

impl Walk {
    pub fn new(mut random: Random) -> Walk {
        let hands = (0..3).map(|index| Hand::any(index, &mut random)).collect();
        let at_once = random.between(1, 3) as usize;
        let now = Moment::default();
        let mut walk = Walk { random, now, fleet: Fleet::new(), hands, at_once, counts: Counts::default() };
        walk.begin_life();
        walk
    }

    /// Walks on for so many deeds, with a calm between two mixtures of them.
    pub fn go(&mut self, steps: u64) {
        for _ in 0..steps / ERA {
            let mut mixture: Vec<Deed> = DEEDS.iter().copied().filter(|_| self.random.once_in(2)).collect();
            if self.random.once_in(2) {
                mixture.extend([Deed::Born, Deed::Born, Deed::Serves, Deed::LeaderEnds, Deed::RestEnds]);
            }
            for _ in 0..ERA {
                self.counts.steps += 1;
                if mixture.is_empty() || self.random.once_in(3) {
                    let most = self.random.pick(&[1, 100, 2_000, 2_000, 20_000, 100_000]);
                    let wait = self.random.between(0, most);
                    self.pass(MILLI * wait as u32);
                } else {
                    let (deed, index) = (self.random.pick(&mixture), self.random.between(0, 2) as usize);
                    self.does(deed, index);
                }
                self.check();
            }
            self.calm();
        }
    }

    fn does(&mut self, deed: Deed, index: usize) {
        let now = self.now;
        match deed {
            Deed::Start | Deed::Stop | Deed::Restart => self.order(deed, index),
            Deed::Edit => {
                let expected = self.hands[index].model.edit(now);
                self.step(index, Event::Changed);
                assert_eq!(self.hands[index].model.launch.is_some() && expected, expected, "an edit");
            }
            Deed::Outgrow => self.outgrow(index),
            Deed::Reorder => {
                let other = self.random.between(0, 2) as usize;
                self.hands[index].after = if other == index { Vec::new() } else { vec![other] };
                self.set_after(index);
                let actions = self.fleet.admissions(now);
                self.act(actions);
            }
            Deed::Crash if self.random.once_in(4) => self.crash(),
            Deed::Drain if self.random.once_in(10) => self.drain(),
            Deed::Suspend => self.suspend(),
            Deed::Born => self.born(index),
            Deed::Refused => self.refused(index),
            Deed::GetsOn => self.gets_on(index),
            Deed::Serves => self.serves(index),
            Deed::Replaces => self.replaces(index),
            Deed::Mood => {
                use Mood::{Computes, Flaps, Half, Http, Late, Refuses, Silent, Well};
                self.hands[index].mood =
                    self.random.pick(&[Well, Late, Half, Http, Computes, Silent, Silent, Refuses, Flaps]);
            }
            Deed::LeaderEnds => self.leader_ends(index),
            Deed::RestEnds => self.rest_ends(index),
            Deed::StaleAnswer => self.stale_answer(index),
            Deed::Impossible => self.impossible(index),
            Deed::Crash | Deed::Drain => {}
        }
    }

    // Lives of the supervisor.

    fn begin_life(&mut self) {
        self.fleet = Fleet::new();
        self.fleet.launch_at_most(self.at_once);
        for hand in &mut self.hands {
            hand.model.next_life(self.now);
            (hand.armed, hand.watch, hand.asked, hand.hung) = (None, None, None, None);
            hand.degraded = false;
            assert!(self.fleet.insert(hand.name.clone(), hand.model.policy.clone(), hand.saved));
        }
        for index in 0..self.hands.len() {
            self.set_after(index);
        }
        for index in 0..self.hands.len() {
            if self.hands[index].model.child.is_some() {
                self.counts.adopted += 1;
                self.step(index, Event::Adopted);
            } else if self.hands[index].saved == Intent::Up {
                let actions = self.fleet.start(&self.hands[index].name, self.now).unwrap();
                self.act(actions);
            }
        }
    }

    /// SIGKILL of the supervisor. What a leader left behind is ended before a launch, which is not of this walk.
    fn crash(&mut self) {
        let leaderless = |hand: &Hand| hand.model.child.is_some_and(|child| !child.leader);
        if !self.fleet.is_draining() && !self.hands.iter().any(leaderless) {
            self.begin_life();
        }
    }

    fn drain(&mut self) {
        if !self.fleet.is_draining() {
            self.hands.iter_mut().for_each(|hand| hand.model.drain());
            let actions = self.fleet.begin_drain(self.now);
            self.act(actions);
        } else if self.fleet.drained() {
            self.begin_life();
        } else {
            let by = self.now + MILLI * self.random.between(0, 5_000) as u32;
            let by = self.hands[0].model.end_by.map_or(by, |before| before.min(by));
            self.hands.iter_mut().for_each(|hand| hand.model.end_by = Some(by));
            let actions = self.fleet.limit(Some(by), self.now);
            self.act(actions);
        }
    }

    /// Nobody looks for a while: no deadline comes nearer, and what was asked meanwhile tells nothing.
    fn suspend(&mut self) {
        let now = self.now;
        for hand in &mut self.hands {
            if let Some((watch, pulse)) = &mut hand.watch {
                watch.restart(now);
                *pulse = Pulse::new(now);
            }
        }
    }

    // Orders.

    fn order(&mut self, deed: Deed, index: usize) {
        let draining = self.fleet.is_draining();
        let hand = &mut self.hands[index];
        let answer: Result<Vec<Tagged>> = match deed {
            Deed::Stop => {
                hand.model.stop();
                self.fleet.stop(&hand.name, self.now)
            }
            _ if draining => {
                assert!(self.fleet.start(&hand.name, self.now).is_err(), "a start during a drain");
                return;
            }
            Deed::Start => {
                hand.model.start();
                self.fleet.start(&hand.name, self.now)
            }
            _ => {
                hand.model.restart();
                self.fleet.restart(&hand.name, self.now)
            }
        };
        self.act(answer.unwrap());
    }

    fn outgrow(&mut self, index: usize) {
        let may = self.hands[index].model.outgrow(self.now);
        let actions = self.fleet.restart_unasked(&self.hands[index].name, self.now);
        assert_eq!(!actions.is_empty(), may, "a restart for memory: {:?}", self.hands[index].model);
        self.counts.outgrown += u64::from(may);
        self.act(actions);
    }

    fn set_after(&mut self, index: usize) {
        let after = self.hands[index].after.iter().map(|other| self.hands[*other].name.clone()).collect();
        self.fleet.set_after(&self.hands[index].name, after);
    }

    // What children do.

    fn born(&mut self, index: usize) {
        let rest = self.random.once_in(3);
        let hand = &mut self.hands[index];
        let Some(launch) = hand.model.launch.filter(|launch| launch.let_go.is_some()) else { return };
        hand.model.born(self.now, rest);
        hand.mood = Mood::Well;
        self.step(index, Event::Spawned { run: launch.run });
    }

    fn refused(&mut self, index: usize) {
        let permanent = self.random.once_in(4);
        let hand = &mut self.hands[index];
        let Some(launch) = hand.model.launch.filter(|launch| launch.let_go.is_some()) else { return };
        hand.model.refused(permanent);
        self.step(index, Event::SpawnFailed { run: launch.run, permanent });
    }

    fn gets_on(&mut self, index: usize) {
        let Some(child) = self.hands[index].model.child.as_mut().filter(|child| child.is_well()) else {
            return;
        };
        let run = child.run;
        child.progress = self.now;
        self.step(index, Event::Progress { run });
    }

    fn serves(&mut self, index: usize) {
        let now = self.now;
        let hand = &mut self.hands[index];
        let Some(child) = hand.model.child.as_mut().filter(|child| child.is_well()) else { return };
        if child.ready.is_none() {
            let run = child.run;
            child.ready = Some(now);
            hand.watch = Some((Watch::new(now, &hand.model.policy), Pulse::new(now)));
            self.step(index, Event::Ready { run });
        }
    }

    /// It goes on as another process of its own making.
    fn replaces(&mut self, index: usize) {
        let hand = &mut self.hands[index];
        let Some(child) = hand.model.child.filter(|child| child.is_well()) else { return };
        hand.model.replaced(self.now);
        (hand.watch, hand.asked) = (None, None);
        self.step(index, Event::Replaced { run: child.run });
        self.counts.replaced += 1;
    }

    fn leader_ends(&mut self, index: usize) {
        let codes = [Exit::code(0), Exit::code(1), Exit::code(1), Exit::code(78), Exit::signal(9)];
        let exit = self.random.pick(&codes);
        let line = self.random.pick(&[Some("unknown key"), Some("unknown key"), Some("no disk"), None]);
        let hand = &mut self.hands[index];
        let Some(child) = hand.model.child.as_mut().filter(|child| child.leader) else { return };
        let (run, alone) = (child.run, !child.rest);
        child.leader = false;
        child.orphaned = child.killed.is_some();
        hand.ended = Some((exit, line));
        self.fleet.hear(&hand.name, run, line);
        if alone {
            hand.model.over(exit, line);
        }
        self.sweep(index, run, SweepEvent::LeaderExited { exit, alone });
    }

    fn rest_ends(&mut self, index: usize) {
        let hand = &mut self.hands[index];
        let Some(child) = hand.model.child.as_mut().filter(|child| child.rest) else { return };
        child.rest = false;
        let (run, led) = (child.run, child.leader);
        if led {
            return;
        }
        let (exit, line) = hand.ended.expect("who leads no more has ended");
        hand.model.over(exit, line);
        self.sweep(index, run, SweepEvent::GroupEmpty);
    }

    // What must change nothing.

    fn stale_answer(&mut self, index: usize) {
        let number = self.random.between(0, 3);
        let (now, hand) = (self.now, &mut self.hands[index]);
        let current = hand.asked.map(|asked| asked.number);
        let Some((watch, _)) = hand.watch.as_mut().filter(|_| current != Some(number)) else { return };
        assert_eq!(watch.take(number, Round::default(), now, &hand.model.policy), None, "a stale answer");
    }

    fn impossible(&mut self, index: usize) {
        let (kind, age) = (self.random.between(0, 10), self.random.between(0, 2));
        let hand = &self.hands[index];
        let name = hand.name.clone();
        let current = self.fleet.get(&name).unwrap().run();
        let run = Run((current.0 + age).saturating_sub(1));
        let (gone, stale) = (hand.model.child.is_none_or(|child| !child.leader), run != current);
        let answering = hand.model.launch.is_some_and(|launch| launch.let_go.is_some());
        let serves = hand.model.child.is_some_and(|child| child.going || child.ready.is_some());
        let exit = Exit::code(1);
        let timer = hand.armed.map_or(Timer(0), |(timer, _)| Timer((timer.0 + age).saturating_sub(1)));
        let (event, nothing) = match kind {
            0 => (Event::Spawned { run }, stale || !answering),
            1 => (Event::SpawnFailed { run, permanent: age == 0 }, stale || !answering),
            2 => (Event::Progress { run }, stale || gone),
            3 => (Event::Probed { run, healthy: false }, stale || gone),
            4 => (Event::Hung { run }, stale || gone),
            5 => (Event::Ready { run }, stale || gone || serves),
            6 => (Event::Exited { run, exit }, stale || gone),
            7 => (Event::Deadline { timer }, hand.armed.is_none_or(|(armed, _)| armed != timer)),
            8 => {
                (Event::Replaced { run }, stale || gone || hand.model.child.is_some_and(|child| child.going))
            }
            9 => (Event::Adopted, hand.model.condition() != Condition::Down),
            _ => return self.impossible_sweep(index, run, stale),
        };
        if nothing {
            let before = self.seen(&name);
            let actions = self.fleet.step(&name, event, self.now, 0.5);
            let said = |(_, action): &Tagged| matches!(action, Action::Report(Report::Impossible { .. }));
            assert!(actions.iter().all(said), "{event:?} led to {actions:?}");
            assert_eq!(self.seen(&name), before, "{event:?}");
            self.counts.impossible += 1;
        }
    }

    fn impossible_sweep(&mut self, index: usize, run: Run, stale: bool) {
        let hand = &self.hands[index];
        if stale || hand.model.child.is_none_or(|child| child.leader) {
            let before = self.seen(&hand.name);
            let events = [SweepEvent::GroupEmpty, SweepEvent::Deadline];
            for event in events {
                assert!(self.fleet.sweep(&hand.name, run, event, self.now, 0.5).is_empty(), "{event:?}");
            }
            assert_eq!(self.seen(&hand.name), before);
            self.counts.impossible += 1;
        }
        let stranger: ProfileName = "stranger".parse().unwrap();
        assert!(self.fleet.step(&stranger, Event::WantUp, self.now, 0.5).is_empty());
        assert!(self.fleet.start(&stranger, self.now).is_err());
    }

    /// All that can be seen of a profile.
    fn seen(&self, name: &ProfileName) -> impl PartialEq + std::fmt::Debug + use<> {
        let one = self.fleet.get(name).unwrap();
        let counts = (one.restarts(), one.failures(), one.last_failure(), one.gave_up());
        let phase = self.fleet.phase(name);
        (
            one.want(),
            one.condition(),
            one.run(),
            self.fleet.state(name),
            phase,
            counts,
            self.fleet.armed(name),
        )
    }

    // Time.

    /// Time passes, and what is due on the way is done, as the driver does it.
    fn pass(&mut self, wait: Duration) {
        let until = self.now + wait;
        for _ in 0..100_000 {
            let mut due = self.fleet.next_admission();
            for hand in &self.hands {
                let watch = hand.watch.as_ref().and_then(|(watch, _)| watch.due());
                let answer = hand.asked.map(|asked| asked.at);
                let own = [hand.armed.map(|(_, at)| at), watch, answer, hand.hung.map(|(_, at)| at)];
                due = own.into_iter().flatten().chain(due).min();
            }
            let Some(due) = due.filter(|due| *due <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(due);
            self.fire();
            self.check();
        }
        panic!("it is awake without end");
    }

    fn fire(&mut self) {
        let now = self.now;
        let actions = self.fleet.admissions(now);
        self.act(actions);
        for index in 0..self.hands.len() {
            let hand = &mut self.hands[index];
            if let Some((timer, _)) = hand.armed.take_if(|(_, at)| *at <= now) {
                self.deadline(index, timer);
            }
            if let Some((run, _)) = self.hands[index].hung.take_if(|(_, at)| *at <= now) {
                self.tell_hang(index, run);
            }
            if let Some(asked) = self.hands[index].asked.take_if(|asked| asked.at <= now) {
                self.answer(index, asked);
            }
            self.ask(index);
            let killed = self.hands[index].model.child.is_some_and(|child| child.killed.is_some());
            if killed && self.random.once_in(3) {
                self.rest_ends(index);
                self.leader_ends(index);
            }
        }
    }

    fn deadline(&mut self, index: usize, timer: Timer) {
        let now = self.now;
        let model = &mut self.hands[index].model;
        let retries = model.condition() == Condition::Resting;
        model.grow_stable(now);
        self.step(index, Event::Deadline { timer });
        assert!(
            !retries || self.hands[index].model.launch.is_some(),
            "its time came and nothing was launched"
        );
    }

    // Probes.

    fn ask(&mut self, index: usize) {
        let state = self.fleet.state(&self.hands[index].name);
        let hand = &mut self.hands[index];
        if !matches!(state, Some(State::Ready | State::Degraded)) {
            (hand.watch, hand.asked) = (None, None);
        }
        let Some((watch, _)) = &mut hand.watch else { return };
        let Some(ask) = watch.ask(self.now, &hand.model.policy) else { return };
        let hang = hand.model.policy.hang_timeout;
        let mood = match hand.mood {
            Mood::Flaps => self.random.pick(&[Mood::Well, Mood::Silent]),
            mood => mood,
        };
        let took = match mood {
            Mood::Well => hang / 100,
            Mood::Late => (hang / 6).min(ask.limit),
            Mood::Refuses => Duration::ZERO,
            _ => ask.limit,
        };
        hand.cpu += if mood == Mood::Computes { took + hand.model.policy.probe_interval } else { MILLI };
        let well = matches!(mood, Mood::Well | Mood::Late);
        let round = Round {
            well,
            answered: well || mood == Mood::Half,
            spoke: well || matches!(mood, Mood::Half | Mood::Http),
            took,
            cpu: Some(hand.cpu),
        };
        hand.asked = Some(Asked { number: ask.number, began: self.now, at: self.now + took, round });
    }

    fn answer(&mut self, index: usize, asked: Asked) {
        let now = self.now;
        let evidence = MILLI * self.random.between(0, 5_000) as u32;
        let hand = &mut self.hands[index];
        let (Some((watch, pulse)), Some(child)) = (&mut hand.watch, hand.model.child) else { return };
        let policy = &hand.model.policy;
        let waits = watch.due().is_none();
        let Some(verdict) = watch.take(asked.number, asked.round, now, policy) else {
            assert!(!waits, "an answer is dropped");
            return;
        };
        self.counts.rounds += 1;
        let round = asked.round;
        if round.answered {
            pulse.answered(!round.well || round.took >= policy.hang_timeout / 8, now);
        } else {
            pulse.lost(asked.began, round.spoke, round.cpu.unwrap(), now);
        }
        let hung = pulse.is_hung(now, policy);
        assert_eq!(verdict == Verdict::Hung, hung, "{verdict:?}: {pulse:?}");
        assert_eq!(verdict == Verdict::Degraded, pulse.is_poor() && !hung, "{verdict:?}: {pulse:?}");
        let event = match verdict {
            Verdict::Well | Verdict::Degraded => verdict == Verdict::Well,
            Verdict::Doubt => return,
            Verdict::Hung => {
                self.counts.hangs += 1;
                (hand.watch, hand.hung) = (None, Some((child.run, now + evidence)));
                return;
            }
        };
        hand.degraded = !event;
        self.step(index, Event::Probed { run: child.run, healthy: event });
    }

    fn tell_hang(&mut self, index: usize, run: Run) {
        let child = self.hands[index].model.child.as_mut();
        let served = child.filter(|child| child.run == run && child.is_well() && child.ready.is_some());
        let ends = served.map(|child| child.condemned = true).is_some();
        self.step(index, Event::Hung { run });
        let going = self.hands[index].model.child.is_some_and(|child| child.going);
        assert!(!ends || going, "a hang is not ended");
    }

    // What the machine wants.

    fn step(&mut self, index: usize, event: Event) {
        let jitter = self.random.fraction();
        let actions = self.fleet.step(&self.hands[index].name, event, self.now, jitter);
        self.act(actions);
    }

    fn sweep(&mut self, index: usize, run: Run, event: SweepEvent) {
        let jitter = self.random.fraction();
        let actions = self.fleet.sweep(&self.hands[index].name, run, event, self.now, jitter);
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Tagged>) {
        self.notice_decisions();
        for (name, action) in actions {
            let index = self.hands.iter().position(|hand| hand.name == name).unwrap();
            let hand = &mut self.hands[index];
            match action {
                Action::Spawn { run } => self.let_go(index, run),
                Action::Signal { run, signal: Signal::Terminate } => hand.model.asked_to_end(run, self.now),
                Action::Signal { run, signal: Signal::Kill } => {
                    self.counts.kills += 1;
                    hand.model.killed(run, self.now);
                }
                Action::Arm { timer, at } => {
                    hand.armed = Some((timer, at));
                    if hand.model.condition() == Condition::Resting {
                        hand.model.waits(at - self.now);
                    }
                }
                Action::Disarm => assert!(hand.armed.take().is_some(), "{name}: nothing was armed"),
                Action::Save => hand.saved = self.fleet.get(&name).unwrap().want(),
                Action::Probe { run } => assert!(hand.model.child.is_some_and(|child| child.run == run)),
                Action::Report(Report::GaveUp { why, .. }) => {
                    self.counts.given_up += 1;
                    hand.model.gives_up(why, self.now);
                }
                Action::Report(Report::Impossible { condition, event }) => {
                    panic!("{name}: {event:?} cannot come in {condition:?}")
                }
                Action::Report(_) | Action::Publish => {}
            }
        }
    }

    /// A new number of a run that is to be launched is the decision to launch it.
    fn notice_decisions(&mut self) {
        for hand in &mut self.hands {
            let instance = self.fleet.get(&hand.name).unwrap();
            let known = hand.model.launch.is_some_and(|launch| launch.run == instance.run());
            if instance.condition() == Condition::Launching && !known {
                hand.model.decided(instance.run(), self.now);
            }
        }
    }

    fn let_go(&mut self, index: usize, run: Run) {
        self.counts.launches += 1;
        let launch = self.hands[index].model.launch.as_mut().expect("a launch that was not decided");
        assert_eq!((launch.run, launch.let_go), (run, None), "it is launched twice");
        launch.let_go = Some(self.now);
        assert!(self.coming() <= self.at_once, "{} launches at once", self.coming());
    }

    /// How many launches were let go lately and are not ready yet.
    fn coming(&self) -> usize {
        let lately = |at: Option<Moment>| at.is_some_and(|at| self.now < at + PATIENCE);
        let comes = |hand: &&Hand| match (&hand.model.launch, &hand.model.child) {
            (Some(launch), _) => lately(launch.let_go),
            (None, Some(child)) => child.ready.is_none() && !child.going && lately(child.let_go),
            (None, None) => false,
        };
        self.hands.iter().filter(comes).count()
    }

    // What holds after every step.

    fn check(&self) {
        for hand in &self.hands {
            let (name, model) = (&hand.name, &hand.model);
            let instance = self.fleet.get(name).unwrap();
            assert_eq!(instance.condition(), model.condition(), "{name}: {model:?}");
            assert_eq!((instance.want(), hand.saved), (model.want, model.want), "{name}: intent");
            assert_eq!(instance.failures(), model.failures, "{name}: failures in a row; {model:?}");
            assert_eq!(self.fleet.armed(name), hand.armed.map(|(timer, _)| timer), "{name}: timer");
            let timed =
                matches!(model.condition(), Condition::Starting | Condition::Stopping | Condition::Resting);
            assert!(!timed || hand.armed.is_some(), "{name}: {model:?} for ever");
            model.check(self.now);
            if model.launch.is_some_and(|launch| launch.let_go.is_none()) {
                assert!(self.waits_for_a_reason(hand), "{name} waits for nobody");
            }
            if model.condition() == Condition::Down || model.condition() == Condition::Broken {
                assert_eq!(hand.armed, None, "{name}: a timer without reason");
            }
        }
    }

    fn waits_for_a_reason(&self, hand: &Hand) -> bool {
        let on_its_way = |other: &usize| {
            let model = &self.hands[*other].model;
            model.launch.is_some() || model.child.is_some_and(|child| child.ready.is_none() || child.going)
        };
        self.coming() >= self.at_once || hand.after.iter().any(on_its_way)
    }

    /// The trouble is over: what is wanted comes true.
    fn calm(&mut self) {
        for _ in 0..100 {
            for index in 0..self.hands.len() {
                self.born(index);
                self.serves(index);
                self.hands[index].mood = Mood::Well;
                if self.hands[index].model.child.is_some_and(|child| child.kill_from.is_some()) {
                    self.rest_ends(index);
                    self.leader_ends(index);
                }
            }
            self.pass(Duration::from_secs(5));
            self.check();
        }
        for hand in &self.hands {
            let (condition, model) = (hand.model.condition(), &hand.model);
            let fine = match model.target() {
                Intent::Down => matches!(condition, Condition::Down | Condition::Broken),
                Intent::Up => condition == Condition::Ready || model.bar.is_some(),
            };
            assert!(fine, "{}: wanted {:?}, and {condition:?} in the end", hand.name, model.target());
            assert!(model.bar != Some(Bar::Policy) || model.policy.restart != Restart::Always);
        }
        if self.fleet.is_draining() {
            assert!(self.fleet.drained());
            self.begin_life();
        }
    }
}

impl Hand {
    fn any(index: u64, random: &mut Random) -> Hand {
        let policy = any_policy(random);
        Hand {
            name: format!("p{index}").parse().unwrap(),
            model: Model::new(policy),
            saved: Intent::Down,
            armed: None,
            watch: None,
            asked: None,
            hung: None,
            mood: Mood::Well,
            cpu: Duration::ZERO,
            degraded: false,
            ended: None,
            after: Vec::new(),
        }
    }
}
