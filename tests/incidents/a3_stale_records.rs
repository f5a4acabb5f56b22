//! A3: after a hard reboot the pid in a lock file belonged to another program, and the lock blocked for good; or it
//! belonged to another profile's gateway. What a file says is no claim, and nobody is signalled for its sake.

use std::fs;

use serde_json::{Value, json};

use super::foreground::{bystander, kill, lives};
use super::look;
use super::world::{World, pid};

/// Rounds of an unclean end and a new start.
const ROUNDS: usize = 30;

#[test]
fn incident_a3_no_record_blocks_a_start_and_nobody_it_names_is_harmed() {
    let world = World::new();
    let port = world.embedded("mine");
    let other = world.embedded("other");
    let file = world.state("mine").join("gateway.lock");
    kill(world.serve("mine", port));
    let record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let neighbour = world.serve("other", other);
    let sleeper = bystander(&world);
    let named = |number: Value| {
        let mut record = record.clone();
        record["pid"] = number;
        record.to_string().into_bytes()
    };
    let mut elsewhen = record.clone();
    elsewhen["bootId"] = json!("00000000-0000-4000-8000-000000000000");
    elsewhen["pid"] = sleeper.id().into();
    for (what, text) in [
        ("a running program", named(sleeper.id().into())),
        ("another profile's gateway", named(neighbour.id().into())),
        ("this test", named(std::process::id().into())),
        ("pid 0", named(json!(0))),
        ("pid -1", named(json!(-1))),
        ("pid 1", named(json!(1))),
        ("10 MB of garbage", vec![b'{'; 10_000_000]),
        ("nothing", Vec::new()),
        ("another boot", elsewhen.to_string().into_bytes()),
    ] {
        fs::write(&file, &text).unwrap();
        let gateway = world.serve("mine", port);
        assert!(lives(&gateway), "{what}");
        kill(gateway);
        fs::write(&file, &text).unwrap();
        let gateway = pid(&world.start("mine"));
        world.run(&["profile", "stop", "mine"]).ok();
        assert!(!look::is_alive(gateway), "{what}");
        fs::write(&file, &text).unwrap();
        world.run(&["profile", "stop", "mine"]).ok();
        assert!(lives(&sleeper) && lives(&neighbour), "{what}");
    }
    kill(sleeper);
    kill(neighbour);
}

#[test]
fn incident_a3_thirty_unclean_ends_in_a_row() {
    let world = World::new();
    let port = world.embedded("mine");
    for _ in 0..ROUNDS {
        kill(world.serve("mine", port));
    }
    assert_eq!(world.start("mine")["state"], "ready");
}
