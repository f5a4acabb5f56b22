//! The cells of the table, event by event.

use super::super::policy::Restart;
use super::super::record::{Exit, Report, Signal};
use super::Condition::{Broken, Down, Launching, Ready, Resting, Starting, Stopping};
use super::*;

const CONDITIONS: [Condition; 7] = [Down, Launching, Starting, Ready, Stopping, Resting, Broken];
const NOW: Moment = Moment::from_millis(1_000);

/// One child and the policy it lives under.
struct Life {
    instance: Instance,
    policy: Policy,
}

impl Life {
    fn new() -> Self {
        Life { instance: Instance::default(), policy: Policy::default() }
    }

    /// A life led to `condition` by the shortest way, wanted up wherever that can be.
    fn at(condition: Condition) -> Self {
        let mut life = Life::new();
        let steps: &[&str] = match condition {
            Down => &[],
            Launching => &["up"],
            Starting => &["up", "spawned"],
            Ready => &["up", "spawned", "ready"],
            Stopping => &["up", "spawned", "ready", "down"],
            Resting => &["up", "spawned", "exit 1"],
            Broken => &["up", "spawned", "exit 78"],
        };
        life.all(steps);
        assert_eq!(life.instance.condition, condition);
        life
    }

    fn event(&self, word: &str) -> Event {
        let run = self.instance.run;
        match word {
            "up" => Event::WantUp,
            "down" => Event::WantDown,
            "drain" => Event::Drain,
            "adopted" => Event::Adopted,
            "changed" => Event::Changed,
            "spawned" => Event::Spawned { run },
            "no spawn" => Event::SpawnFailed { run, permanent: false },
            "refused" => Event::SpawnFailed { run, permanent: true },
            "progress" => Event::Progress { run },
            "ready" => Event::Ready { run },
            "lost" => Event::Probed { run, healthy: false },
            "found" => Event::Probed { run, healthy: true },
            "hung" => Event::Hung { run },
            "replaced" => Event::Replaced { run },
            "exit 0" => Event::Exited { run, exit: Exit::code(0) },
            "exit 1" => Event::Exited { run, exit: Exit::code(1) },
            "exit 78" => Event::Exited { run, exit: Exit::code(78) },
            "deadline" => Event::Deadline { timer: self.instance.timer.unwrap_or(Timer(u64::MAX)) },
            other => panic!("no event is called {other}"),
        }
    }

    fn take(&mut self, event: Event, now: Moment) -> Vec<Action> {
        self.instance.step(event, now, &self.policy, 0.0)
    }

    fn one(&mut self, word: &str) -> Vec<Action> {
        self.take(self.event(word), NOW)
    }

    fn all(&mut self, words: &[&str]) {
        words.iter().for_each(|word| drop(self.one(word)));
    }
}

fn word(action: &Action) -> &'static str {
    match action {
        Action::Spawn { .. } => "spawn",
        Action::Signal { signal: Signal::Terminate, .. } => "term",
        Action::Signal { signal: Signal::Kill, .. } => "kill",
        Action::Arm { .. } => "arm",
        Action::Disarm => "disarm",
        Action::Probe { .. } => "probe",
        Action::Publish => "publish",
        Action::Save => "save",
        Action::Report(Report::Impossible { .. }) => "!",
        Action::Report(Report::Failed { .. }) => "failed",
        Action::Report(Report::GaveUp { .. }) => "gave-up",
        Action::Report(Report::Unkillable { .. }) => "unkillable",
    }
}

const WORDS: [&str; 16] = [
    "up", "down", "drain", "changed", "adopted", "spawned", "no spawn", "refused", "progress", "ready",
    "lost", "hung", "replaced", "exit 0", "exit 1", "deadline",
];

