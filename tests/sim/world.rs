//! The world around a fleet: an event heap ordered by (moment, number), scripted process groups, terminals
//! that give orders, and a driver that obeys the fleet's actions. No runtime, no clock, no sleep.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use openclaw_supervisor::base::record::Intent;
use openclaw_supervisor::base::{Moment, ProfileName};
use openclaw_supervisor::supervise::{
    Action, Condition, Event, Exit, Fleet, Policy, Report, Run, Signal, SweepEvent, Tagged, Timer,
};

use crate::child::{Script, any_policy};
use crate::random::Random;

/// How long the driver takes to answer a launch at most, in milliseconds.
pub const LAUNCH_MAX: u64 = 20;

/// What a terminal, or the machine's owner, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    Start,
    Stop,
    Restart,
    /// SIGKILL of the supervisor; the next one adopts what runs.
    Crash,
    Drain,
}

/// What happens to a profile.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Order(Order),
    /// The driver of one supervisor's life has something to tell; a later life never hears it.
    Tell {
        life: u64,
        event: Event,
    },
    /// The same, by a probe that ends with the run it watches.
    Watched {
        life: u64,
        pid: u64,
        event: Event,
    },
    LeaderEnds {
        pid: u64,
        exit: Exit,
    },
    GrandchildEnds {
        pid: u64,
    },
    GroupSeenEmpty {
        pid: u64,
    },
    Hangs {
        pid: u64,
    },
    /// Somebody edits the files of the profile.
    Edited,
}

/// A process group.
#[derive(Debug)]
struct Group {
    pid: u64,
    run: Run,
    born: u64,
    leader: bool,
    grandchild: bool,
    script: Script,
}

/// A profile with what the world knows of it, independently of the machine.
struct Profile {
    name: ProfileName,
    policy: Policy,
    want: Intent,
    saved: Intent,
    armed: Option<Timer>,
    group: Option<Group>,
    /// Whether the user ordered something since the last launch.
    ordered: bool,
    unasked: Vec<u64>,
    last_wait: Option<(u32, Duration)>,
}

pub struct World {
    now: u64,
    number: u64,
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
    happenings: Vec<(usize, Happening)>,
    random: Random,
    fleet: Fleet,
    life: u64,
    next_pid: u64,
    profiles: Vec<Profile>,
    /// Whether new children have no trouble.
    healthy: bool,
    pub launches: u64,
    pub steps: u64,
}

impl World {
    pub fn new(mut random: Random, profiles: u64) -> Self {
        let profiles = (0..profiles).map(|index| Profile::any(index, &mut random)).collect();
        let mut world = World {
            now: 0,
            number: 0,
            heap: BinaryHeap::new(),
            happenings: Vec::new(),
            random,
            fleet: Fleet::new(),
            life: 0,
            next_pid: 0,
            profiles,
            healthy: false,
            launches: 0,
            steps: 0,
        };
        world.begin_life();
        world
    }

    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    pub fn edit(&mut self, at: u64, profile: usize) {
        self.plan(at, profile, Happening::Edited);
    }

    pub fn order(&mut self, at: u64, profile: usize, order: Order) {
        self.plan(at, profile, Happening::Order(order));
    }

