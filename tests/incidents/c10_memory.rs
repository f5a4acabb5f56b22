//! C10: gateways grew from hundreds of megabytes to fifteen gigabytes, and the whole host suffered. One that passes its
//! mark is told of or restarted in order, once, and its neighbour does not notice; the supervisor is not the first to go.

use std::fs;
use std::path::PathBuf;

use super::look;
use super::world::{OPENCLAW, World, pid, said, wait_for};

#[test]
fn incident_c10_a_gateway_above_its_mark_is_told_of_or_restarted_and_its_neighbour_is_not_touched() {
    let world = World::new();
    let mark = "memory_high = \"64KiB\"\nrestarts_per_hour = 1\nprobe_interval = \"1s\"";
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

/// A group of processes with a limit of memory, which the test makes below its own.
struct Group {
    folder: PathBuf,
}

impl Group {
    /// `None` where no such group can be made.
    fn new(limit: &str) -> Option<Group> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = |controller: &str| {
            own.lines().find_map(|line| line.split_once(controller)?.1.strip_prefix(":/").map(str::to_owned))
        };
        let roots = [
            ("/sys/fs/cgroup/memory", path(":memory"), "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", path("0:"), "memory.max"),
        ];
        roots.into_iter().find_map(|(root, below, file)| {
            let folder =
                PathBuf::from(root).join(below?).join(format!("openclaw-test-{}", std::process::id()));
            fs::create_dir(&folder).ok()?;
            let made = Group { folder };
            fs::write(made.folder.join(file), limit).ok()?;
            let _ = fs::write(made.folder.join("memory.memsw.limit_in_bytes"), limit);
            let _ = fs::write(made.folder.join("memory.swap.max"), "0");
            Some(made)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        wait_for("an empty group", || fs::remove_dir(&self.folder).is_ok().then_some(()));
    }
}

#[test]
fn incident_c10_an_end_by_the_kernel_for_memory_is_named_and_only_who_grew_is_ended() {
    let Some(group) = Group::new("256M") else {
        return eprintln!("skipped: no group with a limit of memory can be made here");
    };
    let world = World::new();
    let policy = "restart = \"never\"\nprobe_interval = \"1s\"";
    world.fake("grown", "", policy, &["--grow", "640", "--grow-when", "@grow"]);
    world.fake("small", "", "", &[]);
    // The supervisor is born in the group, and so is all that it starts.
    let script = format!(
        "echo $$ >{}/cgroup.procs && exec {OPENCLAW} profile start grown small",
        group.folder.display()
    );
    let mut start = std::process::Command::new("/bin/sh");
    said(world.surround(start.args(["-c", &script])).spawn().unwrap()).ok();
    let (supervisor, small) = (world.supervisor(), pid(&world.show("small")));
    fs::write(world.path("grow"), "").unwrap();
    let ended = world.until("grown", "ended", |status| status["state"] == "stopped");
    let exit = &ended["lastExit"];
    assert_eq!(exit["signal"], 9, "{ended}");
    assert!(exit["reason"].as_str().unwrap().contains("oom"), "{ended}");
    assert!(exit["memoryBytes"].as_u64().is_none_or(|bytes| bytes > 0), "{ended}");
    assert_eq!((world.supervisor(), pid(&world.show("small"))), (supervisor, small));
    assert!(look::is_alive(small));
    drop(world);
}
