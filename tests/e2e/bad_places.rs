//! Places that are missing, too open, too long, read-only or full.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::look;
use super::world::{Said, World, pid, said};

/// What every case of a strange runtime directory must do: everything works, the socket is a private one of
/// ours, and a shell with another environment finds the same supervisor.
fn works_without(runtime_dir: Option<PathBuf>) {
    let world = World::new();
    let name = world.name("any");
    let run = |words: &[&str]| -> Said {
        let mut command = world.command(words);
        match &runtime_dir {
            Some(dir) => command.env("XDG_RUNTIME_DIR", dir),
            None => command.env_remove("XDG_RUNTIME_DIR"),
        };
        said(command.spawn().unwrap())
    };
    assert_eq!(run(&["profile", "start", &name, "--json"]).ok().json()["state"], "ready");
    let status = run(&["supervisor", "status", "--json"]).ok().json();
    let socket = Path::new(status["socket"].as_str().unwrap());
    assert!(socket.starts_with(world.kept("")), "{}", socket.display());
    assert_eq!(fs::metadata(socket.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(world.supervisor(), pid(&status), "found from a shell with another environment");
    assert_eq!(pid(&world.start(&name)), pid(&run(&["profile", "show", &name, "--json"]).ok().json()));
    run(&["supervisor", "stop"]).ok();
}

#[test]
fn no_runtime_directory_is_named() {
    works_without(None);
}

#[test]
fn the_runtime_directory_does_not_exist_or_is_no_absolute_path() {
    works_without(Some("/no/such/runtime".into()));
    works_without(Some("run".into()));
}

#[test]
fn the_runtime_directory_is_open_to_others_and_stays_empty() {
    for mode in [0o777, 0o1777, 0o770] {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        works_without(Some(dir.path().into()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{mode:o}");
    }
}

#[test]
fn the_runtime_directory_is_too_long_for_a_socket() {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    fs::set_permissions(&long, fs::Permissions::from_mode(0o700)).unwrap();
    works_without(Some(long));
}

#[test]
fn where_no_socket_fits_anywhere_it_is_said_and_nothing_is_left_running() {
    let world = World::new();
    let name = world.name("deep");
    let deep = world.path(&"d".repeat(90));
    world.private(&deep);
    let mut command = world.command(&["profile", "start", &name, "--json"]);
    command.env("XDG_STATE_HOME", &deep).env("XDG_RUNTIME_DIR", &deep);
    let error = said(command.spawn().unwrap()).refused(78, "socket_path_too_long");
    assert!(error["message"].as_str().unwrap().contains("103"), "{error}");
    assert!(error["remedy"].as_str().unwrap().contains("XDG_RUNTIME_DIR"), "{error}");
    super::world::wait_for("the end of the supervisor", || world.processes().is_empty().then_some(()));
}

#[test]
fn without_a_home_it_is_said_what_to_set() {
    let world = World::new();
    for home in [None, Some(""), Some("relative/home")] {
        let mut command = world.command(&["profile", "list", "--json"]);
        match home {
            Some(home) => command.env("HOME", home),
            None => command.env_remove("HOME"),
        };
        let ended = said(command.spawn().unwrap());
        assert_eq!(ended.code, Some(78), "{ended:?}");
        let error = ended.json()["error"].clone();
        assert!(error["message"].as_str().unwrap().contains("HOME"), "{error}");
        assert!(error["remedy"].is_string());
    }
    assert_eq!(look::tree(&world.home("")).len(), 1);
}

#[test]
fn a_state_directory_that_is_a_file_is_refused_and_left_alone() {
    let world = World::new();
    let port = world.block();
    world.manifest("p", &format!("[runtime]\nkind = \"embedded\"\n[gateway]\nport = {port}\n"));
    fs::write(world.state("p"), "a letter").unwrap();
    let start = world.run(&["profile", "start", "p", "--json"]);
    assert_eq!(start.code, Some(78), "{start:?}");
    assert!(start.json()["error"]["message"].as_str().unwrap().contains(".openclaw-p"), "{start:?}");
    assert_eq!(fs::read_to_string(world.state("p")).unwrap(), "a letter");
}

/// A mount namespace of one's own; `None`, with the reason printed, where the kernel gives none.
fn namespace(world: &World) -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] =
        [&["unshare", "--mount"], &["unshare", "--user", "--map-root-user", "--mount"]];
    let works = |way: &&&[&str]| world.script(way, "mount -t tmpfs none \"$WORLD/bin\"").code == Some(0);
    let found = WAYS.iter().find(works).copied();
    if found.is_none() {
        eprintln!("skipped: the kernel gives this user no mount namespace");
    }
    found
}

/// Prints one line `NAME CODE` for a command and keeps what it printed as `$WORLD/NAME`.
const STEP: &str =
    r#"step() { name=$1; shift; "$OC" "$@" --json >"$WORLD/$name" 2>"$WORLD/$name.err"; echo "$name $?"; }"#;

/// The error object that a step printed.
fn error_of(world: &World, step: &str) -> serde_json::Value {
    let text = fs::read_to_string(world.path(step)).unwrap();
    let document: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{step}: {text}"));
    document["error"].clone()
}

#[test]
fn a_read_only_state_directory_is_named_and_keeps_what_it_has() {
    let world = World::new();
    let Some(way) = namespace(&world) else { return };
    let port = world.block();
    world.run(&["profile", "create", "p", "--runtime", "embedded", "--port", &port.to_string()]).ok();
    let before = look::tree(&world.state("p"));
    let said = world.script(
        way,
        &format!(
            "{STEP}\nD=$HOME/.openclaw-p; mount --bind $D $D && mount -o remount,bind,ro $D || exit 9
             step start profile start p; step health --profile p health; step front gateway run --profile p
             step stop profile stop p; step end supervisor stop
             mount -o remount,bind,rw $D; step again profile start p; step end2 supervisor stop"
        ),
    );
    let said = said.ok();
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines, ["start 78", "health 3", "front 78", "stop 0", "end 0", "again 0", "end2 0"]);
    let error = error_of(&world, "start");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(".openclaw-p") && message.contains("Read-only"), "{error}");
    for (path, kept) in before {
        assert_eq!(look::tree(&world.state("p")).get(&path), Some(&kept), "{path}");
    }
}