    /// From here on no child has trouble.
    pub fn heal(&mut self) {
        self.healthy = true;
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lives on until nothing is planned any more, or until `until`.
    pub fn live(&mut self, until: Option<u64>) {
        while let Some(Reverse((at, _, index))) = self.heap.peek().copied() {
            if until.is_some_and(|until| at > until) {
                return;
            }
            self.heap.pop();
            self.now = at;
            self.steps += 1;
            assert!(self.steps < 20_000, "the history does not come to rest");
            let (profile, happening) = self.happenings[index];
            self.happen(profile, happening);
            self.check();
        }
    }

    pub fn assert_down(&self) {
        for profile in &self.profiles {
            let instance = self.fleet.get(&profile.name).unwrap();
            assert!(instance.is_idle(), "{}: {:?}", profile.name, instance.condition());
            assert!(profile.group.is_none(), "{}: a process is left", profile.name);
            assert_eq!(profile.armed, None, "{}: a timer is left", profile.name);
        }
        assert!(self.fleet.is_idle());
    }

    pub fn assert_drained(&self) {
        self.assert_down();
        assert!(self.fleet.drained());
    }

    pub fn assert_ready(&self) {
        for profile in &self.profiles {
            let condition = self.fleet.get(&profile.name).unwrap().condition();
            assert_eq!(condition, Condition::Ready, "{}", profile.name);
        }
    }

    fn plan(&mut self, at: u64, profile: usize, happening: Happening) {
        self.heap.push(Reverse((at.max(self.now), self.number, self.happenings.len())));
        self.happenings.push((profile, happening));
        self.number += 1;
    }

    fn tell(&mut self, at: u64, profile: usize, event: Event) {
        self.plan(at, profile, Happening::Tell { life: self.life, event });
    }

    fn happen(&mut self, index: usize, happening: Happening) {
        match happening {
            Happening::Order(order) => self.obey(index, order),
            Happening::Tell { life, event } if life == self.life => self.step(index, event),
            Happening::Tell { .. } => {}
            Happening::Watched { life, pid, event } => {
                let watched = self.profiles[index].group.as_ref();
                if life == self.life && watched.is_some_and(|group| group.pid == pid && group.leader) {
                    self.step(index, event);
                }
            }
            Happening::Edited => self.edited(index),
            Happening::LeaderEnds { pid, exit } => self.leader_ends(index, pid, exit),
            Happening::GrandchildEnds { pid } => self.grandchild_ends(index, pid),
            Happening::GroupSeenEmpty { pid } => {
                if let Some(group) = self.profiles[index].group.take_if(|group| group.pid == pid) {
                    self.sweep(index, group.run, SweepEvent::GroupEmpty);
                }
            }
            Happening::Hangs { pid } => {
                let hung =
                    self.profiles[index].group.as_ref().filter(|group| group.pid == pid && group.leader);
                if let Some(run) = hung.map(|group| group.run) {
                    self.step(index, Event::Hung { run });
                }
            }
        }
    }

    fn obey(&mut self, index: usize, order: Order) {
        let (name, now) = (self.profiles[index].name.clone(), Moment::from_millis(self.now));
        let instance = self.fleet.get(&name).unwrap();
        let (condition, begins_anew) = (instance.condition(), instance.begins_anew());
        let draining = self.fleet.is_draining();
        let answer = match order {
            Order::Crash => return self.crash(),
            Order::Drain => Ok(self.fleet.begin_drain(now)),
            Order::Start => self.fleet.start(&name, now),
            Order::Stop => self.fleet.stop(&name, now),
            Order::Restart => self.fleet.restart(&name, now),
        };
        let profile = &mut self.profiles[index];
        let wanted = profile.want;
        match order {
            Order::Stop => profile.want = Intent::Down,
            Order::Start | Order::Restart if !draining => profile.want = Intent::Up,
            Order::Start | Order::Restart | Order::Crash | Order::Drain => {}
        }
        use Condition::{Broken, Down, Launching, Ready, Resting, Starting, Stopping};
        let afresh = match order {
            Order::Stop => true,
            Order::Start => matches!(condition, Down | Broken),
            Order::Restart => {
                matches!(condition, Down | Broken | Ready | Stopping) || condition == Starting && !begins_anew
            }
            Order::Crash | Order::Drain => false,
        };
        if afresh {
            profile.unasked.clear();
            profile.last_wait = None;
        }
        let launches = match order {
            Order::Start => {
                matches!(condition, Down | Broken | Resting)
                    || condition == Stopping && wanted == Intent::Down
            }
            Order::Restart => condition != Launching && !begins_anew,
            Order::Stop | Order::Crash | Order::Drain => false,
        };
        profile.ordered = launches || profile.ordered && order != Order::Stop;
        assert_eq!(answer.is_err(), draining && matches!(order, Order::Start | Order::Restart));
        self.act(answer.unwrap_or_default());
    }

    fn edited(&mut self, index: usize) {
        let name = self.profiles[index].name.clone();
        let broken = self.fleet.get(&name).unwrap().condition() == Condition::Broken;
        let now = Moment::from_millis(self.now);
        let actions = self.fleet.step(&name, Event::Changed, now, 0.0);
        let spawns = actions.iter().any(|(_, action)| matches!(action, Action::Spawn { .. }));
        assert!(
            !spawns || broken && !self.fleet.is_draining(),
            "{name}: an edit starts what was not given up"
        );
        let profile = &mut self.profiles[index];
        profile.ordered |= spawns;
        if spawns {
            profile.last_wait = None;
        }
        self.act(actions);
    }

    /// The supervisor dies between two events; runs live on, unasked for.
    fn crash(&mut self) {
        let leaderless = |profile: &Profile| profile.group.as_ref().is_some_and(|group| !group.leader);
        if self.fleet.is_draining() || self.profiles.iter().any(leaderless) {
            return;
        }
        self.begin_life();
    }

    fn begin_life(&mut self) {
        self.life += 1;
        self.fleet = Fleet::new();
        let now = Moment::from_millis(self.now);
        for index in 0..self.profiles.len() {
            let profile = &mut self.profiles[index];
            profile.armed = None;
            profile.unasked.clear();
            profile.last_wait = None;
            profile.ordered = true;
            let name = profile.name.clone();
            assert!(self.fleet.insert(name.clone(), profile.policy.clone(), profile.saved));
            if let Some(group) = &mut profile.group {
                group.run = Run(1);
                self.step(index, Event::Adopted);
            } else if profile.saved == Intent::Up {
                let actions = self.fleet.start(&name, now).unwrap();
                self.act(actions);
            }
        }
    }

    fn step(&mut self, index: usize, event: Event) {
        let profile = &mut self.profiles[index];
        let mut stale = false;
        if let Event::Deadline { timer } = event {
            stale = profile.armed != Some(timer);
            profile.armed.take_if(|armed| *armed == timer);
        }
        let jitter = self.random.fraction();
        let actions = self.fleet.step(&profile.name, event, Moment::from_millis(self.now), jitter);
        assert!(!stale || actions.is_empty(), "a stale deadline did {actions:?}");
        self.act(actions);
    }

    fn sweep(&mut self, index: usize, run: Run, event: SweepEvent) {
        let jitter = self.random.fraction();
        let name = self.profiles[index].name.clone();
        let actions = self.fleet.sweep(&name, run, event, Moment::from_millis(self.now), jitter);
        self.act(actions);
    }

    fn leader_ends(&mut self, index: usize, pid: u64, exit: Exit) {
        let profile = &mut self.profiles[index];
        let Some(group) = profile.group.as_mut().filter(|group| group.pid == pid && group.leader) else {
            return;
        };
        group.leader = false;
        let (run, alone) = (group.run, !group.grandchild);
        if alone {
            profile.group = None;
        }
        let name = profile.name.clone();
        let line = self.random.pick(&[Some("unknown key"), Some("unknown key"), Some("no disk"), None]);
        self.fleet.hear(&name, run, line);
        self.sweep(index, run, SweepEvent::LeaderExited { exit, alone });
    }

    fn grandchild_ends(&mut self, index: usize, pid: u64) {
        let Some(group) = &mut self.profiles[index].group else { return };
        if group.pid != pid || !std::mem::take(&mut group.grandchild) || group.leader {
            return;
        }
        let seen = self.now + self.random.between(0, 50);
        self.plan(seen, index, Happening::GroupSeenEmpty { pid });
    }

    fn act(&mut self, actions: Vec<Tagged>) {
        for (name, action) in actions {
            let index = self.profiles.iter().position(|profile| profile.name == name).unwrap();
            match action {
                Action::Spawn { run } => self.spawn(index, run),
                Action::Signal { run, signal } => self.signal(index, run, signal),
                Action::Arm { timer, at } => {
                    self.profiles[index].armed = Some(timer);
                    self.check_wait(index, at);
                    let at = at.since_start().as_millis() as u64;
                    self.tell(at, index, Event::Deadline { timer });
                }
                Action::Disarm => {
                    assert!(self.profiles[index].armed.take().is_some(), "{name}: nothing was armed");
                }
                Action::Probe { run } => self.probe(index, run),
                Action::Save => self.profiles[index].saved = self.fleet.get(&name).unwrap().want(),
                Action::Report(Report::Impossible { condition, event }) => {
                    panic!("{name}: {event:?} cannot come in {condition:?}")
                }
                Action::Report(_) | Action::Publish => {}
            }
        }
    }

    fn spawn(&mut self, index: usize, run: Run) {
        let ordered = std::mem::take(&mut self.profiles[index].ordered);
        let profile = &mut self.profiles[index];
        assert!(profile.group.is_none(), "{}: spawn beside {:?}", profile.name, profile.group);
        if !ordered {
            profile.unasked.push(self.now);
            let hour_ago = self.now.saturating_sub(3_600_000);
            let recent = profile.unasked.iter().filter(|at| **at > hour_ago || self.now < 3_600_000).count();
            let within = profile.policy.endless || recent <= profile.policy.restarts_per_hour as usize;
            assert!(within, "{}: budget spent", profile.name);
        }
        self.launches += 1;
        let told = self.now + self.random.between(1, LAUNCH_MAX);
        if !self.healthy && self.random.once_in(12) {
            let permanent = self.random.once_in(3);
            return self.tell(told, index, Event::SpawnFailed { run, permanent });
        }
        let script = if self.healthy { Script::healthy() } else { Script::any(&mut self.random) };
        self.next_pid += 1;
        let (pid, born) = (self.next_pid, told + 1);
        self.tell(told, index, Event::Spawned { run });
        if let Some((after, exit)) = script.ends {
            self.plan(born + after, index, Happening::LeaderEnds { pid, exit });
        }
        if let Some(after) = script.hangs {
            self.plan(born + after, index, Happening::Hangs { pid });
        }
        if let Some(after) = script.grandchild.and_then(|grandchild| grandchild.ends) {
            self.plan(born + after, index, Happening::GrandchildEnds { pid });
        }
        let grandchild = script.grandchild.is_some();
        self.profiles[index].group = Some(Group { pid, run, born, leader: true, grandchild, script });
    }

    fn signal(&mut self, index: usize, run: Run, signal: Signal) {
        let takes = self.random.between(1, 2_000);
        let Some(group) = &self.profiles[index].group else { panic!("a signal to a group that is gone") };
        assert_eq!(group.run, run, "a signal meant for another run");
        let (pid, script) = (group.pid, group.script.clone());
        let (takes, number) = match signal {
            Signal::Terminate => (takes, 15),
            Signal::Kill => (script.kill_takes, 9),
        };
        let kill = signal == Signal::Kill;
        if group.leader && (kill || !script.deaf) {
            let exit = Exit::signal(number);
            self.plan(self.now + takes, index, Happening::LeaderEnds { pid, exit });
        }
        if script.grandchild.is_some_and(|grandchild| kill || !grandchild.deaf) {
            let takes = self.random.between(1, takes);
            self.plan(self.now + takes, index, Happening::GrandchildEnds { pid });
        }
    }

    fn probe(&mut self, index: usize, run: Run) {
        let Some(group) = &self.profiles[index].group else { panic!("a probe of nothing") };
        assert_eq!(group.run, run);
        let (life, pid, born, script) = (self.life, group.pid, group.born, group.script.clone());
        for after in script.progress {
            let event = Event::Progress { run };
            self.plan(born + after, index, Happening::Watched { life, pid, event });
        }
        if let Some(after) = script.ready {
            let event = Event::Ready { run };
            self.plan(born + after, index, Happening::Watched { life, pid, event });
        }
        for _ in 0..self.random.between(0, 2) {
            let (at, healthy) = (born + self.random.between(1, 100_000), self.random.once_in(2));
            self.tell(at, index, Event::Probed { run, healthy });
        }
    }

    fn check_wait(&mut self, index: usize, at: Moment) {
        let profile = &mut self.profiles[index];
        let instance = self.fleet.get(&profile.name).unwrap();
        if instance.condition() != Condition::Resting {
            return;
        }
        let (failures, wait) = (instance.failures(), at - Moment::from_millis(self.now));
        assert!(wait >= profile.policy.delay_min && wait <= profile.policy.delay_max, "{wait:?}");
        if let Some((before, last)) = profile.last_wait.filter(|(before, _)| failures > *before) {
            assert!(wait >= last, "waits shrank from {last:?} ({before}) to {wait:?} ({failures})");
        }
        profile.last_wait = Some((failures, wait));
    }

    /// What holds after every step.
    fn check(&self) {
        for profile in &self.profiles {
            let name = &profile.name;
            let instance = self.fleet.get(name).unwrap();
            assert_eq!(instance.want(), profile.want, "{name}: intent");
            assert_eq!(profile.saved, profile.want, "{name}: intent on disk");
            assert_eq!(self.fleet.armed(name), profile.armed, "{name}: timer");
            match instance.condition() {
                Condition::Down | Condition::Broken => {
                    assert!(profile.group.is_none(), "{name}: runs although {:?}", instance.condition());
                    assert_eq!(profile.armed, None, "{name}: a timer without reason");
                }
                Condition::Resting => {
                    assert!(profile.group.is_none() && profile.armed.is_some(), "{name}: rests for ever");
                    assert_eq!(instance.target(), Intent::Up, "{name}: rests though down is wanted");
                }
                Condition::Starting | Condition::Stopping => {
                    assert!(profile.armed.is_some(), "{name}: {:?} without deadline", instance.condition());
                    assert!(profile.group.is_some(), "{name}: no process");
                }
                Condition::Launching => assert_eq!(profile.armed, None, "{name}: a timer without reason"),
                Condition::Ready => assert!(profile.group.is_some(), "{name}: ready without a process"),
            }
        }
    }
}

impl Profile {
    fn any(index: u64, random: &mut Random) -> Self {
        let policy = any_policy(random);
        Profile {
            name: format!("p{index}").parse().unwrap(),
            policy,
            want: Intent::Down,
            saved: Intent::Down,
            armed: None,
            group: None,
            ordered: false,
            unasked: Vec::new(),
            last_wait: None,
        }
    }
}
