//! Whole lives: what becomes of one child over many events, and of its failures.

use super::*;

#[test]
fn a_restart_is_a_stop_with_up_noted_and_a_later_stop_wins() {
    let mut life = Life::at(Ready);
    life.all(&["down", "up", "exit 0"]);
    assert_eq!((life.instance.condition, life.instance.run), (Launching, Run(2)));
    assert_eq!(life.instance.restarts(), 0, "it was asked for");

    let mut life = Life::at(Ready);
    life.all(&["down", "up", "down", "exit 0"]);
    assert_eq!((life.instance.condition, life.instance.want()), (Down, Intent::Down));
}

#[test]
fn a_stop_noted_during_launch_ends_the_child_as_soon_as_it_exists() {
    let mut life = Life::at(Launching);
    life.one("down");
    assert_eq!(life.one("spawned").iter().map(word).collect::<Vec<_>>(), ["term", "arm", "publish"]);
    let mut life = Life::at(Launching);
    life.one("down");
    life.one("no spawn");
    assert_eq!(life.instance.condition, Down);
}

#[test]
fn incident_c1_a_slow_start_is_stopped_once_at_its_deadline_and_counts_as_a_failure() {
    let mut life = Life::at(Starting);
    assert_eq!(life.one("lost"), [], "a probe cannot fail a starting child");
    assert_eq!(life.one("hung"), []);
    life.all(&["deadline", "deadline", "exit 0"]);
    assert_eq!((life.instance.condition, life.instance.failures()), (Resting, 1));
    assert_eq!(life.instance.last_failure(), Some(Reason::StartTimeout));
}

#[test]
fn incident_c2_a_hang_counts_as_a_failure_and_a_lost_probe_only_degrades() {
    let mut life = Life::at(Ready);
    life.one("lost");
    assert_eq!(life.instance.state(), State::Degraded);
    assert_eq!(life.one("lost"), [], "nothing changed");
    life.one("found");
    assert_eq!(life.instance.state(), State::Ready);
    life.all(&["hung", "exit 0"]);
    assert_eq!((life.instance.condition, life.instance.failures()), (Resting, 1));
}

#[test]
fn incident_c5_exit_78_is_for_good_until_asked_again() {
    for steps in [&["up", "spawned", "exit 78"][..], &["up", "spawned", "ready", "exit 78"]] {
        for restart in [Restart::Always, Restart::OnFailure, Restart::Never] {
            let mut life = Life::new();
            life.policy.restart = restart;
            life.all(steps);
            assert_eq!(life.instance.condition, Broken, "{restart:?}");
            assert_eq!(life.instance.gave_up(), Some(GiveUp::Configuration));
            assert_eq!(life.instance.state(), State::Failed);
        }
    }
    let mut life = Life::at(Broken);
    life.one("up");
    assert_eq!((life.instance.condition, life.instance.failures()), (Launching, 0));
    assert_eq!((life.instance.gave_up(), life.instance.last_failure()), (None, None));
}

#[test]
fn incident_c5_the_hours_budget_is_counted_over_attempts_whatever_the_timing() {
    for lasts in [0, 3_000, 12_000, 30_000, 31_000, 40_000, 400_000] {
        let mut life = Life::new();
        let mut now = NOW;
        let mut starts = 0;
        life.one("up");
        while life.instance.condition != Broken {
            starts += 1;
            assert!(starts <= 12, "{lasts} ms");
            life.take(life.event("spawned"), now);
            life.take(life.event("ready"), now);
            if lasts > 30_000 {
                life.take(life.event("deadline"), now + life.policy.stable_after);
            }
            now = now + Duration::from_millis(lasts);
            let actions = life.take(life.event("exit 1"), now);
            if let Some(Action::Arm { at, .. }) =
                actions.iter().find(|action| matches!(action, Action::Arm { .. }))
            {
                now = *at;
                life.take(life.event("deadline"), now);
            }
        }
        assert_eq!(starts, 7, "one by order, six unasked");
        assert_eq!(life.instance.gave_up(), Some(GiveUp::BudgetSpent { restarts_per_hour: 6 }));
        assert_eq!(life.instance.restarts(), 6);
    }
}

