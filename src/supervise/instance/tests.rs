//! The cells of the table, event by event.

mod lives;

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
