//! D3: the owner of a gateway is read from the process itself, in every layout of cgroups; no program of a service
//! manager is asked or told anything on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::Value;

use super::foreground::{kill, listening};
use super::world::{World, wait_for};

/// Programs that would act on somebody's services.
const SHIMS: [&str; 7] = ["systemctl", "loginctl", "journalctl", "launchctl", "docker", "podman", "service"];

#[test]
fn incident_d3_no_verb_calls_a_service_manager() {
    let world = World::new();
    let calls = world.path("calls");
    for shim in SHIMS {
        let file = world.path("bin").join(shim);
        fs::write(&file, format!("#!/bin/sh\necho {shim} \"$@\" >>{}\n", calls.display())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // They would be found, and would leave a trace.
    let mut command = Command::new("systemctl");
    world.surround(&mut command).arg("status").env("PATH", world.path("bin")).status().unwrap();
    assert_eq!(world.lines("calls"), ["systemctl status"]);
    fs::remove_file(&calls).unwrap();
    let name = world.name("work");
    world.unit(
        &format!("openclaw-gateway-{name}.service"),
        &format!("/usr/local/bin/openclaw --profile {name} gateway run"),
    );
    for verb in [
        &["profile", "start", &name][..],
        &["profile", "restart", &name],
        &["profile", "list"],
        &["profile", "show", &name],
        &["profile", "check"],
        &["--profile", &name, "health"],
        &["host", "status"],
        &["host", "conflicts", "--explain"],
        &["supervisor", "status"],
        &["profile", "stop", &name],
        &["supervisor", "stop"],
    ] {
        let said = world.run(verb);
        assert!(said.code.is_some_and(|code| code == 0 || code == 4), "{verb:?}: {said:?}");
        assert_eq!(world.lines("calls"), [""; 0], "{verb:?}");
    }
}

/// The mount of cgroup version 2, where this user may make groups in it.
fn groups() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mut mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let root = PathBuf::from(mounted.find(|(_, kind)| *kind == "cgroup2")?.0);
    let trial = root.join(format!("octest{}.slice", std::process::id()));
    fs::create_dir(&trial).ok()?;
    fs::remove_dir(&trial).ok()?;
    Some(root)
}

/// A group that is taken away again, with those above it that were made for it.
struct Group {
    root: PathBuf,
    path: PathBuf,
}

impl Group {
    fn new(root: &Path, below: &str) -> Group {
        let path = root.join(below);
        fs::create_dir_all(&path).unwrap();
        Group { root: root.into(), path }
    }

    /// Runs a profile's gateway in the group.
    fn serve(&self, world: &World, port: u16) -> Child {
        let mut command = Command::new("/bin/sh");
        let script = "echo $$ >\"$GROUP/cgroup.procs\" && exec \"$OC\" --profile mine gateway run --json";
        world.surround(command.args(["-c", script])).env("GROUP", &self.path).env("OC", &world.program);
        listening(command.spawn().unwrap(), port)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel lets go of a group a moment after its last process has ended.
        wait_for("the end of the group", || fs::remove_dir(&self.path).ok());
        let mut above = self.path.parent();
        while let Some(folder) = above.filter(|folder| *folder != self.root) {
            if fs::remove_dir(folder).is_err() {
                return;
            }
            above = folder.parent();
        }
    }
}

#[test]
fn incident_d3_the_owner_is_read_from_the_process_in_every_layout() {
    let Some(root) = groups() else {
        eprintln!("skipped: this user may make no cgroups; the layouts are judged in src/conflict/cgroup.rs");
        return;
    };
    let world = World::new();
    let port = world.embedded("mine");
    let tag = std::process::id();
    let (own, container) = (format!("oc{tag}.service"), format!("docker-{tag:064x}.scope"));
    for (below, kind, unit) in [
        (format!("system.slice/{own}"), "systemd-system", Value::from(own.as_str())),
        (
            format!("user.slice/user-1000.slice/user@1000.service/app.slice/{own}"),
            "systemd-user",
            own.as_str().into(),
        ),
        (format!("user.slice/user-1000.slice/session-{tag}.scope"), "none", Value::Null),
        (format!("system.slice/{container}"), "container", container.as_str().into()),
    ] {
        let group = Group::new(&root, &below);
        let gateway = group.serve(&world, port);
        let status = world.run(&["host", "status", "--json"]).ok().json();
        let found = status["gateways"].as_array().unwrap().iter().find(|one| one["pid"] == gateway.id());
        let manager = &found.unwrap_or_else(|| panic!("{below}: {status}"))["manager"];
        assert_eq!((&manager["kind"], &manager["unit"]), (&kind.into(), &unit), "{below}: {status}");
        kill(gateway);
    }
}