#[test]
fn exit_0_is_waited_out_shortly_and_ends_a_life_on_failure_only() {
    let mut life = Life::at(Ready);
    life.one("deadline");
    let actions = life.one("exit 0");
    let at = NOW + life.policy.delay_min;
    assert!(actions.iter().any(|action| matches!(action, Action::Arm { at: armed, .. } if *armed == at)));
    assert_eq!(life.instance.failures(), 0);
    for (restart, end, next) in [
        (Restart::OnFailure, "exit 0", Down),
        (Restart::OnFailure, "exit 1", Resting),
        (Restart::Never, "exit 0", Down),
        (Restart::Never, "exit 1", Down),
    ] {
        let mut life = Life::at(Ready);
        life.policy.restart = restart;
        life.one(end);
        assert_eq!(life.instance.condition, next, "{restart:?} {end}");
        assert_eq!(life.instance.want(), Intent::Up, "the intent is the user's");
    }
}

#[test]
fn incident_c5_ready_and_dead_before_it_is_stable_is_a_crash_with_any_code() {
    let mut life = Life::at(Ready);
    life.one("exit 0");
    assert_eq!((life.instance.condition, life.instance.failures()), (Resting, 1));
    let mut life = Life::at(Ready);
    life.policy.restart = Restart::OnFailure;
    life.one("exit 0");
    assert_eq!(life.instance.condition, Down, "it left in good order, as somebody may have asked it to");
}

/// Runs that end with exit code 1 and `line` until nothing more happens; how many were launched.
fn die_saying(life: &mut Life, line: impl Fn(u32) -> String, stable: bool) -> u32 {
    let mut now = NOW;
    life.one("up");
    for launched in 1..100 {
        life.take(life.event("spawned"), now);
        life.take(life.event("ready"), now);
        if stable {
            now = now + life.policy.stable_after;
            life.take(life.event("deadline"), now);
        }
        life.instance.hear(Some(&line(launched)));
        for action in life.take(life.event("exit 1"), now) {
            if let Action::Arm { at, .. } = action {
                now = at;
            }
        }
        if life.instance.condition == Broken {
            return launched;
        }
        life.take(life.event("deadline"), now);
    }
    panic!("it is launched for ever");
}

#[test]
fn incident_f2_what_waits_for_a_network_is_tried_for_as_long_as_it_takes() {
    let mut life = Life::new();
    life.policy = Policy { endless: true, restarts_per_hour: 2, same_line: 2, ..Policy::default() };
    life.one("up");
    for _ in 0..500 {
        life.one("spawned");
        life.instance.hear(Some("no route to host"));
        life.one("exit 1");
        assert_eq!(life.instance.condition, Resting);
        life.one("deadline");
    }
    assert_eq!((life.instance.gave_up(), life.instance.attempts.len()), (None, 0));
    life.all(&["spawned", "exit 78"]);
    assert_eq!(life.instance.gave_up(), Some(GiveUp::Configuration), "what no network heals is final");
}

#[test]
fn incident_c5_the_same_last_words_are_final_sooner_than_the_budget() {
    let fixed = |run: u32| format!("2026-09-23T10:00:{run:02}Z [{run}] unknown key `colour`");
    let mut life = Life::new();
    life.policy.restarts_per_hour = 50;
    assert_eq!(die_saying(&mut life, fixed, false), 5);
    assert_eq!(life.instance.gave_up(), Some(GiveUp::SameLine { times: 5 }));
    life.one("up");
    assert_eq!((life.instance.condition, life.instance.failures()), (Launching, 0), "by order it is new");

    let various = |run: u32| ["alpha", "beta"][run as usize % 2].to_owned();
    assert_eq!(die_saying(&mut Life::new(), various, false), 7, "the budget's end");
    let mut life = Life::new();
    assert_eq!(die_saying(&mut life, fixed, true), 7, "what lasts is counted by the hour alone");
    assert_eq!(life.instance.gave_up(), Some(GiveUp::BudgetSpent { restarts_per_hour: 6 }));
}

