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
/// What it was just about to make has its words until it is a gateway, so one look is not enough.
pub fn end_supervisors(world: &World) {
    let mut ended = Vec::new();
    wait_for("the end of all supervisors", || {
        let running = world.running("supervisor run");
        for supervisor in &running {
            // It may be gone by itself since the look.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(*supervisor as i32), Signal::SIGKILL);
        }
        ended.extend(&running);
        // A process that is ending shows no words any more, and still has its locks.
        (running.is_empty() && !ended.iter().any(|pid| look::is_alive(*pid))).then_some(())
    });
}

/// The gateways of `kept` that run. One that is between fork and exec shows no words, but holds the lock already.
pub fn survivors(world: &World) -> Vec<u32> {
    let Ok(folder) = std::fs::File::open(world.state("kept")) else { return Vec::new() };
    wait_for("a lock that is free or has a gateway", || {
        let running = world.running("fake-gateway");
        (!running.is_empty() || folder.try_lock().is_ok()).then_some(running)
    })
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
    let left = survivors(&world);
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
    let gateway = pid(&start.ok().json());
    if let Some(survivor) = survivor {
        assert_eq!(gateway, survivor, "{point}: the one that runs is taken over");
    }
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

/// The locks of `kept` that `profile check` tells, as kind and verdict.
fn locks(world: &World) -> Vec<(String, String)> {
    let document = world.run(&["profile", "check", "--json"]).ok().json();
    let locks = document["locks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let kept = locks.filter(|lock| lock["profile"] == "kept");
    kept.inspect(|lock| {
        assert!(lock["path"].as_str().is_some() && lock["ageMs"].is_u64(), "{lock}");
        assert_eq!(lock["verdict"] == "held", lock["owner"]["pid"].is_u64(), "{lock}");
    })
    .map(|lock| (text(&lock["kind"]), text(&lock["verdict"])))
    .collect()
}

#[test]
fn incident_a6_every_lock_is_told_and_the_next_start_leaves_no_stale_one() {
    let pair = |kind: &str, verdict: &str| (kind.to_owned(), verdict.to_owned());
    let (world, left) = died("half-gateway.lock", &["start"], &["--boot-delay", "60"]);
    for gateway in left {
        look::signal(gateway, Signal::SIGKILL);
        wait_for("its end", || (!look::is_alive(gateway)).then_some(()));
    }
    // The real program leaves its own when it dies.
    let folder = world.state("kept").join(format!("tmp/openclaw-{}", nix::unistd::geteuid()));
    std::fs::create_dir_all(&folder).unwrap();
    let lock = serde_json::json!({"pid": 4_000_000, "startTime": 1, "stateDir": world.state("kept")});
    std::fs::write(folder.join("gateway.state.lock"), lock.to_string()).unwrap();
    std::fs::write(world.state("kept").join("gateway.lock"), "{").unwrap();
    let before = locks(&world);
    let stale = [pair("state-dir", "stale"), pair("half-written", "stale"), pair("openclaw", "stale")];
    assert_eq!(before, stale);
    let told = world.run(&["profile", "check"]).ok().out;
    assert_eq!(told.matches("harmless").count(), 3, "{told}");
    let gateway = pid(&world.start("kept"));
    assert_eq!(locks(&world), [pair("state-dir", "held"), pair("openclaw", "stale")]);
    assert!(world.run(&["profile", "check"]).ok().out.contains(&format!("(pid {gateway})")));
    // That one is the real program's to take away, and its next start does.
    std::fs::remove_file(folder.join("gateway.state.lock")).unwrap();
    world.run(&["profile", "stop", "kept"]).ok();
    assert_eq!(locks(&world), [pair("state-dir", "stale")], "of the run that was stopped");
}
