//! E2: a call through the command line cost seconds, hundreds of megabytes and thousands of opened files before the
//! gateway was asked at all, and more with every plug-in. A native call opens few files and runs nothing, however many
//! profiles there are and however long the configuration is.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::e1_quiet_clients::{OPENS_MAX, is_call, spawns, trace};
use super::world::World;

/// Profiles beside the one that is asked.
const CROWD: usize = 100;

/// How many more files a call may open in a crowd.
const MORE_MAX: usize = 2;

/// The most memory that a call may have resident, in KiB. Code that is not optimised is several times as long, and as
/// much of it is mapped.
const MEMORY_MAX: u64 = if cfg!(debug_assertions) { 32 } else { 15 } * 1024;

/// How much more memory a call may take for a configuration of 1 MB: its text, and nothing made of it; in KiB.
const MORE_MEMORY_MAX: u64 = 3 * 1024;

/// Every native verb that reads, with the exit code that the embedded gateway's answer leads to. `status --deep` looks
/// at every process of the host, so its files are not counted.
const CALLS: [(&str, i32); 17] = [
    ("--profile work health", 0),
    ("--profile work gateway health --json", 0),
    ("--profile work gateway status", 0),
    ("--profile work gateway probe", 0),
    ("--profile work gateway call status", 0),
    ("--profile work gateway usage-cost", 1),
    ("--profile work gateway stability", 0),
    ("--profile work status --json", 0),
    ("--profile work nodes list", 0),
    ("--profile work devices list", 0),
    ("--profile work sessions list", 0),
    ("--profile work channels status", 0),
    ("--profile work models list", 0),
    ("--profile work cron list", 0),
    ("--profile work config get", 0),
    ("--profile work logs", 0),
    ("--profile work dashboard --no-open", 0),
];

/// Those that the gateway answers with its whole configuration, several times over as the real one does: what they take
/// grows with it.
const CARRIERS: [&str; 2] = ["--profile work gateway probe", "--profile work config get"];

/// How many files a call opens; it runs nothing.
fn opens(world: &World, (words, code): (&str, i32)) -> usize {
    let trace = trace(world, words, code);
    let spawned: Vec<&String> = trace.iter().filter(|line| spawns(line)).collect();
    assert!(spawned.is_empty(), "{words}: {spawned:?}");
    assert_eq!(trace.iter().filter(|line| line.contains("execve(")).count(), 1, "{words}");
    trace.iter().filter(|line| is_call(line, "open")).count()
}

/// The most memory that a call had resident, in KiB; 0 where nothing on this machine can tell.
fn memory(world: &World, (words, code): (&str, i32)) -> u64 {
    if !Path::new("/usr/bin/time").exists() {
        return 0;
    }
    let script = format!("exec /usr/bin/time -f %M -o \"$WORLD/memory\" \"$OC\" {words}");
    assert_eq!(world.script(&[], &script).code, Some(code), "{words}");
    world.lines("memory").last().unwrap().trim().parse().unwrap()
}

#[test]
fn incident_e2_a_call_costs_the_same_among_a_hundred_profiles_and_with_a_long_configuration() {
    if !Path::new("/usr/bin/strace").exists() {
        return;
    }
    let world = World::new();
    world.embedded("work");
    world.start("work");
    let alone = CALLS.map(|call| (opens(&world, call), memory(&world, call)));
    let file = world.state("work").join("openclaw.json");
    let mut config: Value = json5::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    // A long list of agents' tools and plug-ins, as large configurations have.
    let entries: Vec<Value> =
        (0..10_000).map(|n| json!({"id": format!("plugin-{n}"), "note": "x".repeat(70)})).collect();
    config["plugins"] = json!({ "entries": entries });
    let long = config.to_string();
    assert!(long.len() > 1_000_000);
    fs::write(&file, long).unwrap();
    for number in 0..CROWD {
        let folder = world.state(&format!("crowd{number}"));
        world.private(&folder);
        fs::create_dir_all(folder.join("extensions/plugin")).unwrap();
        fs::write(folder.join("openclaw.json"), "{}").unwrap();
        world.manifest(&format!("crowd{number}"), "");
    }
    for (call, (alone, before)) in CALLS.into_iter().zip(alone) {
        let (words, crowded) = (call.0, opens(&world, call));
        assert!(alone < OPENS_MAX && crowded <= alone + MORE_MAX, "{words}: {alone}, then {crowded} files");
        if CARRIERS.contains(&words) {
            continue;
        }
        let memory = memory(&world, call);
        assert!(memory <= MEMORY_MAX, "{words}: {memory} KiB");
        assert!(memory <= before + MORE_MEMORY_MAX, "{words}: {before}, then {memory} KiB");
    }
}
