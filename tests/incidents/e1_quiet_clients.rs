//! E1: `status` opened and migrated the database of the living gateway, which corrupted it. Beside a living gateway
//! the commands only ask: they write nothing below its state directory, run nothing and open little.

use std::path::Path;

use super::look;
use super::world::World;

/// Files that `health` may open, those of the loader included.
const OPENS_MAX: usize = 60;

/// The calls that are watched: what opens, changes names, or makes a process.
const CALLS: &str = "openat,openat2,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,\
                     link,linkat,symlink,symlinkat,truncate,chmod,fchmodat,fork,vfork,clone,clone3,execve";

/// The calls of one command.
fn trace(world: &World, words: &str) -> Vec<String> {
    let script =
        format!("exec strace -f -qq -o \"$WORLD/trace\" -e trace={CALLS} -e signal=none \"$OC\" {words}");
    world.script(&[], &script).ok();
    let trace = world.lines("trace");
    assert!(trace.iter().any(|line| line.contains("execve")), "{words}: {trace:?}");
    trace
}

/// Whether the line shows a call whose name begins with `name`; it stands behind the pid.
fn is_call(line: &str, name: &str) -> bool {
    line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with(name)
}

/// Whether a call may change what lies below `folder`.
fn writes(line: &str, folder: &str) -> bool {
    let to_write = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| line.contains(flag));
    let harmless = ["execve", "clone", "fork", "vfork"].iter().any(|name| is_call(line, name));
    line.contains(folder) && !harmless && (to_write || !is_call(line, "open"))
}

/// Whether a call makes a process; a thread is none.
fn spawns(line: &str) -> bool {
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
        let trace = trace(&world, words);
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
