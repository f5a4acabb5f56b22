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

/// A mark in a call that must reach nobody; returns what was said.
fn call_to_nobody(world: &World, name: &str, code: &str) -> serde_json::Value {
    let params = "{\"mark\":\"to-nobody\"}";
    let words = ["--profile", name, "gateway", "call", "health", "--params", params, "--json"];
    let said = world.run(&words);
    said.refused(said.code.unwrap(), code)
}

#[test]
fn incident_b1_with_swapped_ports_the_other_profile_is_named_and_gets_nothing() {
    let world = World::new();
    let names = ["default", "a", "b", "a-b", "batch2"];
    let ports = names.map(|name| world.fake(name, "", "", &["--record", &format!("@{name}.frames")]));
    world.run(&[&["profile", "start"][..], &names].concat()).ok();
    let manifest = |name: &str, port: u16| {
        let file = world.home(format!(".config/openclaw/profiles/{name}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<String> = text
            .lines()
            .map(|line| if line.starts_with("port = ") { format!("port = {port}") } else { line.into() })
            .collect();
        std::fs::write(file, lines.join("\n")).unwrap();
    };
    manifest("a", ports[2]);
    manifest("b", ports[1]);
    let frames = || names.map(|name| world.lines(&format!("{name}.frames")).len());
    for (name, other, port) in [("a", "b", ports[2]), ("b", "a", ports[1])] {
        let error = call_to_nobody(&world, name, "port_of_another_profile");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("port {port} answers as profile `{other}`")), "{message}");
        world.run(&["--profile", name, "health", "--json"]).refused(77, "port_of_another_profile");
    }
    // With its own gateway stopped the port is the other's all the same.
    world.run(&["profile", "stop", "a"]).ok();
    call_to_nobody(&world, "a", "port_of_another_profile");
    for name in names {
        assert_eq!(asked(&world, name, "to-nobody"), 0, "{name}");
    }
    let before = frames();
    for name in ["default", "a-b", "batch2"] {
        assert_eq!(call(&world, name, "still-reached"), Some(0), "{name}");
    }
    assert!(
        before
            .iter()
            .zip(frames())
            .enumerate()
            .all(|(at, (old, new))| (new > *old) == [0, 3, 4].contains(&at))
    );
}
