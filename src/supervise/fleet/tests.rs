//! The fleet: admission, order and drain over many children.

use super::super::record::Exit;
use super::*;

const NOW: Moment = Moment::from_millis(1_000);
const EXIT: Exit = Exit::code(0);

fn name() -> ProfileName {
    "work".parse().unwrap()
}

/// A fleet with one profile that is ready in its first run.
fn ready() -> Fleet {
    let mut fleet = Fleet::new();
    assert!(fleet.insert(name(), Policy::default(), Intent::Down));
    fleet.start(&name(), NOW).unwrap();
    fleet.step(&name(), Event::Spawned { run: Run(1) }, NOW, 0.0);
    fleet.step(&name(), Event::Ready { run: Run(1) }, NOW, 0.0);
    assert_eq!(fleet.state(&name()), Some(State::Ready));
    fleet
}

fn leader_exits(fleet: &mut Fleet, run: u64, alone: bool) -> Vec<Tagged> {
    fleet.sweep(&name(), Run(run), SweepEvent::LeaderExited { exit: EXIT, alone }, NOW, 0.0)
}

fn spawns(actions: &[Tagged]) -> usize {
    actions.iter().filter(|(_, action)| matches!(action, Action::Spawn { .. })).count()
}

#[test]
fn incident_c3_concurrent_restarts_give_one_new_run_and_keep_the_intent_on_disk() {
    let mut fleet = ready();
    for _ in 0..5 {
        let actions = fleet.restart(&name(), NOW).unwrap();
        assert!(!actions.contains(&(name(), Action::Save)), "the intent stays up");
    }
    assert_eq!(spawns(&leader_exits(&mut fleet, 1, true)), 1);
    assert_eq!(spawns(&fleet.restart(&name(), NOW).unwrap()), 0, "joins the launch");
    fleet.step(&name(), Event::Spawned { run: Run(2) }, NOW, 0.0);
    assert_eq!(fleet.restart(&name(), NOW).unwrap(), [], "joins the start");
}

#[test]
fn incident_c3_a_restart_of_what_was_just_adopted_gives_a_new_run() {
    let mut fleet = Fleet::new();
    assert!(fleet.insert(name(), Policy::default(), Intent::Up));
    fleet.step(&name(), Event::Adopted, NOW, 0.0);
    let actions = fleet.restart(&name(), NOW).unwrap();
    assert!(actions.iter().any(|(_, action)| matches!(action, Action::Signal { .. })), "{actions:?}");
    assert_eq!(spawns(&leader_exits(&mut fleet, 1, true)), 1);
    fleet.step(&name(), Event::Spawned { run: Run(2) }, NOW, 0.0);
    assert_eq!(fleet.restart(&name(), NOW).unwrap(), [], "joins the start of its own");
}

#[test]
fn incident_c10_an_unasked_restart_takes_one_of_the_hours_budget_and_keeps_the_intent() {
    let mut fleet = ready();
    fleet.set_policy(&name(), Policy { restarts_per_hour: 1, ..Policy::default() }).unwrap();
    let actions = fleet.restart_unasked(&name(), NOW);
    assert!(!actions.contains(&(name(), Action::Save)), "the intent stays up");
    assert_eq!(fleet.restart_unasked(&name(), NOW), [], "it is under way");
    assert_eq!(spawns(&leader_exits(&mut fleet, 1, true)), 1);
    assert_eq!(fleet.get(&name()).unwrap().restarts(), 1);
    fleet.step(&name(), Event::Spawned { run: Run(2) }, NOW, 0.0);
    fleet.step(&name(), Event::Ready { run: Run(2) }, NOW, 0.0);
    assert_eq!(fleet.restart_unasked(&name(), NOW), [], "the budget is spent");
    assert_eq!(fleet.state(&name()), Some(State::Ready));
}

#[test]
fn a_stop_during_a_restart_wins_and_a_start_during_a_stop_is_noted() {
    let mut fleet = ready();
    fleet.restart(&name(), NOW).unwrap();
    fleet.stop(&name(), NOW).unwrap();
    assert_eq!(spawns(&leader_exits(&mut fleet, 1, true)), 0);
    assert_eq!(fleet.state(&name()), Some(State::Stopped));

    let mut fleet = ready();
    fleet.stop(&name(), NOW).unwrap();
    fleet.start(&name(), NOW).unwrap();
    assert_eq!(spawns(&leader_exits(&mut fleet, 1, true)), 1);
}

