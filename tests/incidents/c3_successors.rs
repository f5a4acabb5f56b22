//! C3: a gateway that replaces itself, by exec, by a fork or by a daemon of its own, stays under supervision with its
//! true pid. Nobody starts another one beside it.

use nix::sys::signal::Signal;

use super::look;
use super::world::{World, pid, wait_for};

/// A world with a gateway that replaced itself twice and is ready since; with the pids of its three lives.
fn renewed(by: &str) -> (World, Vec<u32>) {
    let world = World::new();
    let knobs = ["--alarm", "@alarm", "--starts", "@starts", "--renew-after", "300", "--renew-by", by];
    world.fake("kept", "", "restart_delay_min = \"10ms\"", &knobs);
    world.start("kept");
    wait_for("two successions", || (world.lines("starts").len() == 3).then_some(()));
    let lives: Vec<u32> = world.lines("starts").iter().map(|line| line.parse().unwrap()).collect();
    world.until("kept", "ready again", |status| status["state"] == "ready" && status["pid"] == lives[2]);
    (world, lives)
}

/// It obeys, is watched, and leaves nothing.
fn obeys(world: &World, lives: &[u32]) {
    assert_eq!(world.running("fake-gateway"), [lives[2]], "one gateway, {lives:?}");
    assert_eq!(world.show("kept")["restarts"], 0, "none of them was a crash");
    look::signal(lives[2], Signal::SIGKILL);
    let after = world.until("kept", "started again", |status| {
        status["state"] == "ready" && status["pid"] != lives[2] && status["restarts"] == 1
    });
    assert_eq!(after["lastExit"]["signal"], 9, "{after}");
    world.run(&["profile", "stop", "kept"]).ok();
    assert_eq!(world.running("fake-gateway"), [0; 0]);
    assert_eq!(world.lines("alarm"), [""; 0], "never two at once");
    assert_eq!(world.lines("starts").len(), 4);
}

#[test]
fn incident_c3_a_successor_in_its_makers_group_is_followed() {
    let (world, lives) = renewed("fork");
    assert!(lives[0] != lives[1] && lives[1] != lives[2]);
    obeys(&world, &lives);
}

#[test]
fn incident_c3_a_successor_with_a_session_of_its_own_is_followed() {
    let (world, lives) = renewed("session");
    obeys(&world, &lives);
}

#[test]
fn incident_c3_a_gateway_that_executes_itself_keeps_its_pid() {
    let (world, lives) = renewed("exec");
    assert!(lives.iter().all(|pid| *pid == lives[0]), "{lives:?}");
    obeys(&world, &lives);
}

#[test]
fn incident_c3_a_successor_is_stopped_as_any_gateway_is_and_adopted_as_any() {
    let (world, lives) = renewed("fork");
    super::a6_crash_points::end_supervisors(&world);
    assert_eq!(pid(&world.start("kept")), lives[2], "adopted");
    world.run(&["profile", "stop", "kept"]).ok();
    assert!(!look::is_alive(lives[2]));
    assert_eq!(world.running("fake-gateway"), [0; 0]);
}
