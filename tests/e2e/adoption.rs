//! The supervisor is expendable (I5): whoever comes after a killed one takes over what runs, starts nothing
//! twice, forgets nothing, and touches no stranger.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::held::Held;
use super::look;
use super::survival::lose_supervisor;
use super::world::{OPENCLAW, World, pid, wait_for};

/// Starts a supervisor that has nothing to do but what the last one left.
fn next_supervisor(world: &World) -> u32 {
    // A listing starts none; a stop of a profile that does not run is enough of an order for nobody.
    let idle = world.name("idle");
    world.start(&idle);
    world.run(&["profile", "stop", &idle]).ok();
    world.supervisor()
}

fn port(status: &Value) -> u16 {
    status["port"].as_u64().unwrap() as u16
}

#[test]
fn an_adopted_gateway_keeps_pid_clients_and_age_and_obeys_as_before() {
    let world = World::new();
    let name = world.name("kept");
    let before = world.start(&name);
    let mut held = Held::open(port(&before), &world.state(&name));
    lose_supervisor(&world);
    held.ask();
    next_supervisor(&world);
    let adopted = world.until_state(&name, "ready");
    for key in ["pid", "port", "url", "startedAtMs", "runtime", "stateDir"] {
        assert_eq!(adopted[key], before[key], "{key}");
    }
    assert_eq!((&adopted["intent"], &adopted["owner"]["kind"]), (&"up".into(), &"supervisor".into()));
    held.ask();
    assert_eq!(world.start(&name)["pid"], before["pid"], "a start joins it");
    let restarted = world.run(&["profile", "restart", &name, "--json"]).ok().json();
    assert_ne!(restarted["pid"], before["pid"]);
    world.run(&["profile", "stop", &name]).ok();
    assert!(!look::is_alive(pid(&before)) && !look::is_alive(pid(&restarted)));
}

#[test]
fn an_adopted_gateway_that_is_stopped_leaves_its_port_free_and_stays_stopped() {
    let world = World::new();
    let name = world.name("kept");
    let before = world.start(&name);
    lose_supervisor(&world);
    next_supervisor(&world);
    world.run(&["profile", "stop", &name]).ok();
    assert!(!look::is_alive(pid(&before)));
    let stopped = world.show(&name);
    assert_eq!((&stopped["state"], &stopped["intent"]), (&"stopped".into(), &"down".into()));
    std::net::TcpListener::bind(("127.0.0.1", port(&before))).unwrap();
    assert_ne!(pid(&world.start(&name)), pid(&before));
}

#[test]
fn an_adopted_gateway_that_crashes_is_started_again() {
    let world = World::new();
    world.fake("kept", "", "restart_delay_min = \"10ms\"", &["--alarm", "@alarm"]);
    let before = pid(&world.start("kept"));
    lose_supervisor(&world);
    next_supervisor(&world);
    assert_eq!(pid(&world.until_state("kept", "ready")), before);
    look::signal(before, Signal::SIGKILL);
    let after = world.until("kept", "up again", |status| {
        status["state"] == "ready" && status["pid"] != before && status["restarts"] == 1
    });
    // Since Linux 6.15 others than the parent are told how a process ended.
    let told = after["lastExit"]["reason"].as_str().unwrap().to_owned();
    assert!(["nobody could see how", "SIGKILL"].iter().any(|words| told.contains(words)), "{after}");
    assert_eq!(world.lines("alarm"), [""; 0]);
}

#[test]
fn what_an_adopted_gateway_prints_is_captured_on() {
    let world = World::new();
    let knobs = ["--log-line", "tick", "--log-rate", "50"];
    world.fake("kept", "", "", &knobs);
    world.start("kept");
    lose_supervisor(&world);
    next_supervisor(&world);
    let log = world.kept("logs/kept.log");
    let length = fs::metadata(&log).unwrap().len();
    wait_for("more output", || (fs::metadata(&log).unwrap().len() > length + 100).then_some(()));
}

#[test]
fn a_gateway_is_adopted_without_its_lock_record_and_found_by_its_tag() {
    let world = World::new();
    let name = world.name("kept");
    let before = world.start(&name);
    lose_supervisor(&world);
    fs::remove_file(world.state(&name).join("gateway.lock")).unwrap();
    next_supervisor(&world);
    assert_eq!(world.until_state(&name, "ready")["pid"], before["pid"]);
}

