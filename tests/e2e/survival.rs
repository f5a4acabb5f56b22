//! What outlives what (I5): the gateway its supervisor, the supervisor garbage in its files and the replacement
//! of its own program.

use std::fs;
use std::os::unix::net::UnixListener;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::look;
use super::world::{OPENCLAW, World, pid, wait_for};

/// Kills the supervisor and waits until it is gone.
pub fn lose_supervisor(world: &World) {
    world.may_leave_gateways();
    let supervisor = world.supervisor();
    look::signal(supervisor, Signal::SIGKILL);
    wait_for("its end", || (!look::is_alive(supervisor)).then_some(()));
}

#[test]
fn a_gateway_serves_on_when_its_supervisor_is_killed() {
    let world = World::new();
    let name = world.name("orphan");
    let gateway = pid(&world.start(&name));
    lose_supervisor(&world);
    assert!(look::is_alive(gateway));
    assert_eq!(world.run(&["--profile", &name, "health", "--json"]).ok().json()["ok"], true);
    let seen = world.show(&name);
    assert_eq!((&seen["state"], &seen["pid"]), (&"ready".into(), &gateway.into()));
    world.run(&["profile", "stop", &name]).ok();
    assert!(!look::is_alive(gateway), "the next supervisor was started to end it");
}

#[test]
fn the_next_supervisor_never_starts_a_second_copy() {
    let world = World::new();
    world.fake("kept", "", "", &["--alarm", "@alarm", "--starts", "@starts"]);
    let gateway = pid(&world.start("kept"));
    lose_supervisor(&world);
    assert_eq!(world.start("kept")["pid"], gateway, "adopted");
    assert_eq!((world.lines("alarm").len(), world.lines("starts").len()), (0, 1));
}

#[test]
fn a_supervisor_killed_again_and_again_never_has_two_gateways() {
    let world = World::new();
    world.fake("kept", "", "", &["--alarm", "@alarm", "--boot-delay", "30"]);
    for round in 0..5 {
        let start = world.spawn(&["profile", "start", "kept"]);
        wait_for("a supervisor", || (world.run(&["supervisor", "status"]).code == Some(0)).then_some(()));
        if round % 2 == 0 {
            wait_for("a gateway", || (!world.running("fake-gateway").is_empty()).then_some(()));
        }
        lose_supervisor(&world);
        assert!(super::world::said(start).code.is_some(), "no command dies of it");
        assert!(world.running("fake-gateway").len() <= 1);
    }
    assert_eq!(world.lines("alarm"), [""; 0]);
}

#[test]
fn the_intent_outlives_a_killed_supervisor() {
    let world = World::new();
    let other = world.name("other");
    world.fake("kept", "", "restart_delay_min = \"10ms\"", &["--alarm", "@alarm"]);
    let gateway = pid(&world.start("kept"));
    lose_supervisor(&world);
    look::signal(gateway, Signal::SIGKILL);
    wait_for("its end", || (!look::is_alive(gateway)).then_some(()));
    world.start(&other);
    let back = world.until_state("kept", "ready");
    assert_eq!(back["intent"], "up");
    assert_ne!(pid(&back), gateway);
}

#[test]
fn a_socket_that_nobody_listens_on_is_replaced() {
    let world = World::new();
    let name = world.name("stale");
    world.private(&world.path("run/openclaw"));
    let socket = world.path("run/openclaw/supervisor.sock");
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    world.run(&["supervisor", "status", "--json"]).refused(3, "supervisor_not_running");
    assert_eq!(world.start(&name)["state"], "ready");
    // One that is left by a killed supervisor is the same.
    world.run(&["profile", "stop", &name]).ok();
    lose_supervisor(&world);
    assert!(socket.exists());
    assert_eq!(world.start(&name)["state"], "ready");
}

#[test]
fn garbage_in_what_the_supervisor_left_stops_nobody() {
    for garbage in [&b""[..], b"{", b"[]", b"{\"pid\":-1}", &[0xff, 0xfe, 0], b"null", b"\"up\""] {
        let world = World::new();
        let [name, second] = ["rubble", "second"].map(|stem| world.name(stem));
        world.start(&name);
        world.run(&["supervisor", "stop"]).ok();
        let record = world.kept(&format!("records/{name}.json"));
        for file in [&record, &world.kept("supervisor.json"), &world.state(&name).join("gateway.lock")] {
            assert!(file.exists(), "{}", file.display());
            fs::write(file, garbage).unwrap();
        }
        fs::write(world.kept("records/../x.json"), garbage).unwrap();
        fs::write(world.kept("records/-x.json"), garbage).unwrap();
        world.run(&["profile", "list"]).ok();
        world.start(&second);
        assert_eq!(world.start(&name)["state"], "ready", "{garbage:?}");
        let kept: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        assert_eq!(kept["intent"], "up");
    }
}

#[test]
fn a_record_that_names_a_stranger_harms_nobody() {
    let world = World::new();
    let name = world.name("named");
    let mut command = std::process::Command::new("/bin/sleep");
    let mut stranger = world.surround(&mut command).arg("600").spawn().unwrap();
    world.start(&name);
    world.run(&["supervisor", "stop"]).ok();
    let file = world.state(&name).join("gateway.lock");
    let mut record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    record["pid"] = stranger.id().into();
    fs::write(&file, record.to_string()).unwrap();
    world.run(&["profile", "stop", &name]).ok();
    world.start(&name);
    world.run(&["profile", "restart", &name]).ok();
    assert!(look::is_alive(stranger.id()));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_program_that_was_replaced_or_deleted_on_disk_still_restarts_its_gateways() {
    for replace in [true, false] {
        let mut world = World::new();
        let copy = world.path("openclaw");
        // By another process: a child forked meanwhile would have the file open for writing, and it be busy.
        let lay = |world: &World| {
            world.script(&["/usr/bin/env"], &format!("cp {OPENCLAW} \"$WORLD/openclaw\"")).ok();
        };
        lay(&world);
        world.program = copy.clone();
        let name = world.name("moved");
        let before = pid(&world.start(&name));
        fs::remove_file(&copy).unwrap();
        if replace {
            lay(&world);
        } else {
            world.program = OPENCLAW.into();
        }
        let after = world.run(&["profile", "restart", &name, "--json"]).ok().json();
        assert_eq!(after["state"], "ready", "replaced: {replace}");
        assert_ne!(pid(&after), before);
        look::signal(pid(&after), Signal::SIGKILL);
        world.until(&name, "back", |status| status["restarts"] == 1 && status["state"] == "ready");
    }
}

#[test]
fn a_state_directory_that_is_removed_under_a_gateway_is_no_reason_for_a_second_one() {
    let world = World::new();
    let name = world.name("gone");
    let gateway = pid(&world.start(&name));
    fs::remove_dir_all(world.state(&name)).unwrap();
    let again = world.start(&name);
    assert_eq!(again["pid"], gateway, "it still runs and is still watched");
    world.run(&["profile", "stop", &name]).ok();
    assert!(!look::is_alive(gateway));
}