/// The table, one line a condition: for each event of [`WORDS`] the condition it leads to and the actions.
const CELLS: [(Condition, [(Condition, &str); 16]); 7] = [
    (
        Down,
        [
            (Launching, "save spawn publish"),
            (Down, ""),
            (Down, ""),
            (Down, ""),
            (Stopping, "term arm publish"),
            (Down, "!"),
            (Down, "!"),
            (Down, "!"),
            (Down, ""),
            (Down, "!"),
            (Down, ""),
            (Down, ""),
            (Down, "!"),
            (Down, "!"),
            (Down, "!"),
            (Down, ""),
        ],
    ),
    (
        Launching,
        [
            (Launching, ""),
            (Launching, "save publish"),
            (Launching, ""),
            (Launching, ""),
            (Launching, "!"),
            (Starting, "probe arm publish"),
            (Resting, "failed arm publish"),
            (Broken, "failed gave-up publish"),
            (Launching, "!"),
            (Launching, "!"),
            (Launching, "!"),
            (Launching, "!"),
            (Launching, "!"),
            (Launching, "!"),
            (Launching, "!"),
            (Launching, "(no timer)"),
        ],
    ),
    (
        Starting,
        [
            (Starting, ""),
            (Stopping, "save term arm publish"),
            (Stopping, "term arm publish"),
            (Starting, ""),
            (Starting, "!"),
            (Starting, "!"),
            (Starting, "!"),
            (Starting, "!"),
            (Starting, "arm"),
            (Ready, "arm publish"),
            (Starting, ""),
            (Starting, ""),
            (Starting, "probe arm publish"),
            (Resting, "failed arm publish"),
            (Resting, "failed arm publish"),
            (Stopping, "term arm publish"),
        ],
    ),
    (
        Ready,
        [
            (Ready, ""),
            (Stopping, "save term arm publish"),
            (Stopping, "term arm publish"),
            (Ready, ""),
            (Ready, "!"),
            (Ready, "!"),
            (Ready, "!"),
            (Ready, "!"),
            (Ready, ""),
            (Ready, ""),
            (Ready, "publish"),
            (Stopping, "term arm publish"),
            (Starting, "probe arm publish"),
            (Resting, "failed arm publish"),
            (Resting, "failed arm publish"),
            (Ready, ""),
        ],
    ),
    (
        Stopping,
        [
            (Stopping, "save publish"),
            (Stopping, ""),
            (Stopping, ""),
            (Stopping, ""),
            (Stopping, "!"),
            (Stopping, "!"),
            (Stopping, "!"),
            (Stopping, "!"),
            (Stopping, ""),
            (Stopping, ""),
            (Stopping, ""),
            (Stopping, ""),
            (Stopping, "!"),
            (Down, "disarm publish"),
            (Down, "disarm publish"),
            (Stopping, "kill arm publish"),
        ],
    ),
    (
        Resting,
        [
            (Launching, "disarm spawn publish"),
            (Down, "save disarm publish"),
            (Down, "disarm publish"),
            (Resting, ""),
            (Resting, "!"),
            (Resting, "!"),
            (Resting, "!"),
            (Resting, "!"),
            (Resting, ""),
            (Resting, "!"),
            (Resting, ""),
            (Resting, ""),
            (Resting, "!"),
            (Resting, "!"),
            (Resting, "!"),
            (Launching, "spawn publish"),
        ],
    ),
    (
        Broken,
        [
            (Launching, "spawn publish"),
            (Down, "save publish"),
            (Broken, ""),
            (Launching, "spawn publish"),
            (Broken, "!"),
            (Broken, "!"),
            (Broken, "!"),
            (Broken, "!"),
            (Broken, ""),
            (Broken, "!"),
            (Broken, ""),
            (Broken, ""),
            (Broken, "!"),
            (Broken, "!"),
            (Broken, "!"),
            (Broken, ""),
        ],
    ),
];

#[test]
fn every_cell_of_the_table_does_what_it_says() {
    assert_eq!(CELLS.map(|(condition, _)| condition), CONDITIONS);
    for (condition, row) in CELLS {
        for (name, (next, expected)) in WORDS.iter().zip(row) {
            let mut life = Life::at(condition);
            let run = life.instance.run;
            if life.instance.timer.is_none() && *name == "deadline" {
                // Unreachable through the door; the cell behind it still has to be harmless.
                life.instance.timer = Some(Timer(u64::MAX));
            }
            let expected = if expected == "(no timer)" { "!" } else { expected };
            let actions = life.one(name);
            let words: Vec<_> = actions.iter().map(word).collect();
            assert_eq!(words.join(" "), expected, "{condition:?} + {name}");
            assert_eq!(life.instance.condition, next, "{condition:?} + {name}");
            let launched = actions.iter().any(|action| word(action) == "spawn") || *name == "adopted";
            let replaced = *name == "replaced" && matches!(condition, Starting | Ready);
            let moved = launched && next != condition || replaced;
            assert_eq!(life.instance.run, if moved { run.next() } else { run }, "{condition:?} + {name}");
        }
    }
}

#[test]
fn the_documented_table_has_a_line_for_every_condition_and_a_column_for_every_event() {
    let text = include_str!("../instance.rs");
    for condition in CONDITIONS {
        assert_eq!(text.matches(&format!("//! | {condition:?} |")).count(), 2, "{condition:?}");
    }
    assert!(text.contains("//! `replaced` ("));
    for event in ["want up", "want down", "drain", "adopted", "spawned", "spawn failed"] {
        assert!(text.contains(&format!("| {event} ")), "{event}");
    }
}

#[test]
fn what_belongs_to_another_run_is_dropped_at_the_door() {
    let children =
        ["spawned", "no spawn", "refused", "progress", "ready", "lost", "hung", "replaced", "exit 1"];
    for condition in CONDITIONS {
        for name in children {
            let mut life = Life::at(condition);
            let event = life.event(name);
            let run = life.instance.run;
            for other in [run.next(), Run(run.0.wrapping_sub(1))] {
                life.instance.run = other;
                assert_eq!(life.take(event, NOW), [], "{condition:?} + {name}");
                assert_eq!(life.instance.condition, condition);
            }
        }
    }
}

#[test]
fn a_timer_that_was_set_anew_is_stale_and_fires_once() {
    let mut life = Life::at(Starting);
    let stale = life.event("deadline");
    life.one("ready");
    assert_eq!(life.take(stale, NOW), []);
    assert_eq!(life.instance.condition, Ready);
    let stable = life.event("deadline");
    life.take(stable, NOW);
    assert_eq!((life.take(stable, NOW), life.instance.armed()), (vec![], None));
}

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
    for _ in 0..super::super::policy::REARMS_PER_HOUR {
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
