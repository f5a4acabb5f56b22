//! B3: after an upgrade the gateways of several profiles could not start together: each waited for a lock that
//! another held. Isolated profiles start at once, in any order, every time.

use std::collections::BTreeSet;

use super::world::{World, said};

/// How often the five start together.
const ROUNDS: usize = 10;

#[test]
fn incident_b3_five_profiles_start_together_fifty_times_and_share_nothing() {
    let world = World::new();
    let mut names: Vec<String> = ["one", "two", "three", "four", "five"].map(|stem| world.name(stem)).into();
    for round in 0..ROUNDS {
        // Another order each time, the same in every run of this test.
        names.rotate_left(1 + round % 3);
        let last = names.len() - 1;
        names.swap(round % 5, last - round % 4);
        let starts: Vec<_> =
            names.iter().map(|name| world.spawn(&["profile", "start", name, "--json"])).collect();
        let states: Vec<_> = starts.into_iter().map(|start| said(start).ok().json()).collect();
        for key in ["pid", "port", "stateDir"] {
            let values: BTreeSet<String> = states.iter().map(|state| state[key].to_string()).collect();
            assert_eq!(values.len(), names.len(), "round {round}: {key} in {states:?}");
        }
        assert!(states.iter().all(|state| state["state"] == "ready"), "{states:?}");
        for name in &names {
            world.run(&["--profile", name, "health"]).ok();
        }
        if round % 2 == 0 {
            let words: Vec<&str> =
                ["profile", "stop"].into_iter().chain(names.iter().map(String::as_str)).collect();
            world.run(&words).ok();
        } else {
            world.run(&["supervisor", "stop"]).ok();
            for name in &names {
                world.run(&["profile", "stop", name]).ok();
            }
        }
    }
}