#[test]
fn a_full_disk_under_the_state_directory_loses_nothing_that_was_there() {
    let world = World::new();
    let Some(way) = namespace(&world) else { return };
    let port = world.block();
    world.run(&["profile", "create", "p", "--runtime", "embedded", "--port", &port.to_string()]).ok();
    let said = world.script(
        way,
        &format!(
            "{STEP}\nD=$HOME/.openclaw-p; cp -a $D $WORLD/copy
             mount -t tmpfs -o size=64k,mode=700 none $D && cp -a $WORLD/copy/. $D || exit 9
             cat /dev/zero >$D/fill 2>/dev/null
             step start profile start p; step health --profile p health; step stop profile stop p
             step end supervisor stop; cmp $D/openclaw.json $WORLD/copy/openclaw.json && echo kept
             rm $D/fill; step again profile start p; step end2 supervisor stop"
        ),
    );
    let said = said.ok();
    let lines: Vec<&str> = said.out.lines().collect();
    // A gateway that can live without its own log may as well run: then it answers.
    match lines[0] {
        "start 0" => assert_eq!(lines[1], "health 0", "{lines:?}"),
        _ => {
            assert!(["start 1", "start 78"].contains(&lines[0]), "{lines:?}");
            assert!(error_of(&world, "start")["message"].as_str().unwrap().contains("No space"), "{lines:?}");
        }
    }
    assert_eq!(lines[2..], ["stop 0", "end 0", "kept", "again 0", "end2 0"]);
}

#[test]
fn a_profile_is_not_half_created_on_a_full_disk() {
    let world = World::new();
    let Some(way) = namespace(&world) else { return };
    let name = world.name("half");
    let said = world.script(
        way,
        &format!(
            "{STEP}\nmount -t tmpfs -o size=64k,mode=700 none $HOME || exit 9
             cat /dev/zero >$HOME/fill 2>/dev/null
             step create profile create {name}; step start profile start {name}; step list profile list
             rm $HOME/fill; step again profile create {name}; step up profile start {name}
             ls $HOME/.openclaw-{name}/openclaw.json; step end supervisor stop"
        ),
    );
    let said = said.ok();
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(["create 1", "create 78"].contains(&lines[0]), "{lines:?}");
    assert!(["start 1", "start 78"].contains(&lines[1]), "{lines:?}");
    let error = error_of(&world, "create");
    assert!(error["message"].as_str().unwrap().contains("No space"), "{error}");
    assert!(error["remedy"].as_str().unwrap().contains("free some disk space"), "{error}");
    assert_eq!(lines[2..5], ["list 0", "again 0", "up 0"], "{said:?}");
}
