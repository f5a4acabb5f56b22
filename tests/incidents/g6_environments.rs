//! G6: it worked in the shell and looped as a service. A service begins with next to nothing, or with too much, and on
//! volumes that come late; wherever it can work it does, with files for its owner alone, and where it cannot it says why.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};

use nix::sys::signal::Signal;

use super::g6_notify::Ear;
use super::look;
use super::world::{Said, World, pid, said};

/// What a supervisor of a service gets from launchd beside its home; its property list says both.
const LAUNCHD: &str = "XPC_SERVICE_NAME=ai.openclaw.supervisor OPENCLAW_SUPERVISOR_EXIT_TIMEOUT=20s";

/// A world with a profile that comes up with its supervisor.
fn world() -> World {
    let world = World::new();
    world.embedded("work");
    world
}

/// Begins the supervisor as a service manager does, in `/`, of a session of its own, without a terminal, with `HOME` and
/// `variables` as its whole environment, after the shell did `before`.
fn begin(world: &World, before: &str, variables: &str) -> Child {
    let script = format!("{before}\nexec /usr/bin/env -i HOME=\"$HOME\" {variables} \"$OC\" supervisor run");
    let mut command = Command::new("/usr/bin/setsid");
    world.surround(&mut command).args(["--wait", "/bin/sh", "-c", &script]).env("OC", &world.program);
    let output = File::create(world.path("output")).unwrap();
    let errors = output.try_clone().unwrap();
    command.env("WORLD", world.path("")).current_dir("/").stdout(output).stderr(errors).spawn().unwrap()
}

/// Its profile comes up, and everything that was made since `known` is its owner's alone; the gateway's pid.
#[track_caller]
fn healthy(world: &World, cell: &str) -> u32 {
    super::world::wait_for(&format!("{cell}: a supervisor"), || {
        (world.run(&["supervisor", "status"]).code == Some(0)).then_some(())
    });
    let status = world.until_state("work", "ready");
    world.run(&["--profile", "work", "health"]).ok();
    for folder in [world.kept(""), world.state("work")] {
        for (path, (mode, _)) in look::tree(&folder) {
            let is_link = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
            assert!(is_link || mode & 0o077 == 0, "{cell}: {path} has mode {mode:o}");
        }
    }
    pid(&status)
}

fn end(world: &World, service: Child) -> Said {
    world.run(&["supervisor", "stop"]).ok();
    let said = said(service);
    assert_eq!(said.code, Some(0), "{}", fs::read_to_string(world.path("output")).unwrap());
    said
}

fn works(cell: &str, before: &str, variables: &str) {
    let world = world();
    let service = begin(&world, before, variables);
    healthy(&world, cell);
    end(&world, service);
}

#[test]
fn incident_g6_environments_with_a_home_and_nothing_else() {
    works("env -i", "", "");
    works("launchd", "", &format!("{LAUNCHD} PATH=/usr/bin:/bin"));
}

#[test]
fn incident_g6_environments_of_any_mask_of_modes() {
    for mask in ["000", "002", "077"] {
        works(mask, &format!("umask {mask}"), "");
    }
}

#[test]
fn incident_g6_environments_without_a_language_or_with_one_that_is_not_there() {
    for variables in ["LANG=", "LANG=xx_XX.UTF-8 LC_ALL=nonsense"] {
        works(variables, "", variables);
    }
}

#[test]
fn incident_g6_environments_with_standard_input_closed() {
    let world = world();
    let service = begin(&world, "exec 0<&-", "");
    let gateway = healthy(&world, "no input");
    // What it opens first must not become its input, nor a gateway's.
    for process in [world.supervisor(), gateway] {
        assert_eq!(look::descriptors(process)[&0], "/dev/null", "{}", look::command_line(process));
    }
    end(&world, service);
}

#[test]
fn incident_g6_environments_with_descriptors_that_are_nobodys() {
    let world = world();
    let open: Vec<String> = (3..10).map(|number| format!("exec {number}>\"$WORLD/left-{number}\"")).collect();
    // They are said to be sockets, to another process, and to this one.
    for told in ["", "LISTEN_FDS=7 LISTEN_PID=1", "LISTEN_FDS=7 LISTEN_PID=$$"] {
        let script = format!(
            "{}\nexec /usr/bin/env -i HOME=\"$HOME\" {told} \"$OC\" supervisor run #",
            open.join("\n")
        );
        let service = begin(&world, &script, "");
        let gateway = healthy(&world, told);
        let held = look::descriptors(gateway);
        assert!(!held.values().any(|file| file.contains("/left-")), "{told}: {held:?}");
        end(&world, service);
    }
}

