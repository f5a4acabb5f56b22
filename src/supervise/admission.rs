//! Who may be launched now: at most so many at once, so that a hundred profiles come up without a stampede, and each
//! behind those that it comes after. What has to wait stays `Launching` and is let go by the next event or deadline.

use std::time::Duration;

use super::fleet::{Fleet, Member, Tagged};
use super::instance::Condition;
use super::order::{self, Wishes};
use super::record::{Action, Event, Run};
use crate::base::record::Intent;
use crate::base::{Moment, ProfileName};

/// How long one that is not ready yet keeps others from being launched: a gateway that never becomes ready must not
/// hold up its neighbours (invariant I9).
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A launch that waits for its turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    run: Run,
    /// Its place in the queue.
    number: u64,
}

impl Fleet {
    /// Lets at most `launches` be under way at once, at least one.
    pub fn launch_at_most(&mut self, launches: usize) {
        self.at_once = Some(launches.max(1));
    }

    /// Lets `name` come up after those of `after` that are on their way up at that time. What would close a ring is
    /// left out.
    pub fn set_after(&mut self, name: &ProfileName, after: Vec<ProfileName>) {
        let mut wishes: Wishes =
            self.members.iter().map(|(name, member)| (name.clone(), member.after.clone())).collect();
        for other in &after {
            wishes.entry(other.clone()).or_default();
        }
        wishes.insert(name.clone(), after.clone());
        let sound = order::trouble(name, &wishes).is_none();
        if let Some(member) = self.members.get_mut(name) {
            member.after = if sound { after } else { Vec::new() };
        }
    }

    /// Takes out the launches among `actions` that have to wait, and adds those that may go by now.
    pub(super) fn admit(&mut self, actions: Vec<Tagged>, now: Moment) -> Vec<Tagged> {
        let mut admitted = Vec::with_capacity(actions.len());
        for (name, action) in actions {
            if let Action::Spawn { run } = action {
                self.turns += 1;
                let waiting = Waiting { run, number: self.turns };
                if let Some(member) = self.members.get_mut(&name) {
                    member.waiting = Some(waiting);
                }
                admitted.extend(self.let_go(&name, now));
            } else {
                admitted.push((name, action));
            }
        }
        admitted.extend(self.admissions(now));
        admitted
    }

    /// The launches that waited and may go `now`.
    pub fn admissions(&mut self, now: Moment) -> Vec<Tagged> {
        self.looked = now;
        let mut queue: Vec<(u64, ProfileName)> = self
            .members
            .iter()
            .filter_map(|(name, member)| Some((member.waiting?.number, name.clone())))
            .collect();
        queue.sort_unstable();
        queue.iter().flat_map(|(_, name)| self.let_go(name, now)).collect()
    }

    /// When one that waits may go although nothing happens, after the last look at those that wait.
    pub fn next_admission(&self) -> Option<Moment> {
        self.at_once?;
        let waits = self.members.values().any(|member| member.waiting.is_some());
        // One that is late already makes no more room; to be woken for it would be never to sleep.
        let until = |member: &Member| Some(member.launched? + PATIENCE).filter(|_| member.is_coming());
        let until = |member: &Member| until(member).filter(|at| *at > self.looked);
        waits.then(|| self.members.values().filter_map(until).min()).flatten()
    }

    /// The launch of `name` if it waits and may go; what follows when it is no longer wanted.
    fn let_go(&mut self, name: &ProfileName, now: Moment) -> Vec<Tagged> {
        let Some(member) = self.members.get(name) else { return Vec::new() };
        let Some(Waiting { run, .. }) = member.waiting else { return Vec::new() };
        let unwanted = member.instance.target() == Intent::Down;
        if !unwanted && (self.is_full(now) || self.comes_after_one(member)) {
            return Vec::new();
        }
        let Some(member) = self.members.get_mut(name) else { return Vec::new() };
        member.waiting = None;
        let actions = if unwanted {
            member.step(Event::SpawnFailed { run, permanent: false }, now, 0.0)
        } else {
            member.launched = Some(now);
            vec![Action::Spawn { run }]
        };
        actions.into_iter().map(|action| (name.clone(), action)).collect()
    }

    fn is_full(&self, now: Moment) -> bool {
        let counts = |member: &&Member| {
            member.is_coming() && member.launched.is_some_and(|launched| now < launched + PATIENCE)
        };
        self.at_once.is_some_and(|most| self.members.values().filter(counts).count() >= most)
    }

    /// Whether one that `member` comes after is on its way up, and has not failed on it.
    fn comes_after_one(&self, member: &Member) -> bool {
        let on_its_way = |other: &Member| {
            let instance = &other.instance;
            let condition = instance.condition();
            instance.target() == Intent::Up
                && instance.last_failure().is_none()
                && (matches!(condition, Condition::Launching | Condition::Starting)
                    || (condition == Condition::Stopping && instance.fault.is_none()))
        };
        member.after.iter().filter_map(|name| self.members.get(name)).any(on_its_way)
    }
}

