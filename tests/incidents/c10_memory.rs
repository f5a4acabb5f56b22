//! C10: gateways grew from hundreds of megabytes to fifteen gigabytes, and the whole host suffered. One that passes its
//! mark is told of or restarted in order, once, and its neighbour does not notice; the supervisor is not the first to go.

use super::world::{World, pid, wait_for};

#[test]
fn incident_c10_a_gateway_above_its_mark_is_told_of_or_restarted_and_its_neighbour_is_not_touched() {
    let world = World::new();
    let mark = "memory_high = \"64KiB\"\nrestarts_per_hour = 1";
    world.fake("warned", "", mark, &[]);
    world.fake("grown", "", &format!("{mark}\non_memory_high = \"restart\""), &["--alarm", "@alarm"]);
    world.fake("small", "", "", &[]);
    let before = ["warned", "grown", "small"].map(|name| pid(&world.start(name)));
    let score = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        text.trim().parse::<i32>().unwrap()
    };
    assert!(score(before[0]) > score(world.supervisor()), "the kernel would take the supervisor first");
    let back =
        world.until("grown", "restarted", |status| status["restarts"] == 1 && status["state"] == "ready");
    assert_ne!(pid(&back), before[1]);
    assert_eq!((&back["intent"], &back["lastExit"]["code"]), (&"up".into(), &0.into()), "in order");
    let told = |status: &serde_json::Value| status["warnings"].to_string().contains("memory_high");
    let warned = wait_for("the warning", || Some(world.show("warned")).filter(told));
    assert_eq!((pid(&warned), pid(&world.show("small"))), (before[0], before[2]));
    assert!(!told(&world.show("small")));
    assert_eq!(world.lines("alarm"), [""; 0]);
}
