//! A gateway that has not opened its port yet is told from one that does not run.

use super::world::{World, said, wait_for};

#[test]
fn one_that_starts_is_told_from_one_that_does_not_run_by_its_phase_and_its_time() {
    let world = World::new();
    let policy = "start_timeout = \"20s\"\nrestart_delay_min = \"60s\"";
    world.fake("slow", "", policy, &["--boot-delay", "20000", "--starts", "@starts"]);
    let health = ["--profile", "slow", "health", "--json"];
    world.run(&health).refused(3, "gateway_not_running");
    let start = world.spawn(&["profile", "start", "slow"]);
    world.until("slow", "probed", |status| {
        status["phase"].as_str().is_some_and(|phase| phase.starts_with("waiting for "))
    });
    let refused = world.run(&health).refused(69, "gateway_starting");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("starting for ") && message.contains(" s: waiting for "), "{message}");
    assert_eq!(refused["profile"], "slow");
    world.run(&["profile", "stop", "slow"]).ok();
    said(start);
    world.run(&health).refused(3, "gateway_not_running");
}

#[test]
fn without_a_supervisor_the_claim_tells_that_it_starts() {
    let world = World::new();
    world.fake("alone", "", "", &["--boot-delay", "20000", "--starts", "@starts"]);
    let mut gateway = world.spawn(&["--profile", "alone", "gateway", "run"]);
    wait_for("its birth", || (world.lines("starts").len() == 1).then_some(()));
    let refused = world.run(&["--profile", "alone", "health", "--json"]).refused(69, "gateway_starting");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains(&format!("(pid {})", gateway.id())), "{message}");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    world.run(&["--profile", "alone", "health", "--json"]).refused(3, "gateway_not_running");
}

#[test]
fn one_that_was_given_up_says_why() {
    let world = World::new();
    let policy = "restart = \"never\"";
    world.fake("broken", "", policy, &["--never-listen", "--exit-after", "0", "--exit-code", "78"]);
    world.run(&["profile", "start", "broken"]);
    world.until_state("broken", "failed");
    let refused = world.run(&["--profile", "broken", "health", "--json"]).refused(3, "gateway_not_running");
    assert!(refused["message"].as_str().unwrap().contains("given up"), "{refused}");
}
