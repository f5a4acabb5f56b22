//! The rule that gives the program its name: a host has one primary gateway, whoever started it. Isolated ones run
//! beside it when they are started on purpose.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::foreground::{kill, lives};
use super::world::{World, pid, said, wait_for};

/// The default profile on a port of its own and the embedded gateway, so that worlds do not meet on 18789.
fn default_profile(world: &World) -> u16 {
    world.embedded("default")
}

/// Refuses every kind of start of the default profile; returns the error.
#[track_caller]
fn has_one(world: &World, code: &str) -> Value {
    world.refused_in_front("default", code);
    let error = world.run(&["profile", "start", "default", "--json"]).refused(78, code);
    assert!(error["remedy"].is_string(), "{error}");
    error
}

/// A process with the title that the real gateway gives itself, run by an executable called `executable`.
fn titled(world: &World, executable: &str) -> Child {
    let program = world.path("bin").join(executable);
    fs::copy("/bin/cat", &program).unwrap();
    let mut command = Command::new(&program);
    world.surround(&mut command).arg0("openclaw-gateway").stdin(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for("its title", || (!world.running("openclaw-gateway").is_empty()).then_some(()));
    child
}

#[test]
fn one_primary_an_isolated_gateway_of_ours_refuses_it_and_is_named() {
    let world = World::new();
    default_profile(&world);
    let name = world.name("isolated");
    let gateway = pid(&world.start(&name));
    let error = has_one(&world, "host_has_primary");
    assert_eq!(error["holder"]["pid"], gateway, "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&name) && message.contains(&gateway.to_string()), "{message}");
    assert_eq!(pid(&world.show(&name)), gateway);
    world.run(&["profile", "stop", &name]).ok();
    assert_eq!(world.start("default")["state"], "ready");
}

#[test]
fn one_primary_the_real_program_refuses_it_and_a_mere_title_does_not() {
    let world = World::new();
    default_profile(&world);
    let name = world.name("isolated");
    let real = titled(&world, "node");
    // Nothing says of which profile it is, so it counts as the default one.
    let error = has_one(&world, "unmanaged_gateway");
    assert_eq!(error["holder"]["pid"], real.id(), "{error}");
    assert_eq!(world.start(&name)["state"], "ready", "a named profile may run beside it");
    world.run(&["profile", "stop", &name]).ok();
    assert!(lives(&real));
    kill(real);
    let other = titled(&world, "notes");
    assert_eq!(world.start("default")["state"], "ready", "what cannot be a gateway is none");
    kill(other);
}

#[test]
fn one_primary_an_isolated_one_starts_beside_it_and_both_come_back() {
    let world = World::new();
    default_profile(&world);
    let name = world.name("beside");
    let first = pid(&world.start("default"));
    world.start(&name);
    assert_eq!(pid(&world.show("default")), first);
    let again = world.run(&["profile", "restart", "default", "--json"]).ok().json();
    assert_ne!(pid(&again), first, "what was started beside it does not keep it down");
    // While the primary is down, the isolated one keeps a fresh start away, but not the supervisor's own.
    world.run(&["supervisor", "stop"]).ok();
    let other = world.name("third");
    world.start(&other);
    for name in ["default", &name] {
        assert_eq!(world.until_state(name, "ready")["intent"], "up", "{name}");
    }
}

#[test]
fn one_primary_for_two_homes_with_one_slot() {
    let (ana, bob) = (World::new(), World::new());
    let (ours, theirs) = (default_profile(&ana), default_profile(&bob));
    let gateway = ana.serve("default", ours);
    let slot = ana.path("host-slot");
    for words in [&["--profile", "default", "gateway", "run", "--json"][..], &["gateway", "run", "--json"]] {
        let second = bob.command(words).env("OPENCLAW_HOST_LOCK", &slot).spawn().unwrap();
        // One user's, but no profile of the second home.
        let error = said(second).refused(78, "unmanaged_gateway");
        assert_eq!(error["holder"]["pid"], gateway.id(), "{error}");
        // The second home's own default profile is not the one that runs.
        let remedy = error["remedy"].as_str().unwrap();
        assert!(remedy.ends_with(": openclaw profile start work"), "{remedy}");
    }
    kill(gateway);
    // The slot ends with its holder, with nothing to delete.
    let mut next = bob.command(&["gateway", "run"]);
    kill(super::foreground::listening(next.env("OPENCLAW_HOST_LOCK", &slot).spawn().unwrap(), theirs));
}
