//! C5: one unknown key led to 6,198 restarts in half a day. What fails for good is tried once, what always dies of
//! the same is given up soon, a change of its files brings it back, and the neighbours notice nothing.

use std::fs;
use std::time::{Duration, Instant};

use super::world::{World, pid};

/// Attempts without waits, so that only counting ends them.
const QUICK: &str = "restart_delay_min = \"1ms\"\nrestart_delay_max = \"1ms\"\nstable_after = \"60ms\"";

#[test]
fn incident_c5_every_kind_of_short_life_ends_within_few_starts_and_no_neighbour_notices() {
    let world = World::new();
    world.fake("calm", "", "", &[]);
    let neighbour = pid(&world.start("calm"));
    let cases: [(&str, &[&str], usize, &str); 6] = [
        (
            "at-once",
            &["--exit-code", "1", "--exit-after", "0", "--log-line", "x is wrong"],
            5,
            "same_failure",
        ),
        ("later", &["--exit-code", "1", "--exit-after", "30", "--log-line", "x is wrong"], 5, "same_failure"),
        ("silent", &["--exit-code", "1", "--exit-after", "12"], 7, "restart_budget_spent"),
        ("segv", &["--exit-signal", "11", "--exit-after", "0"], 7, "restart_budget_spent"),
        // It lasts long enough to be stable each time: counted by the hour, not in a row.
        (
            "stable",
            &["--exit-code", "1", "--exit-after", "150", "--log-line", "x is wrong"],
            7,
            "restart_budget_spent",
        ),
        ("config", &["--exit-code", "78", "--exit-after", "0", "--log-line", "x is wrong"], 1, ""),
    ];
    for (name, knobs, starts, code) in cases {
        let file = format!("@{name}");
        world.fake(name, "", QUICK, &[knobs, &["--starts", &file]].concat());
        world.run(&["profile", "start", name]);
        world.until_state(name, "failed");
        assert_eq!(world.lines(name).len(), starts, "{name}");
        assert!(world.journal().matches(&format!("given up profile={name}")).count() <= 1, "said once");
        if !code.is_empty() {
            let told = world.journal();
            let why = if code == "same_failure" { "with the same words" } else { "did not help" };
            assert!(told.lines().any(|line| line.contains(name) && line.contains(why)), "{name}: {told}");
        }
    }
    assert_eq!(pid(&world.show("calm")), neighbour);
}

#[test]
fn incident_c5_an_edit_of_its_files_starts_what_was_given_up_anew_within_five_seconds() {
    let world = World::new();
    let knobs = ["--exit-code", "78", "--exit-after", "0", "--exit-runs", "2", "--starts", "@starts"];
    world.fake("wrong", "", QUICK, &knobs);
    world.run(&["profile", "start", "wrong", "--json"]).refused(78, "gateway_config_invalid");
    assert_eq!(world.lines("starts").len(), 1);
    let config = world.state("wrong").join("openclaw.json");
    for (text, starts, state) in [("{}", 2, "failed"), ("{ \"x\": 1 }", 3, "ready")] {
        fs::write(&config, text).unwrap();
        let began = Instant::now();
        super::world::wait_for("a new start", || (world.lines("starts").len() == starts).then_some(()));
        assert!(began.elapsed() < Duration::from_secs(5));
        world.until_state("wrong", state);
    }
    assert_eq!(world.show("wrong")["intent"], "up");
}

#[test]
fn incident_c5_a_stop_ends_the_wait_for_an_edit() {
    let world = World::new();
    world.fake("wrong", "", QUICK, &["--exit-code", "78", "--exit-after", "0", "--starts", "@starts"]);
    world.fake("other", "", QUICK, &["--exit-code", "78", "--exit-after", "0", "--starts", "@other"]);
    for name in ["wrong", "other"] {
        world.run(&["profile", "start", name]);
    }
    world.run(&["profile", "stop", "wrong"]).ok();
    for name in ["wrong", "other"] {
        fs::write(world.state(name).join("openclaw.json"), "{}").unwrap();
    }
    super::world::wait_for("the other one's start", || (world.lines("other").len() == 2).then_some(()));
    assert_eq!(world.lines("starts").len(), 1);
    assert_eq!(world.show("wrong")["state"], "stopped");
}
