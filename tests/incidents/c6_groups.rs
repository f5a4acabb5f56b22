//! C6 where the tree of control groups may be divided: each run has a group of its own, so that also a daemon is gone
//! which cleared its environment, closed everything and forked twice while nobody watched. The groups are gone then.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::c6_left_behind::{SHAPE_COUNT, SHAPES};
use super::look;
use super::world::{World, pid, said, wait_for};

/// A group that the supervisor of a world divides, with a bystander beside.
struct Divided {
    world: World,
    base: PathBuf,
    bystander: Child,
}

impl Divided {
    /// `None` where this user may make no groups that end with their processes.
    fn new() -> Option<Divided> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let root =
            mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?.split(' ').nth(1)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let base = Path::new(root).join(format!("octest{}-{number}", std::process::id()));
        fs::create_dir(&base).ok()?;
        if !base.join("cgroup.kill").exists() {
            fs::remove_dir(&base).unwrap();
            return None;
        }
        let world = World::new();
        let knobs = ["--leave", SHAPES, "--left", "@left", "--alarm", "@alarm"];
        world.fake("nest", "", "stop_timeout = \"200ms\"\nrestart_delay_min = \"10ms\"", &knobs);
        // Its children are made once it is in its group; those that are made before are known by their marks.
        let file = world.home(".config/openclaw/profiles/nest.toml");
        let script = "until /bin/grep -q gateway-nest /proc/self/cgroup; do :; done; exec \\\"$@\\\"";
        let waiting = format!("command = [\"/bin/sh\", \"-c\", \"{script}\", \"sh\", ");
        fs::write(&file, fs::read_to_string(&file).unwrap().replace("command = [", &waiting)).unwrap();
        let bystander = Command::new("/bin/sleep").arg("600").spawn().unwrap();
        Some(Divided { world, base, bystander })
    }

    /// Starts the profile, with a supervisor that divides the group where there is none yet.
    fn start(&self) -> Value {
        let mut command = self.world.command(&["profile", "start", "nest", "--json"]);
        said(command.env("OPENCLAW_CGROUP", &self.base).spawn().unwrap()).ok().json()
    }

    /// The children that live.
    fn living(&self) -> Vec<u32> {
        let left = self.world.lines("left").into_iter().filter_map(|line| line.parse().ok());
        left.filter(|pid| look::is_alive(*pid)).collect()
    }

    /// The pids in the group `name`.
    fn within(&self, name: &str) -> Vec<u32> {
        let text = fs::read_to_string(self.base.join(name).join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// The groups below.
    fn groups(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.base).unwrap().flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn kill(&self, pid: u32) {
        look::signal(pid, Signal::SIGKILL);
        wait_for("its end", || (!look::is_alive(pid)).then_some(()));
    }

    /// Nothing is left but the bystander, and no group.
    fn is_over(&mut self) {
        assert_eq!(self.world.running("fake-gateway"), [0; 0]);
        assert_eq!(self.living(), [0; 0]);
        assert_eq!(self.world.lines("alarm"), [""; 0], "two runs at once");
        self.world.run(&["supervisor", "stop"]).ok();
        assert_eq!(self.groups(), [""; 0], "{}", self.world.journal());
        assert!(self.bystander.try_wait().unwrap().is_none(), "a bystander of the same user was ended");
    }
}

impl Drop for Divided {
    fn drop(&mut self) {
        self.bystander.kill().unwrap();
        self.bystander.wait().unwrap();
        // Whatever a failed test has left.
        let _ = fs::write(self.base.join("cgroup.kill"), "1");
        for group in self.groups() {
            wait_for("an empty group", || fs::remove_dir(self.base.join(&group)).ok());
        }
        wait_for("an empty group", || fs::remove_dir(&self.base).ok());
    }
}

#[test]
fn incident_c6_a_run_in_a_group_of_its_own_is_gone_after_a_stop_also_for_later_supervisors() {
    let Some(mut nest) = Divided::new() else {
        return eprintln!("skipped: this user may make no control groups that can be killed");
    };
    let gateway = pid(&nest.start());
    let supervisor = nest.world.supervisor();
    assert_eq!(nest.within("supervisor"), [supervisor]);
    let within = nest.within("gateway-nest");
    assert!(within.contains(&gateway) && nest.living().iter().all(|pid| within.contains(pid)), "{within:?}");
    assert_eq!(nest.living().len(), SHAPE_COUNT);
    // The next one never saw the bare daemon in the gateway's tree, nor is it that one's parent.
    nest.world.may_leave_gateways();
    nest.kill(supervisor);
    assert_eq!(pid(&nest.start()), gateway, "adopted");
    nest.world.run(&["supervisor", "reload"]).ok();
    nest.world.until("nest", "watched on", |status| status["pid"] == gateway);
    assert_eq!(nest.within("supervisor"), [nest.world.supervisor()]);
    assert_eq!(nest.living().len(), SHAPE_COUNT);
    nest.world.run(&["profile", "stop", "nest"]).ok();
    assert!(!nest.groups().contains(&"gateway-nest".to_owned()), "{:?}", nest.groups());
    nest.is_over();
}

#[test]
fn incident_c6_what_a_run_left_in_its_group_while_nobody_watched_is_ended_before_the_next() {
    let Some(mut nest) = Divided::new() else {
        return eprintln!("skipped: this user may make no control groups that can be killed");
    };
    nest.world.may_leave_gateways();
    let gateway = pid(&nest.start());
    let first = nest.living();
    for process in [nest.world.supervisor(), gateway] {
        nest.kill(process);
    }
    assert_eq!(nest.living().len(), SHAPE_COUNT, "they outlive both");
    nest.start();
    let second = nest.living();
    assert!(!first.iter().any(|pid| second.contains(pid)), "{first:?} {second:?}");
    nest.world.run(&["profile", "restart", "nest"]).ok();
    let third = nest.living();
    assert!(!second.iter().any(|pid| third.contains(pid)), "{second:?} {third:?}");
    nest.world.run(&["profile", "stop", "nest"]).ok();
    nest.is_over();
}