#[test]
fn incident_c5_a_change_of_its_files_brings_it_back_within_bounds() {
    let mut life = Life::at(Broken);
    for _ in 0..super::super::super::policy::REARMS_PER_HOUR {
        assert_eq!(life.one("changed").iter().map(word).collect::<Vec<_>>(), ["spawn", "publish"]);
        life.all(&["spawned", "exit 78"]);
        assert_eq!(life.instance.condition, Broken);
    }
    assert_eq!(life.one("changed"), [], "a program that writes its own files starts no endless row");
    life.one("up");
    assert_eq!(life.instance.condition, Launching, "a person may");

    let mut life = Life::at(Broken);
    life.all(&["drain", "changed"]);
    assert_eq!(life.instance.condition, Broken);
}

#[test]
fn ready_and_dead_before_it_is_stable_lengthens_the_row_of_failures() {
    let mut life = Life::at(Resting);
    life.all(&["deadline", "spawned", "ready", "exit 1"]);
    assert_eq!(life.instance.failures(), 2);
    life.all(&["deadline", "spawned", "ready", "deadline", "exit 1"]);
    assert_eq!(life.instance.failures(), 1, "stable in between");
}

#[test]
fn a_drain_stops_without_touching_the_intent_and_nothing_starts_again() {
    let mut life = Life::at(Ready);
    assert!(!life.one("drain").contains(&Action::Save));
    life.all(&["up", "exit 1"]);
    assert_eq!((life.instance.condition, life.instance.want()), (Down, Intent::Up));
    assert_eq!(life.one("up"), []);
    assert_eq!(life.instance.condition, Down);

    let mut life = Life::at(Launching);
    life.all(&["drain", "spawned"]);
    assert_eq!(life.instance.condition, Stopping);
}

#[test]
fn an_adopted_run_starts_by_its_probe_and_is_stopped_when_down_is_wanted() {
    let mut life = Life { instance: Instance::new(Intent::Up), policy: Policy::default() };
    assert_eq!(life.one("adopted")[0], Action::Probe { run: Run(1) });
    life.one("ready");
    assert_eq!(life.instance.condition, Ready);
    let mut life = Life::new();
    life.all(&["adopted", "exit 0"]);
    assert_eq!(life.instance.condition, Down);
}

#[test]
fn incident_c8_a_limit_holds_for_the_stop_under_way_and_for_later_ones() {
    let (by, policy) = (Moment::from_millis(4_000), Policy::default());
    let mut life = Life::at(Stopping);
    let old = life.event("deadline");
    let actions = life.instance.limit(Some(by), NOW, &policy);
    assert_eq!(actions, [Action::Arm { timer: life.instance.timer.unwrap(), at: by }]);
    assert_eq!(life.take(old, NOW), [], "the longer patience is over");
    assert_eq!(life.instance.stop_allowance(), Some(Duration::from_secs(3)));
    assert_eq!(life.instance.limit(Some(by), NOW, &policy), [], "nothing new");
    assert!(!life.instance.limit(None, NOW, &policy).is_empty(), "it may be lifted");
    life.one("deadline");
    assert_eq!(life.instance.limit(Some(by), NOW, &policy), [], "who was killed is not timed anew");

    let mut life = Life::at(Ready);
    assert_eq!(life.instance.limit(Some(by), NOW, &policy), []);
    assert!(life.one("drain").iter().any(|action| matches!(action, Action::Arm { at, .. } if *at == by)));
}

#[test]
fn a_group_that_outlives_its_kill_is_reported_once() {
    let mut life = Life::at(Stopping);
    let said: Vec<_> = (0..4).flat_map(|_| life.one("deadline")).map(|action| word(&action)).collect();
    assert_eq!(said, ["kill", "arm", "publish", "kill", "arm", "unkillable", "kill", "arm", "kill", "arm"]);
    assert_eq!(life.instance.phase(), Some("killed, waiting for exit"));
}
