//! B1: `--profile batch restart` restarted another gateway, and `status` asked the default one. Each verb reaches the
//! profile that was named, also where one name begins like another; one that is stopped is asked nowhere else.

use super::world::{World, pid};

/// Names that begin alike.
const NAMES: [&str; 4] = ["a", "b", "a-b", "a2"];

/// Frames in a profile's record that carry `mark`.
fn asked(world: &World, name: &str, mark: &str) -> usize {
    world.lines(&format!("{name}.frames")).iter().filter(|frame| frame.contains(mark)).count()
}

/// Calls with a mark that no other call has; returns the exit code.
fn call(world: &World, name: &str, mark: &str) -> Option<i32> {
    let params = format!("{{\"mark\":\"{mark}\"}}");
    world.run(&["--profile", name, "gateway", "call", "health", "--params", &params, "--json"]).code
}

#[test]
fn incident_b1_every_verb_reaches_the_named_profile_and_no_other() {
    let world = World::new();
    let mut ports = Vec::new();
    for name in NAMES {
        let record = format!("@{name}.frames");
        ports.push(world.fake(name, "", "", &["--record", &record]));
    }
    world.run(&[&["profile", "start"][..], &NAMES].concat()).ok();
    for name in NAMES {
        let mark = format!("mark-of-{name}-end");
        assert_eq!(call(&world, name, &mark), Some(0));
        for other in NAMES {
            let expected = usize::from(other == name);
            assert_eq!(asked(&world, other, &mark), expected, "a call to {name}, seen by {other}");
        }
    }
    healths_reach_only_their_own(&world);
    for (name, port) in NAMES.iter().zip(&ports) {
        assert_eq!(world.show(name)["port"], *port, "{name}");
    }
    // Restart and stop end the named one's process only.
    for name in NAMES {
        let before: Vec<u32> = NAMES.iter().map(|name| pid(&world.show(name))).collect();
        world.run(&["profile", "restart", name]).ok();
        for (other, old) in NAMES.iter().zip(before) {
            assert_eq!(
                pid(&world.show(other)) == old,
                *other != name,
                "a restart of {name}, seen by {other}"
            );
        }
    }
    world.run(&["profile", "stop", "a"]).ok();
    let seen: Vec<usize> = NAMES.iter().map(|name| asked(&world, name, "\"operator\"")).collect();
    assert_eq!(call(&world, "a", "mark-of-the-stopped"), Some(3));
    world.run(&["--profile", "a", "health", "--json"]).refused(3, "gateway_not_running");
    for (name, seen) in NAMES.iter().zip(seen) {
        assert_eq!(asked(&world, name, "mark-of-the-stopped"), 0, "{name}");
        assert_eq!(asked(&world, name, "\"operator\""), seen, "nobody else is asked: {name}");
    }
}

/// `health` has nothing to mark it by: the frames it sends are counted while nothing else asks.
fn healths_reach_only_their_own(world: &World) {
    let count = |name: &str| asked(world, name, "\"method\":\"health\"");
    for name in NAMES {
        let before: Vec<usize> = NAMES.iter().map(|name| count(name)).collect();
        world.run(&["--profile", name, "health"]).ok();
        for (other, before) in NAMES.iter().zip(before) {
            let more = usize::from(*other == name);
            assert_eq!(count(other), before + more, "health of {name}, seen by {other}");
        }
    }
}
