//! How the supervisor begins and ends, and what of the user's intent outlives it.

use nix::sys::signal::Signal;

use super::look;
use super::world::{World, pid, said, wait_for};

#[test]
fn no_supervisor_runs_until_one_is_needed_and_none_after_it_was_stopped() {
    let world = World::new();
    for command in [["supervisor", "status"], ["supervisor", "stop"]] {
        let refused = world.run(&[command[0], command[1], "--json"]);
        refused.refused(3, "supervisor_not_running");
    }
    let name = world.name("needed");
    world.run(&["profile", "create", &name]).ok();
    for command in [vec!["profile", "list"], vec!["profile", "show", &name], vec!["profile", "stop", &name]] {
        world.run(&command).ok();
        assert!(world.processes().is_empty(), "{command:?} starts nothing");
    }
    let gateway = pid(&world.start(&name));
    let status = world.run(&["supervisor", "status", "--json"]).ok().json();
    let keys: Vec<&String> = status.as_object().unwrap().keys().collect();
    let known = [
        "cli",
        "installed",
        "memoryBytes",
        "onDemand",
        "pid",
        "profiles",
        "program",
        "skew",
        "socket",
        "startedAtMs",
        "version",
    ];
    assert_eq!(keys, known);
    assert_eq!((&status["profiles"], &status["version"]), (&1.into(), &env!("CARGO_PKG_VERSION").into()));
    assert!(world.run(&["supervisor", "status"]).ok().out.contains("1 profile"), "for people too");
    let stopped = world.run(&["supervisor", "stop", "--json"]).ok().json();
    assert_eq!(stopped["comesBack"], serde_json::json!([name]));
    wait_for("both processes to end", || {
        (!look::is_alive(gateway) && !look::is_alive(pid(&status))).then_some(())
    });
    assert!(!std::path::Path::new(status["socket"].as_str().unwrap()).exists());
    world.run(&["profile", "stop", &name]).ok();
    assert!(world.processes().is_empty(), "stop starts no supervisor");
    world.run(&["supervisor", "status", "--json"]).refused(3, "supervisor_not_running");
}

#[test]
fn what_was_up_comes_back_with_the_next_supervisor_and_what_was_stopped_does_not() {
    let world = World::new();
    let [up, down, other] = ["up", "down", "other"].map(|stem| world.name(stem));
    let before = pid(&world.start(&up));
    world.start(&down);
    world.run(&["profile", "stop", &down]).ok();
    world.run(&["supervisor", "stop"]).ok();
    assert_eq!(world.show(&up)["state"], "stopped");
    world.start(&other);
    let back = world.until_state(&up, "ready");
    assert_ne!(pid(&back), before);
    let asleep = world.show(&down);
    assert_eq!((&asleep["state"], &asleep["intent"]), (&"stopped".into(), &"down".into()));
    assert!(world.running(&format!("--profile {down}")).is_empty());
}

#[test]
fn a_profile_that_is_not_to_start_by_itself_waits_for_its_user() {
    let world = World::new();
    let other = world.name("other");
    world.fake("shy", "", "autostart = false", &["--starts", "@starts"]);
    world.start("shy");
    world.run(&["supervisor", "stop"]).ok();
    world.start(&other);
    // A supervisor that brought it back would have done so before it took this order.
    world.run(&["supervisor", "stop"]).ok();
    assert_eq!(world.lines("starts").len(), 1);
}

#[test]
fn a_supervisor_in_the_foreground_ends_in_good_order_on_either_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let world = World::new();
        let name = world.name("front");
        let supervisor = world.spawn(&["supervisor", "run"]);
        wait_for("the supervisor", || (world.run(&["supervisor", "status"]).code == Some(0)).then_some(()));
        let gateway = pid(&world.start(&name));
        assert_eq!(world.supervisor(), supervisor.id(), "the running one is used");
        let second = world.run(&["supervisor", "run", "--json"]);
        second.refused(1, "supervisor_running");
        look::signal(supervisor.id(), signal);
        assert_eq!(said(supervisor).code, Some(0), "{signal}");
        assert!(!look::is_alive(gateway), "{signal}");
        let next = world.spawn(&["supervisor", "run"]);
        world.until_state(&name, "ready");
        look::signal(next.id(), Signal::SIGTERM);
        assert_eq!(said(next).code, Some(0));
    }
}

#[test]
fn a_second_signal_does_not_hurry_the_end_and_the_gateways_finish() {
    let world = World::new();
    world.fake("slow", "", "stop_timeout = \"10s\"", &["--term-delay", "400"]);
    world.start("slow");
    let supervisor = world.supervisor();
    look::signal(supervisor, Signal::SIGTERM);
    look::signal(supervisor, Signal::SIGTERM);
    wait_for("its end", || (!look::is_alive(supervisor)).then_some(()));
    assert!(world.processes().is_empty());
    assert!(world.journal().contains("stopped as asked (it ended with exit code 0)"), "{}", world.journal());
}

#[test]
fn an_order_while_the_supervisor_ends_is_answered_or_served_by_the_next_one() {
    let world = World::new();
    let name = world.name("late");
    world.fake("slow", "", "stop_timeout = \"10s\"", &["--term-delay", "600"]);
    world.start("slow");
    let stop = world.spawn(&["supervisor", "stop"]);
    wait_for("the drain", || world.journal().contains("stopping every gateway").then_some(()));
    let late = world.run(&["profile", "start", &name, "--json"]);
    match late.code {
        Some(0) => assert_eq!(late.json()["state"], "ready"),
        _ => drop(late.refused(69, "supervisor_stopping")),
    }
    assert_eq!(said(stop).code, Some(0));
    assert_eq!(world.start(&name)["state"], "ready");
}
