//! B3: after an upgrade the gateways of several profiles could not start together: each waited for a lock that
//! another held. Isolated profiles start at once, in any order, every time.

use std::collections::BTreeSet;

use super::random::Random;
use super::world::{World, said};

/// How often the five start together.
const ROUNDS: usize = 50;

/// Another order each time, the same in every run of this test.
const SEED: u64 = 15_970;

#[test]
fn incident_b3_five_profiles_start_together_fifty_times_and_share_nothing() {
    let world = World::new();
    let mut names: Vec<String> = ["one", "two", "three", "four", "five"].map(|stem| world.name(stem)).into();
    let mut random = Random::new(SEED);
    for round in 0..ROUNDS {
        for place in (1..names.len()).rev() {
            names.swap(place, random.between(0, place as u64) as usize);
        }
        let starts: Vec<_> =
            names.iter().map(|name| world.spawn(&["profile", "start", name, "--json"])).collect();
        let states: Vec<_> = starts.into_iter().map(|start| said(start).ok().json()).collect();
        for key in ["pid", "port", "stateDir"] {
            let values: BTreeSet<String> = states.iter().map(|state| state[key].to_string()).collect();
            assert_eq!(values.len(), names.len(), "round {round}: {key} in {states:?}");
        }
        assert!(states.iter().all(|state| state["state"] == "ready"), "{states:?}");
        for name in names.iter().filter(|_| round % 10 == 0) {
            world.run(&["--profile", name, "health"]).ok();
        }
        if round % 2 == 0 {
            let words: Vec<&str> =
                ["profile", "stop"].into_iter().chain(names.iter().map(String::as_str)).collect();
            world.run(&words).ok();
        } else {
            world.run(&["supervisor", "stop"]).ok();
            // What comes back with the next supervisor would be a start of its own.
            let words: Vec<&str> =
                ["profile", "stop"].into_iter().chain(names.iter().map(String::as_str)).collect();
            world.run(&words).ok();
        }
    }
}

#[test]
fn incident_b3_units_of_an_older_version_still_work_or_are_named_as_outdated() {
    let world = World::new();
    let names: Vec<String> = ["one", "two", "three", "four", "five"].map(|stem| world.name(stem)).into();
    for (place, name) in names.iter().enumerate() {
        world.embedded(name);
        let flag = if place < 3 { String::new() } else { format!(" --profile {name}") };
        world.unit(
            &format!("openclaw-gateway-{name}.service"),
            &format!("/usr/local/bin/openclaw{flag} gateway run"),
        );
    }
    let found = world.run(&["host", "conflicts", "--json"]);
    assert_eq!(found.code, Some(4), "{found:?}");
    let conflicts = found.json()["conflicts"].as_array().unwrap().clone();
    let outdated: BTreeSet<&str> = conflicts
        .iter()
        .inspect(|conflict| assert_eq!(conflict["code"], "service_port_mismatch", "{conflict}"))
        .inspect(|conflict| assert!(conflict["message"].as_str().unwrap().contains("outdated"), "{conflict}"))
        .map(|conflict| conflict["profile"].as_str().unwrap())
        .collect();
    assert_eq!(outdated, names[..3].iter().map(String::as_str).collect(), "{conflicts:?}");
    for conflict in &conflicts {
        let (name, remedy) = (conflict["profile"].as_str().unwrap(), conflict["remedy"].as_str().unwrap());
        assert!(remedy.contains(&format!("--profile {name}")), "{remedy}");
    }
}
