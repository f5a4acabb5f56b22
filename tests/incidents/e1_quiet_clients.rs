//! E1: `status` opened and migrated the database of the living gateway, which corrupted it. Beside a living gateway
//! the commands only ask: they write nothing below its state directory, run nothing and open little.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::look;
use super::world::{World, pid};

/// Files that `health` may open, those of the loader included.
pub const OPENS_MAX: usize = 60;

/// The end of every command beside a gateway that answers nothing.
const TIME_MAX: Duration = Duration::from_secs(10);

/// The calls that are watched: what opens, changes names, or makes a process.
const CALLS: &str = "openat,openat2,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,\
                     link,linkat,symlink,symlinkat,truncate,chmod,fchmodat,fork,vfork,clone,clone3,execve";

/// The calls of one command, which ends with `code`.
pub fn trace(world: &World, words: &str, code: i32) -> Vec<String> {
    let script =
        format!("exec strace -f -qq -o \"$WORLD/trace\" -e trace={CALLS} -e signal=none \"$OC\" {words}");
    let said = world.script(&[], &script);
    assert_eq!(said.code, Some(code), "{words}: {said:?}");
    let trace = world.lines("trace");
    assert!(trace.iter().any(|line| line.contains("execve")), "{words}: {trace:?}");
    trace
}

/// Whether the line shows a call whose name begins with `name`; it stands behind the pid.
pub fn is_call(line: &str, name: &str) -> bool {
    line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with(name)
}

/// Whether a call may change what lies below `folder`.
fn writes(line: &str, folder: &str) -> bool {
    let to_write = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| line.contains(flag));
    let harmless = ["execve", "clone", "fork", "vfork"].iter().any(|name| is_call(line, name));
    line.contains(folder) && !harmless && (to_write || !is_call(line, "open"))
}

/// Whether a call makes a process; a thread is none.
pub fn spawns(line: &str) -> bool {
    let forks = ["clone(", "clone3(", "fork("].iter().any(|call| line.contains(call));
    forks && !line.contains("CLONE_THREAD")
}

#[test]
fn incident_e1_beside_a_living_gateway_the_commands_only_ask() {
    if !Path::new("/usr/bin/strace").exists() {
        eprintln!("skipped: there is no strace on this machine");
        return;
    }
    let world = World::new();
    world.embedded("work");
    world.start("work");
    let folder = world.state("work").display().to_string();
    let names = || look::tree(&world.state("work")).into_keys().collect::<Vec<_>>();
    let before = names();
    // What is watched for would be seen.
    let control = world.script(
        &[],
        &format!(
            "strace -f -qq -o \"$WORLD/trace\" -e trace={CALLS} /bin/sh -c ': >{folder}/x; rm {folder}/x; :'"
        ),
    );
    control.ok();
    let seen = world.lines("trace");
    assert_eq!(seen.iter().filter(|line| writes(line, &folder)).count(), 2, "{seen:?}");
    assert!(seen.iter().any(|line| spawns(line)), "{seen:?}");
    for words in [
        "--profile work health",
        "--profile work gateway health --json",
        "--profile work gateway call status",
        "profile list",
        "profile show work",
        "profile check",
        "profile env work",
        "host status",
        "host conflicts",
        "supervisor status",
    ] {
        let trace = trace(&world, words, 0);
        let written: Vec<&String> = trace.iter().filter(|line| writes(line, &folder)).collect();
        assert!(written.is_empty(), "{words}: {written:?}");
        let spawned: Vec<&String> = trace.iter().filter(|line| spawns(line)).collect();
        assert!(spawned.is_empty(), "{words}: {spawned:?}");
        assert_eq!(trace.iter().filter(|line| line.contains("execve(")).count(), 1, "{words}");
        let opens = trace.iter().filter(|line| is_call(line, "open")).count();
        assert!(!words.ends_with("health") || opens < OPENS_MAX, "{words} opens {opens} files");
    }
    assert_eq!(names(), before);
}

#[test]
fn incident_e1_beside_a_wedged_gateway_every_command_ends_by_its_deadline() {
    if !Path::new("/usr/bin/strace").exists() {
        eprintln!("skipped: there is no strace on this machine");
        return;
    }
    let world = World::new();
    world.embedded("wedged");
    let gateway = pid(&world.start("wedged"));
    let folder = world.state("wedged").display().to_string();
    look::signal(gateway, Signal::SIGSTOP);
    for (words, code) in [
        ("--profile wedged health --timeout 500ms", 5),
        ("--profile wedged gateway health --json --timeout 500ms", 5),
        ("--profile wedged gateway call status --timeout 500ms", 5),
        ("profile list", 0),
        ("profile show wedged", 0),
        ("profile check", 0),
        ("profile env wedged", 0),
        ("profile logs wedged", 0),
        ("host status", 0),
        ("host conflicts", 0),
        ("supervisor status", 0),
    ] {
        let began = Instant::now();
        let trace = trace(&world, words, code);
        assert!(began.elapsed() < TIME_MAX, "{words}: {:?}", began.elapsed());
        let written: Vec<&String> = trace.iter().filter(|line| writes(line, &folder)).collect();
        assert!(written.is_empty(), "{words}: {written:?}");
    }
    look::signal(gateway, Signal::SIGCONT);
    assert_eq!(world.until_state("wedged", "ready")["pid"], gateway, "and nobody touched it");
}