impl Member {
    /// Whether its launch was let go and it is not ready yet.
    fn is_coming(&self) -> bool {
        let condition = self.instance.condition();
        self.waiting.is_none() && matches!(condition, Condition::Launching | Condition::Starting)
    }

    /// For what its launch waits, in words.
    pub(super) fn waits_for(&self) -> Option<&'static str> {
        self.waiting.map(|_| match self.after.is_empty() {
            true => "waiting for its turn",
            false => "waiting for its turn, or for those it comes after",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::Policy;
    use super::super::record::Exit;
    use super::super::sweep::SweepEvent;
    use super::*;
    use crate::base::record::State;

    const NOW: Moment = Moment::from_millis(1_000);

    fn name(number: usize) -> ProfileName {
        format!("p{number}").parse().unwrap()
    }

    fn fleet(profiles: usize, at_once: usize) -> Fleet {
        let mut fleet = Fleet::new();
        fleet.launch_at_most(at_once);
        (0..profiles).for_each(|number| assert!(fleet.insert(name(number), Policy::default(), Intent::Down)));
        fleet
    }

    /// Whose launches are among `actions`.
    fn launched(actions: &[Tagged]) -> Vec<String> {
        let spawn =
            |(name, action): &Tagged| matches!(action, Action::Spawn { .. }).then(|| name.to_string());
        actions.iter().filter_map(spawn).collect()
    }

    fn becomes_ready(fleet: &mut Fleet, number: usize) -> Vec<String> {
        let mut all = fleet.step(&name(number), Event::Spawned { run: Run(1) }, NOW, 0.0);
        all.extend(fleet.step(&name(number), Event::Ready { run: Run(1) }, NOW, 0.0));
        launched(&all)
    }

    #[test]
    fn the_next_one_goes_when_one_is_ready_has_failed_or_takes_too_long() {
        let mut fleet = fleet(6, 2);
        let first: Vec<_> =
            (0..6).flat_map(|number| launched(&fleet.start(&name(number), NOW).unwrap())).collect();
        assert_eq!(first, ["p0", "p1"]);
        assert_eq!(fleet.state(&name(5)), Some(State::Starting));
        assert_eq!(fleet.phase(&name(5)), Some("waiting for its turn"));
        assert_eq!(becomes_ready(&mut fleet, 0), ["p2"]);
        let refused = Event::SpawnFailed { run: Run(1), permanent: true };
        assert_eq!(launched(&fleet.step(&name(1), refused, NOW, 0.0)), ["p3"]);
        let late = fleet.next_admission().unwrap();
        assert_eq!(late, NOW + PATIENCE);
        assert_eq!(launched(&fleet.admissions(NOW)), [""; 0]);
        assert_eq!(launched(&fleet.admissions(late)), ["p4", "p5"]);
        assert_eq!(fleet.next_admission(), None);
    }

    #[test]
    fn a_stop_or_a_drain_ends_the_wait_at_once() {
        let mut fleet = fleet(3, 1);
        (0..3).for_each(|number| drop(fleet.start(&name(number), NOW).unwrap()));
        fleet.stop(&name(1), NOW).unwrap();
        assert_eq!(fleet.state(&name(1)), Some(State::Stopped));
        assert_eq!(launched(&fleet.begin_drain(NOW)), [""; 0]);
        assert_eq!(fleet.state(&name(2)), Some(State::Stopped));
    }

    #[test]
    fn one_waits_for_those_it_comes_after_until_they_are_ready_or_have_failed() {
        for fails in [false, true] {
            let mut fleet = fleet(3, 9);
            fleet.set_after(&name(0), vec![name(1), name(2)]);
            let all: Vec<_> = [1, 0]
                .iter()
                .flat_map(|number| launched(&fleet.start(&name(*number), NOW).unwrap()))
                .collect();
            assert_eq!(all, ["p1"], "the one that does not come up is not waited for");
            if fails {
                fleet.step(&name(1), Event::Spawned { run: Run(1) }, NOW, 0.0);
                let end = SweepEvent::LeaderExited { exit: Exit::code(1), alone: true };
                assert_eq!(launched(&fleet.sweep(&name(1), Run(1), end, NOW, 0.0)), ["p0"]);
            } else {
                assert_eq!(becomes_ready(&mut fleet, 1), ["p0"]);
            }
        }
    }

    #[test]
    fn a_ring_holds_up_nobody() {
        let mut fleet = fleet(2, 9);
        fleet.set_after(&name(0), vec![name(1)]);
        fleet.set_after(&name(1), vec![name(0)]);
        let all: Vec<_> =
            (0..2).flat_map(|number| launched(&fleet.start(&name(number), NOW).unwrap())).collect();
        assert_eq!(all, ["p0", "p1"], "the first waits for nobody, since the other was not on its way");
    }
}
