//! A6: after an unclean stop, left-over lock files made every restart fail as “already running”, and `stop` did not
//! clear them. After whatever end of the supervisor, the next start needs no deletion by hand.

use std::fs;

use nix::sys::signal::Signal;

use super::look;
use super::world::{World, said, wait_for};

/// Moments of a start, by what shows that they have come.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The supervisor answers.
    Listening,
    /// It has claimed the state directory or spawned the gateway.
    Ordered,
    /// The gateway runs; it listens later.
    Spawned,
    /// The start has succeeded.
    Ready,
}

impl Moment {
    fn has_come(self, world: &World) -> bool {
        let seen = |words: &str| world.journal().contains(words);
        match self {
            Moment::Listening => seen("supervisor listening"),
            Moment::Ordered => seen("ordered"),
            Moment::Spawned => seen("gateway spawned"),
            Moment::Ready => world.run(&["--profile", "kept", "health"]).code == Some(0),
        }
    }
}

/// Kills the supervisor of `world` at a moment of a start; returns the gateways that outlived it.
fn killed(world: &World, moment: Moment) -> Vec<u32> {
    let start = world.spawn(&["profile", "start", "kept"]);
    wait_for("the moment", || moment.has_come(world).then_some(()));
    for supervisor in world.running("supervisor run") {
        look::signal(supervisor, Signal::SIGKILL);
        wait_for("its end", || (!look::is_alive(supervisor)).then_some(()));
    }
    assert!(said(start).code.is_some(), "{moment:?}: no command dies of it");
    // The client may have begun another supervisor, which is as good a place to die.
    super::a6_crash_points::end_supervisors(world);
    super::a6_crash_points::survivors(world)
}

#[test]
fn incident_a6_a_start_after_any_unclean_end_needs_no_deletion() {
    for moment in [Moment::Listening, Moment::Ordered, Moment::Spawned, Moment::Ready] {
        let world = World::new();
        world.may_leave_gateways();
        world.fake("kept", "", "", &["--alarm", "@alarm", "--boot-delay", "60"]);
        let left = killed(&world, moment);
        assert!(left.len() <= 1, "{moment:?}: {left:?}");
        for gateway in left {
            look::signal(gateway, Signal::SIGKILL);
            wait_for("its end", || (!look::is_alive(gateway)).then_some(()));
        }
        let stop = world.run(&["profile", "stop", "kept", "--json"]);
        assert_eq!(stop.code, Some(0), "{moment:?}: the stop of a dead gateway is a success: {stop:?}");
        assert_eq!(world.start("kept")["state"], "ready", "{moment:?}");
        assert_eq!(world.lines("alarm"), [""; 0], "{moment:?}");
    }
}

#[test]
fn incident_a6_half_written_records_and_left_over_guards_are_no_locks() {
    let world = World::new();
    let port = world.embedded("kept");
    super::foreground::kill(world.serve("kept", port));
    let record = fs::read(world.state("kept").join("gateway.lock")).unwrap();
    for length in [0, 1, record.len() / 2, record.len() - 2] {
        for name in ["gateway.lock", "gateway.lock.reclaim", "gateway.1234abcd.lock", ".gateway.lock.tmp"] {
            fs::write(world.state("kept").join(name), &record[..length]).unwrap();
        }
        world.run(&["profile", "stop", "kept"]).ok();
        assert_eq!(world.start("kept")["state"], "ready", "{length} bytes");
        world.run(&["profile", "restart", "kept"]).ok();
        world.run(&["profile", "stop", "kept"]).ok();
    }
}

#[test]
fn incident_a6_the_stop_of_a_gateway_that_died_with_its_supervisor() {
    let world = World::new();
    world.may_leave_gateways();
    let port = world.embedded("kept");
    let gateway = super::world::pid(&world.start("kept"));
    let supervisor = world.supervisor();
    for process in [supervisor, gateway] {
        look::signal(process, Signal::SIGKILL);
        wait_for("its end", || (!look::is_alive(process)).then_some(()));
    }
    world.run(&["profile", "stop", "kept"]).ok();
    let shown = world.show("kept");
    assert_eq!((&shown["state"], &shown["port"]), (&"stopped".into(), &port.into()), "{shown}");
    assert_eq!(world.start("kept")["state"], "ready");
}
