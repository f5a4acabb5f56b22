//! A6 and C4: the supervisor dies at every place where a sudden end could leave half of something behind. Nothing has
//! to be deleted by hand, no second gateway comes up beside one that lives on, and the next orders are obeyed.

use std::process::Child;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::look;
use super::world::{World, pid, said, wait_for};

/// A supervisor that dies at `point`.
fn armed(world: &World, point: &str) -> Child {
    world.command(&["supervisor", "run"]).env("OPENCLAW_CRASH_AT", point).spawn().unwrap()
}

/// Waits until the process has died as by `kill -9`.
fn dies(child: Child, point: &str) {
    assert_eq!(said(child).signal, Some(Signal::SIGKILL as i32), "{point}");
}

/// Ends every supervisor, as the machine would; a client may have begun another one in the place of the first.
fn end_supervisors(world: &World) {
    for supervisor in world.running("supervisor run") {
        look::signal(supervisor, Signal::SIGKILL);
        wait_for("its end", || (!look::is_alive(supervisor)).then_some(()));
    }
}

/// A world whose supervisor died at `point` while it obeyed `verbs`; with the gateways that outlived it.
fn died(point: &str, verbs: &[&str], knobs: &[&str]) -> (World, Vec<u32>) {
    let world = World::new();
    world.may_leave_gateways();
    world.fake("kept", "", "", &[&["--alarm", "@alarm", "--starts", "@starts"], knobs].concat());
    let supervisor = armed(&world, point);
    if verbs.is_empty() {
        dies(supervisor, point);
        return (world, Vec::new());
    }
    wait_for("the supervisor", || (world.run(&["supervisor", "status"]).code == Some(0)).then_some(()));
    let mut orders: Vec<Child> = Vec::new();
    for (number, verb) in verbs.iter().enumerate() {
        orders.push(world.spawn(&["profile", verb, "kept", "--timeout", "10s"]));
        if number + 1 < verbs.len() {
            said(orders.remove(0)).ok();
        }
    }
    dies(supervisor, point);
    for order in orders {
        assert!(said(order).code.is_some(), "{point}: no command dies of it");
    }
    end_supervisors(&world);
    let left = world.running("fake-gateway");
    assert!(left.len() <= 1, "{point}: {left:?}");
    (world, left)
}

/// Asserts that the next start either finds the gateway that outlived the supervisor or names it and leaves it alone;
/// then that everything works as before, with nothing deleted.
fn recovers(point: &str, world: &World, left: &[u32]) {
    if left.is_empty() {
        let stop = world.run(&["profile", "stop", "kept"]);
        assert_eq!(stop.code, Some(0), "{point}: the stop of what does not run is a success: {stop:?}");
        assert!(stop.out.contains("kept"), "{point}: and says so: {stop:?}");
    }
    let start = world.run(&["profile", "start", "kept", "--json"]);
    let survivor = left.first().copied().filter(|pid| look::is_alive(*pid));
    let gateway = match (survivor, start.code) {
        (Some(survivor), Some(0)) => {
            assert_eq!(pid(&start.json()), survivor, "{point}: the one that runs is taken over");
            survivor
        }
        (Some(survivor), _) => {
            let error = start.refused(78, "state_dir_shared");
            assert!(error["message"].as_str().is_some_and(|text| text.contains(".openclaw-kept")), "{error}");
            assert!(look::is_alive(survivor), "{point}: and is not harmed");
            assert_eq!(world.running("fake-gateway"), [survivor], "{point}");
            look::signal(survivor, Signal::SIGKILL);
            wait_for("its end", || (!look::is_alive(survivor)).then_some(()));
            pid(&world.start("kept"))
        }
        (None, _) => pid(&start.ok().json()),
    };
    assert_eq!(world.until_state("kept", "ready")["pid"], Value::from(gateway), "{point}");
    assert_eq!(world.running("fake-gateway"), [gateway], "{point}");
    world.run(&["profile", "restart", "kept"]).ok();
    world.run(&["profile", "stop", "kept"]).ok();
    world.run(&["profile", "stop", "kept"]).ok();
    assert_eq!(world.running("fake-gateway"), [0; 0], "{point}");
    assert_eq!(world.lines("alarm"), [""; 0], "{point}: never two at once");
}

/// One point, from the death to the recovery.
fn replay(point: &str, verbs: &[&str], knobs: &[&str]) {
    let (world, left) = died(point, verbs, knobs);
    recovers(point, &world, &left);
}

#[test]
fn incident_a6_dead_before_it_takes_orders() {
    for point in ["socket-made", "note-made", "half-supervisor.json"] {
        replay(point, &[], &[]);
    }
}

#[test]
fn incident_a6_dead_before_anything_runs() {
    for point in ["half-kept.json", "claimed"] {
        replay(point, &["start"], &[]);
    }
}

#[test]
fn incident_a6_dead_between_the_fork_and_the_record() {
    for point in ["forked", "half-gateway.lock", "recorded"] {
        replay(point, &["start"], &["--boot-delay", "60"]);
    }
}

#[test]
fn incident_a6_dead_while_it_starts_and_when_it_is_ready() {
    for point in ["starting", "ready"] {
        replay(point, &["start"], &["--boot-delay", "60"]);
    }
}

#[test]
fn incident_a6_dead_while_it_stops() {
    replay("stopping", &["start", "stop"], &[]);
    replay("half-kept.json:2", &["start", "stop"], &[]);
    replay("stopping", &["start", "stop"], &["--term-delay", "300"]);
}

#[test]
fn incident_a6_dead_between_two_attempts() {
    replay("backoff", &["start"], &["--exit-after", "1", "--exit-code", "1", "--exit-runs", "1"]);
}

#[test]
fn incident_a6_dead_in_the_foreground() {
    for point in ["claimed", "half-gateway.lock"] {
        let world = World::new();
        let port = world.embedded("kept");
        let mut command = world.command(&["--profile", "kept", "gateway", "run"]);
        dies(command.env("OPENCLAW_CRASH_AT", point).spawn().unwrap(), point);
        world.run(&["profile", "stop", "kept"]).ok();
        super::foreground::kill(world.serve("kept", port));
        assert_eq!(world.start("kept")["state"], "ready", "{point}");
    }
}