#[test]
fn a_record_that_lies_leads_to_no_stranger() {
    let world = World::new();
    let name = world.name("kept");
    let mut command = std::process::Command::new("/bin/sleep");
    let mut stranger = world.surround(&mut command).arg("600").spawn().unwrap();
    let before = pid(&world.start(&name));
    lose_supervisor(&world);
    look::signal(before, Signal::SIGKILL);
    wait_for("its end", || (!look::is_alive(before)).then_some(()));
    let file = world.state(&name).join("gateway.lock");
    let mut record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    record["pid"] = stranger.id().into();
    fs::write(&file, record.to_string()).unwrap();
    next_supervisor(&world);
    let back = world.until_state(&name, "ready");
    assert!(pid(&back) != stranger.id() && pid(&back) != before);
    assert_eq!(back["lastExit"]["reason"], "it ended while no supervisor watched");
    world.run(&["profile", "stop", &name]).ok();
    assert!(look::is_alive(stranger.id()));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_broken_manifest_does_not_keep_a_gateway_from_being_adopted() {
    let world = World::new();
    world.fake("kept", "", "", &[]);
    let before = pid(&world.start("kept"));
    lose_supervisor(&world);
    world.manifest("kept", "[nonsense\n");
    next_supervisor(&world);
    let listed = || {
        let listed = world.run(&["profile", "list", "--json"]).json();
        let profiles = listed["profiles"].as_array().unwrap().clone();
        profiles.into_iter().find(|profile| profile["name"] == "kept").unwrap()
    };
    wait_for("adoption", || (listed()["pid"] == before).then_some(()));
    world.run(&["profile", "stop", "kept"]).ok();
    assert!(!look::is_alive(before));
}

#[test]
fn a_supervisor_becomes_another_program_and_no_gateway_notices() {
    let mut world = World::new();
    let name = world.name("kept");
    let before = world.start(&name);
    world.fake("fake", "", "restart_delay_min = \"10ms\"", &["--alarm", "@alarm"]);
    let fake = pid(&world.start("fake"));
    let mut held = Held::open(port(&before), &world.state(&name));
    let supervisor = world.supervisor();
    let copy = world.path("openclaw");
    world.script(&["/usr/bin/env"], &format!("cp {OPENCLAW} \"$WORLD/openclaw\"")).ok();
    world.program = copy.clone();
    let reloaded = world.run(&["supervisor", "reload", "--json"]).ok().json();
    assert_eq!((&reloaded["pid"], &reloaded["profiles"]), (&supervisor.into(), &2.into()));
    assert_eq!(fs::read_link(format!("/proc/{supervisor}/exe")).unwrap(), copy);
    held.ask();
    assert_eq!(world.until_state(&name, "ready")["pid"], before["pid"]);
    assert_eq!(world.until_state("fake", "ready")["pid"], fake);
    look::signal(fake, Signal::SIGKILL);
    let after = world.until("fake", "up again", |status| status["state"] == "ready" && status["pid"] != fake);
    assert_eq!(after["lastExit"]["signal"], 9, "it is still the parent: {after}");
    held.ask();
    world.run(&["supervisor", "reload"]).ok();
    world.run(&["profile", "stop", &name, "fake"]).ok();
    assert!(!look::is_alive(pid(&before)));
    assert_eq!(world.lines("alarm"), [""; 0]);
}

/// Seeded moments, spread over what a supervisor does in its first half second.
fn moments(count: u64) -> impl Iterator<Item = std::time::Duration> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::time::Duration::from_micros((state >> 33) % 60_000)
    })
}

#[test]
fn incident_c4_two_hundred_killed_supervisors_lose_and_double_nothing() {
    let world = World::new();
    world.may_leave_gateways();
    let names = ["one", "two", "three"].map(|stem| world.name(stem));
    let before: Vec<Value> = names.iter().map(|name| world.start(name)).collect();
    let mut held: Vec<Held> = names
        .iter()
        .zip(&before)
        .map(|(name, status)| Held::open(port(status), &world.state(name)))
        .collect();
    let pids: Vec<u32> = before.iter().map(pid).collect();
    for (round, moment) in moments(200).enumerate() {
        let mut supervisor = world.command(&["supervisor", "run"]).spawn().unwrap();
        std::thread::park_timeout(moment);
        let _ = supervisor.kill();
        supervisor.wait().unwrap();
        if round == 0 {
            lose_supervisor(&world);
        }
        held[round % names.len()].ask();
    }
    assert_eq!(world.running("gateway run").len(), names.len(), "none lost, none doubled");
    for (name, pid) in names.iter().zip(&pids) {
        assert_eq!(world.start(name)["pid"], *pid);
    }
    held.iter_mut().for_each(|client| drop(client.ask()));
    for (name, pid) in names.iter().zip(pids) {
        world.run(&["profile", "stop", name]).ok();
        assert!(!look::is_alive(pid));
    }
}