#[test]
fn incident_g6_environments_with_a_temporary_folder_that_is_gone() {
    let world = world();
    let gone = world.path("gone").display().to_string();
    let service = begin(&world, "", &format!("TMPDIR={gone}"));
    let gateway = healthy(&world, "TMPDIR");
    assert_eq!(look::environment(gateway).get("TMPDIR"), None);
    end(&world, service);
    let there = world.path("there");
    world.private(&there);
    let service = begin(&world, "", &format!("TMPDIR={}", there.display()));
    let gateway = healthy(&world, "TMPDIR");
    assert_eq!(look::environment(gateway)["TMPDIR"], there.display().to_string());
    end(&world, service);
}

#[test]
fn incident_g6_environments_with_logs_behind_a_link_or_absent() {
    let world = world();
    let (logs, elsewhere) = (world.kept("logs"), world.path("elsewhere"));
    world.private(&elsewhere);
    fs::remove_dir_all(&logs).ok();
    fs::create_dir_all(world.kept("")).unwrap();
    fs::set_permissions(world.kept(""), fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&elsewhere, &logs).unwrap();
    let service = begin(&world, "", "");
    healthy(&world, "a link");
    assert!(world.journal().contains("supervisor listening"), "{}", world.journal());
    end(&world, service);
    // The volume behind it is gone: the gateways do not care, and people are told.
    fs::remove_dir_all(&elsewhere).unwrap();
    let service = begin(&world, "", "");
    healthy(&world, "a link to nowhere");
    let status = world.run(&["supervisor", "status", "--json"]).ok().json();
    assert!(status["warnings"].to_string().contains("no logs are kept"), "{status}");
    end(&world, service);
    let output = fs::read_to_string(world.path("output")).unwrap();
    assert!(output.contains("supervisor listening"), "{output}");
    fs::remove_file(&logs).unwrap();
    let service = begin(&world, "", "");
    healthy(&world, "absent");
    assert!(world.journal().contains("supervisor listening"));
    end(&world, service);
}

#[test]
fn incident_g6_environments_with_a_volume_of_logs_that_is_full() {
    let world = world();
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: only root can make a volume");
    }
    let logs = world.kept("logs");
    world.private(&logs);
    let script = r#"mount --make-rprivate / && mount -t tmpfs -o size=16k,mode=700 tmpfs "$LOGS" || exit 9
cat /dev/zero >"$LOGS/filler" 2>/dev/null
[ "$(df --output=avail "$LOGS" | tail -1)" -eq 0 ] || exit 9
env -i HOME="$HOME" "$OC" supervisor run 2>"$WORLD/output" & service=$!
n=0; until env -i HOME="$HOME" "$OC" --profile work health >/dev/null 2>&1; do
n=$((n+1)); [ $n -gt 200 ] && { echo in-vain; break; }; sleep 0.1; done
env -i HOME="$HOME" "$OC" profile show work --json
env -i HOME="$HOME" "$OC" supervisor stop >/dev/null || echo stop-failed
wait $service; echo "end=$?" >&2"#;
    let mut command = Command::new("/usr/bin/unshare");
    world.surround(&mut command).args(["--mount", "/bin/sh", "-c", script]).env("LOGS", &logs);
    command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("OC", &world.program)
        .env("WORLD", world.path(""));
    let said = said(command.spawn().unwrap());
    assert_eq!((&said.json()["state"], said.err.trim()), (&"ready".into(), "end=0"), "{said:?}");
}

#[test]
fn incident_g6_environments_without_a_home_end_for_good_with_the_cause() {
    let world = World::new();
    for variables in ["", LAUNCHD] {
        let script = format!("exec /usr/bin/env -i {variables} \"$OC\" supervisor run #");
        let code = said(begin(&world, &script, "")).code;
        let output = fs::read_to_string(world.path("output")).unwrap();
        assert_eq!(code, Some(78), "{output}");
        assert!(output.lines().last().is_some_and(|line| line.contains("HOME")), "{output}");
    }
}

#[test]
fn incident_g6_environments_whose_home_comes_late_are_waited_for() {
    let world = world();
    let mut ear = Ear::over(UnixDatagram::bind(world.path("notify")).unwrap());
    let (home, away) = (world.home(""), world.path("away"));
    fs::rename(&home, &away).unwrap();
    // Nobody who is not a service waits.
    let command = said(begin(&world, "", ""));
    let output = fs::read_to_string(world.path("output")).unwrap();
    assert_eq!(command.code, Some(1), "{output}");
    assert!(output.contains("home") && output.contains("is not there"), "{output}");
    let service = begin(&world, "", &format!("NOTIFY_SOCKET={}", world.path("notify").display()));
    let (told, _) = ear.until("STATUS=waiting for the home");
    assert!(told.contains(&world.path("home").display().to_string()), "{told}");
    ear.until("EXTEND_TIMEOUT_USEC=");
    // Nothing was made where the volume will be.
    assert!(!home.exists());
    fs::rename(&away, &home).unwrap();
    ear.until("READY=1");
    healthy(&world, "late");
    look::signal(world.supervisor(), Signal::SIGTERM);
    assert_eq!(said(service).code, Some(0));
}
