//! Many commands at once about the same things: they join, they do not race.

use std::collections::BTreeSet;
use std::process::Child;

use openclaw_supervisor::base::port::derived_port;

use super::look;
use super::world::{Said, World, pid, said, wait_for};

/// Ends of commands that were begun together.
fn ends(children: Vec<Child>) -> Vec<Said> {
    children.into_iter().map(said).collect()
}

#[test]
fn fifty_starts_from_cold_are_fifty_successes_one_supervisor_and_one_gateway() {
    let world = World::new();
    let name = world.name("fifty");
    let starts = (0..50).map(|_| world.spawn(&["profile", "start", &name, "--json"])).collect();
    let pids: BTreeSet<u32> = ends(starts).into_iter().map(|start| pid(&start.ok().json())).collect();
    assert_eq!(pids.len(), 1, "{pids:?}");
    // One that came second says so and ends.
    wait_for("one supervisor", || (world.running("supervisor run") == [world.supervisor()]).then_some(()));
    assert_eq!(world.running("gateway run"), pids.into_iter().collect::<Vec<_>>());
    let journal = world.journal();
    assert_eq!(journal.matches("supervisor listening").count(), 1, "{journal}");
    assert_eq!(journal.matches("gateway spawned").count(), 1, "{journal}");
}

#[test]
fn twenty_restarts_at_once_are_few_runs_and_never_two() {
    let world = World::new();
    world.fake("again", "", "", &["--boot-delay", "300", "--starts", "@starts", "--alarm", "@alarm"]);
    let before = pid(&world.start("again"));
    let restarts = (0..20).map(|_| world.spawn(&["profile", "restart", "again", "--json"])).collect();
    for restart in ends(restarts) {
        assert_ne!(pid(&restart.ok().json()), before);
    }
    let runs = world.lines("starts").len();
    assert!((2..=5).contains(&runs), "{runs} runs for 20 restarts");
    assert_eq!(world.lines("alarm"), [""; 0], "two were alive at once");
}

#[test]
fn a_stop_during_a_start_wins() {
    let world = World::new();
    world.fake("slow", "", "", &["--boot-delay", "20000", "--starts", "@starts"]);
    let start = world.spawn(&["profile", "start", "slow", "--json"]);
    world.until("slow", "a process", |status| status["pid"].is_u64());
    world.run(&["profile", "stop", "slow"]).ok();
    let start = said(start);
    assert_eq!(start.code, Some(1), "{start:?}");
    assert_eq!(start.json()["ok"], false);
    let status = world.show("slow");
    assert_eq!((&status["state"], &status["intent"]), (&"stopped".into(), &"down".into()));
    assert!(world.running("fake-gateway").is_empty());
    assert_eq!(world.lines("starts").len(), 1);
}

#[test]
fn a_start_during_a_stop_is_served_after_it() {
    let world = World::new();
    let knobs = ["--term-delay", "500", "--starts", "@starts", "--alarm", "@alarm"];
    world.fake("back", "", "", &knobs);
    let before = pid(&world.start("back"));
    let stop = world.spawn(&["profile", "stop", "back", "--json"]);
    world.until_state("back", "stopping");
    let after = world.start("back");
    assert_ne!(pid(&after), before);
    assert!(matches!(said(stop).code, Some(0 | 1)), "it stopped, or was told of the start");
    assert_eq!((world.lines("starts").len(), world.lines("alarm").len()), (2, 0));
}

#[test]
fn a_storm_of_orders_never_has_two_gateways_and_the_last_word_counts() {
    let world = World::new();
    let knobs = ["--boot-delay", "20", "--term-delay", "20", "--alarm", "@alarm", "--leave-child"];
    world.fake("storm", "", "stop_timeout = \"200ms\"", &knobs);
    let verbs = ["start", "restart", "stop", "restart", "start"];
    let storm = (0..30).map(|turn| world.spawn(&["profile", verbs[turn % verbs.len()], "storm", "--json"]));
    for end in ends(storm.collect()) {
        assert!(matches!(end.code, Some(0 | 1)), "{end:?}");
        end.json();
    }
    world.run(&["profile", "stop", "storm"]).ok();
    assert_eq!(world.show("storm")["state"], "stopped");
    assert!(world.running("fake-gateway").is_empty());
    assert_eq!(world.lines("alarm"), [""; 0]);
}

#[test]
fn ten_profiles_created_at_once_share_no_port_though_their_names_want_the_same() {
    let world = World::new();
    // All ten derive a port within one block, so at most one of them can have its own.
    let wanted = |name: &String| (25_000..25_100).contains(&derived_port(&name.parse().unwrap()));
    let names: Vec<String> = (0..).map(|number| format!("crowd{number}")).filter(wanted).take(10).collect();
    let creations = names.iter().map(|name| world.spawn(&["profile", "create", name, "--json"]));
    let mut blocks = Vec::new();
    for created in ends(creations.collect()) {
        let block = created.ok().json()["portBlock"].clone();
        blocks.push((block[0].as_u64().unwrap(), block[1].as_u64().unwrap()));
    }
    blocks.sort_unstable();
    assert!(blocks.windows(2).all(|pair| pair[0].1 < pair[1].0), "{blocks:?}");
    world.run(&["profile", "check"]).ok();
}

#[test]
fn one_profile_created_by_many_at_once_has_one_token_and_one_creator() {
    let world = World::new();
    let name = world.name("once");
    let creations = (0..8).map(|_| world.spawn(&["profile", "create", &name, "--json"])).collect();
    let (made, refused): (Vec<Said>, Vec<Said>) =
        ends(creations).into_iter().partition(|said| said.code == Some(0));
    assert_eq!(made.len(), 1);
    for one in refused {
        one.refused(2, "profile_exists");
    }
    assert_eq!(world.run(&["profile", "start", &name, "--json"]).ok().json()["state"], "ready");
}

#[test]
fn one_slow_profile_delays_no_other() {
    let world = World::new();
    let quick = world.name("quick");
    world.fake("slow", "", "", &["--boot-delay", "20000"]);
    let slow = world.spawn(&["profile", "start", "slow"]);
    world.until("slow", "a process", |status| status["pid"].is_u64());
    let started = world.start(&quick);
    assert_eq!(world.show("slow")["state"], "starting", "it has not waited for the slow one");
    world.run(&["profile", "restart", &quick]).ok();
    world.run(&["profile", "stop", "slow"]).ok();
    assert_eq!(said(slow).code, Some(1));
    assert!(!look::is_alive(pid(&started)), "it was restarted");
}

#[test]
fn killed_commands_leave_nothing_half_done() {
    let world = World::new();
    let name = world.name("cut");
    for _ in 0..10 {
        let mut start = world.spawn(&["profile", "start", &name]);
        start.kill().unwrap();
        start.wait().unwrap();
    }
    assert_eq!(world.start(&name)["state"], "ready");
    wait_for("one supervisor", || (world.running("supervisor run").len() == 1).then_some(()));
    assert_eq!(world.running("gateway run").len(), 1);
}