#[test]
fn incident_c6_a_left_over_grandchild_is_gone_before_the_next_run() {
    let mut fleet = ready();
    fleet.restart(&name(), NOW).unwrap();
    let asked = leader_exits(&mut fleet, 1, false);
    assert_eq!(spawns(&asked), 0);
    assert_eq!(asked[0].1, Action::Signal { run: Run(1), signal: Signal::Terminate });
    assert_eq!(fleet.state(&name()), Some(State::Stopping));
    let timer = fleet.armed(&name()).unwrap();
    let killed = fleet.step(&name(), Event::Deadline { timer }, NOW, 0.0);
    assert_eq!(killed[0].1, Action::Signal { run: Run(1), signal: Signal::Kill });
    let gone = fleet.sweep(&name(), Run(1), SweepEvent::GroupEmpty, NOW, 0.0);
    assert_eq!((gone[0].1.clone(), spawns(&gone)), (Action::Disarm, 1));
}

#[test]
fn a_crashed_run_that_is_swept_is_neither_ready_nor_idle() {
    let mut fleet = ready();
    leader_exits(&mut fleet, 1, false);
    assert_eq!(fleet.state(&name()), Some(State::Stopping));
    assert!(!fleet.is_idle());
    assert_eq!(fleet.step(&name(), Event::Ready { run: Run(1) }, NOW, 0.0), [], "late");
    fleet.stop(&name(), NOW).unwrap();
    fleet.sweep(&name(), Run(1), SweepEvent::GroupEmpty, NOW, 0.0);
    assert!(fleet.is_idle());
}

#[test]
fn a_drain_keeps_the_intents_and_refuses_starts() {
    let mut fleet = ready();
    let actions = fleet.begin_drain(NOW);
    assert!(!actions.contains(&(name(), Action::Save)));
    assert_eq!(fleet.start(&name(), NOW).unwrap_err().code(), "supervisor_stopping");
    assert!(!fleet.drained());
    leader_exits(&mut fleet, 1, true);
    assert!(fleet.drained());
    assert_eq!(fleet.get(&name()).unwrap().want(), Intent::Up);
}

#[test]
fn incident_c8_a_limit_reaches_what_a_run_left_behind_and_profiles_that_come_later() {
    let by = Moment::from_millis(3_000);
    let mut fleet = ready();
    leader_exits(&mut fleet, 1, false);
    let actions = fleet.limit(Some(by), NOW);
    let timer = fleet.armed(&name()).unwrap();
    assert_eq!(actions, [(name(), Action::Arm { timer, at: by })]);
    let killed = fleet.step(&name(), Event::Deadline { timer }, by, 0.0);
    assert_eq!(killed[0].1, Action::Signal { run: Run(1), signal: Signal::Kill });
    assert_eq!(fleet.limit(Some(NOW), by), [], "killed already");
    let late: ProfileName = "late".parse().unwrap();
    fleet.insert(late.clone(), Policy::default(), Intent::Down);
    assert_eq!(fleet.get(&late).unwrap().end_by, Some(NOW));
}

#[test]
fn a_busy_profile_is_not_let_go_and_an_unknown_one_is_named() {
    let mut fleet = ready();
    assert_eq!(fleet.remove(&name()).unwrap_err().code(), "profile_busy");
    fleet.stop(&name(), NOW).unwrap();
    leader_exits(&mut fleet, 1, true);
    fleet.remove(&name()).unwrap();
    assert_eq!(fleet.start(&name(), NOW).unwrap_err().code(), "profile_unknown");
    assert_eq!(fleet.step(&name(), Event::WantUp, NOW, 0.0), []);
}

#[test]
fn what_another_run_tells_of_its_group_is_dropped() {
    let mut fleet = ready();
    assert_eq!(leader_exits(&mut fleet, 9, true), []);
    assert_eq!(fleet.state(&name()), Some(State::Ready));
}
