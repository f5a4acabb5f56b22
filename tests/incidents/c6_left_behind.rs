//! C6: children of a gateway survived its restarts, 275 of them in five hours, because they had a process group of
//! their own. After a stop, a restart or a crash nothing of the profile is left, and nobody else is touched.

use std::net::TcpListener;
use std::process::{Child, Command};

use nix::sys::signal::Signal;

use super::look;
use super::world::{World, pid, wait_for};

/// Every kind of child, a bare daemon among them.
pub const SHAPES: &str = "group,session,daemon,bare,listener,phoenix";
pub const SHAPE_COUNT: usize = 6;

/// A profile whose gateway leaves every kind of child, and a bystander in the same world.
struct Nursery {
    world: World,
    port: u16,
    bystander: Child,
}

impl Nursery {
    fn new() -> Nursery {
        let world = World::new();
        let policy = "stop_timeout = \"200ms\"\nrestart_delay_min = \"10ms\"";
        let knobs = ["--leave", SHAPES, "--left", "@left", "--alarm", "@alarm"];
        let port = world.fake("nest", "", policy, &knobs);
        let bystander = Command::new("/bin/sleep").arg("600").spawn().unwrap();
        Nursery { world, port, bystander }
    }

    /// The children that live.
    fn living(&self) -> Vec<u32> {
        let left = self.world.lines("left").into_iter().filter_map(|line| line.parse().ok());
        left.filter(|pid| look::is_alive(*pid)).collect()
    }

    fn is_empty(&self) {
        assert_eq!(self.world.running("fake-gateway"), [0; 0]);
        assert_eq!(self.living(), [0; 0]);
        TcpListener::bind(("127.0.0.1", self.port)).expect("the port is free");
        assert_eq!(self.world.lines("alarm"), [""; 0], "two runs at once");
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        let alive = self.bystander.try_wait().unwrap().is_none();
        self.bystander.kill().unwrap();
        self.bystander.wait().unwrap();
        assert!(alive || std::thread::panicking(), "a bystander of the same user was ended");
    }
}

#[test]
fn incident_c6_nothing_is_left_after_a_stop() {
    let nursery = Nursery::new();
    nursery.world.start("nest");
    assert_eq!(nursery.living().len(), SHAPE_COUNT);
    nursery.world.run(&["profile", "stop", "nest"]).ok();
    nursery.is_empty();
}

#[test]
fn incident_c6_nothing_of_the_old_run_is_left_after_a_restart_or_a_crash() {
    let nursery = Nursery::new();
    let world = &nursery.world;
    world.start("nest");
    let first = nursery.living();
    world.run(&["profile", "restart", "nest"]).ok();
    let second = nursery.living();
    assert_eq!((first.len(), second.len()), (SHAPE_COUNT, SHAPE_COUNT));
    assert!(!first.iter().any(|pid| second.contains(pid)), "{first:?} {second:?}");
    look::signal(pid(&world.show("nest")), Signal::SIGKILL);
    world.until("nest", "back", |status| status["restarts"] == 1 && status["state"] == "ready");
    let third = nursery.living();
    assert_eq!(third.len(), SHAPE_COUNT);
    assert!(!second.iter().any(|pid| third.contains(pid)), "{second:?} {third:?}");
    world.run(&["supervisor", "stop"]).ok();
    nursery.is_empty();
}

#[test]
fn incident_c6_what_an_earlier_life_left_is_ended_and_told_before_a_start() {
    let nursery = Nursery::new();
    let world = &nursery.world;
    world.may_leave_gateways();
    let gateway = pid(&world.start("nest"));
    // The bare one can be told apart only by the supervisor that it was born under.
    let first = nursery.living();
    let bare = first.iter().copied().find(|pid| look::environment(*pid).is_empty()).unwrap();
    for process in [world.supervisor(), gateway, bare] {
        look::signal(process, Signal::SIGKILL);
        wait_for("its end", || (!look::is_alive(process)).then_some(()));
    }
    assert_eq!(nursery.living().len(), SHAPE_COUNT - 1, "they outlive both");
    world.start("nest");
    let second = nursery.living();
    assert!(!first.iter().any(|pid| second.contains(pid)), "{first:?} {second:?}");
    assert!(world.journal().contains("ending what an earlier run left behind"), "{}", world.journal());
    world.run(&["supervisor", "stop"]).ok();
    nursery.is_empty();
}
