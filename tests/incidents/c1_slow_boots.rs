//! C1: a gateway that boots slowly was killed and started again, over and over. A start has a deadline of its own; whatever
//! is asked meanwhile joins it.

use super::world::{World, pid, said, wait_for};

#[test]
fn incident_c1_a_boot_within_its_deadline_is_one_run_whoever_asks_for_what_meanwhile() {
    let world = World::new();
    let policy = "start_timeout = \"20s\"\nprobe_interval = \"100ms\"\nhang_timeout = \"1s\"";
    world.fake("slow", "", policy, &["--boot-delay", "2500", "--starts", "@starts", "--alarm", "@alarm"]);
    let first = world.spawn(&["profile", "start", "slow"]);
    wait_for("its birth", || (world.lines("starts").len() == 1).then_some(()));
    let orders = ["start", "restart", "start", "restart"].map(|verb| world.spawn(&["profile", verb, "slow"]));
    assert_eq!(world.show("slow")["state"], "starting");
    for order in orders {
        said(order).ok();
    }
    said(first).ok();
    assert_eq!(world.lines("starts"), [pid(&world.show("slow")).to_string()]);
    assert_eq!(world.lines("alarm"), [""; 0]);
}

#[test]
fn incident_c1_beyond_its_deadline_it_is_ended_once_and_then_waited() {
    let world = World::new();
    let policy = "start_timeout = \"300ms\"\nstop_timeout = \"5s\"\nrestart_delay_min = \"60s\"";
    world.fake("never", "", policy, &["--never-listen", "--starts", "@starts"]);
    let start = world.run(&["profile", "start", "never", "--json"]);
    assert_eq!(start.code, Some(1), "{start:?}");
    let resting = world.until_state("never", "backoff");
    assert_eq!(resting["lastExit"]["code"], 0, "asked once, and it went: {resting}");
    assert_eq!((world.lines("starts").len(), &resting["restarts"]), (1, &0.into()));
}
