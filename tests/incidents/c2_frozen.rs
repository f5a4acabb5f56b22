//! C2: a gateway that is alive and does nothing was "active (running)" for nights. A hang is confirmed layer by layer
//! and ended; what is only slow, or what the supervisor itself missed, is left alone.

use nix::sys::signal::Signal;

use super::look;
use super::world::{World, pid, wait_for};

/// Everything about a hundred times as fast as by default.
const SCALED: &str = "probe_interval = \"200ms\"\nhang_timeout = \"1s\"\nstop_timeout = \"300ms\"\n\
                      restart_delay_min = \"10ms\"\nstable_after = \"50ms\"";

/// Waits until the run with `pid` was ended as hung and another one is ready.
fn replaced(world: &World, name: &str, before: u32) -> u32 {
    let back = world.until(name, "a new run", |status| status["state"] == "ready" && status["pid"] != before);
    assert!(!look::is_alive(before), "{name}: the hung one is gone");
    assert!(world.journal().contains("alive but answers nothing"), "{name}");
    let kept = std::fs::read_dir(world.kept("evidence")).unwrap().flatten();
    let told = kept.filter(|file| file.file_name().to_string_lossy().starts_with(name)).count();
    assert!(told >= 1, "{name}: no evidence");
    pid(&back)
}

#[test]
fn incident_c2_what_does_nothing_is_ended_and_replaced_in_every_way_of_doing_nothing() {
    let world = World::new();
    world.fake("calm", "", SCALED, &[]);
    let calm = pid(&world.start("calm"));
    let cases: [(&str, &[&str]); 4] = [
        ("stopped", &["--ignore-term"]),
        ("deaf", &["--hang-after", "300"]),
        ("health-only", &["--stuck-after", "300"]),
        ("closed", &["--close-after", "300"]),
    ];
    let runs = cases.map(|(name, knobs)| {
        world.fake(name, "", SCALED, &[knobs, &["--alarm", &format!("@{name}.alarm")]].concat());
        (name, pid(&world.start(name)))
    });
    look::signal(runs[0].1, Signal::SIGSTOP);
    for (name, before) in runs {
        replaced(&world, name, before);
        assert_eq!(world.lines(&format!("{name}.alarm")), [""; 0], "{name}");
    }
    assert_eq!(pid(&world.show("calm")), calm, "nobody else is touched");
}

#[test]
fn incident_c2_each_layer_is_told_while_the_suspicion_lasts() {
    let world = World::new();
    world.fake("stuck", "", SCALED, &["--stuck-after", "300"]);
    world.start("stuck");
    let seen = world.until("stuck", "degraded", |status| status["state"] == "degraded");
    let layers = ["tcp", "http", "challenge", "hello"].map(|layer| seen["probe"][layer] == true);
    assert_eq!(layers, [true, true, false, false], "{seen}");
}

#[test]
fn incident_c2_slow_and_flapping_gateways_are_never_ended() {
    let world = World::new();
    // Its every answer takes longer than is well, and comes.
    world.fake("slow", "", SCALED, &["--slow", "140", "--starts", "@slow"]);
    world.fake("flap", "", SCALED, &["--flap", "--starts", "@flap"]);
    world.fake("clock", "", SCALED, &["--exit-after", "6000", "--starts", "@clock"]);
    let runs = ["slow", "flap"].map(|name| (name, pid(&world.start(name))));
    world.until_state("slow", "degraded");
    // Six seconds are as many hang timeouts.
    world.start("clock");
    wait_for("the time", || (world.lines("clock").len() == 2).then_some(()));
    for (name, before) in runs {
        assert_eq!((world.lines(name).len(), pid(&world.show(name))), (1, before), "{name}");
    }
}

#[test]
fn incident_c2_a_supervisor_that_was_stopped_ends_nobody() {
    let world = World::new();
    world.fake("kept", "", SCALED, &["--starts", "@starts"]);
    // It boots while nobody looks, and its own deadline passes meanwhile.
    world.fake("late", "", "start_timeout = \"2s\"", &["--boot-delay", "1500", "--starts", "@late"]);
    let kept = pid(&world.start("kept"));
    let start = world.spawn(&["profile", "start", "late"]);
    wait_for("its birth", || (world.lines("late").len() == 1).then_some(()));
    let supervisor = world.supervisor();
    look::signal(supervisor, Signal::SIGSTOP);
    let mut pause = std::process::Command::new("/bin/sleep");
    super::world::said(world.surround(&mut pause).arg("5").spawn().unwrap());
    look::signal(supervisor, Signal::SIGCONT);
    super::world::said(start).ok();
    world.until_state("kept", "ready");
    assert_eq!((pid(&world.show("kept")), world.lines("starts").len()), (kept, 1));
    assert_eq!(world.lines("late").len(), 1);
}
