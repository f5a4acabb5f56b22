//! A2: in a container every gateway has the same small pid, so a lock that trusted pids looked as if the living, or
//! the process itself, held it. Only the kernel's lock counts: it ends with its holder and is seen across namespaces.

use std::process::{Child, Command};

use nix::sys::signal::Signal;

use super::foreground::listening;
use super::look;
use super::world::{World, said, wait_for};

/// Ways to a pid namespace, for the administrator and for everybody else.
const WAYS: [&[&str]; 2] = [&["--fork", "--pid", "--mount-proc"], &["-Urpf", "--mount-proc"]];

/// A pid namespace of one's own; `None`, with the reason printed, where the kernel gives none.
pub fn namespace(world: &World) -> Option<&'static [&'static str]> {
    let works = |way: &&&[&str]| {
        let words: Vec<&str> = ["/usr/bin/unshare"].into_iter().chain(way.iter().copied()).collect();
        std::path::Path::new(words[0]).exists() && world.script(&words, "test $$ = 1").code == Some(0)
    };
    let found = WAYS.iter().find(works).copied();
    if found.is_none() {
        eprintln!("skipped: the kernel gives this user no pid namespace");
    }
    found
}

/// A life as pid 1 of a namespace of its own.
fn life(world: &World, way: &[&str], port: u16) -> Child {
    let mut command = Command::new("/usr/bin/unshare");
    command.args(way).arg(&world.program);
    command.args(["--profile", "boxed", "gateway", "run", "--json", "--port", &port.to_string()]);
    world.surround(&mut command).spawn().unwrap()
}

/// The pid that the gateway under `wrapper` has for us.
fn inner(world: &World, wrapper: &Child) -> u32 {
    let program = world.program.display().to_string();
    let found = |pid: &u32| *pid != wrapper.id() && look::command_line(*pid).starts_with(&program);
    wait_for("the gateway in its namespace", || world.processes().into_iter().find(found))
}

/// The pid in the record, which is the one inside.
fn recorded(world: &World) -> u64 {
    wait_for("its record", || {
        let text = std::fs::read_to_string(world.state("boxed").join("gateway.lock")).ok()?;
        serde_json::from_str::<serde_json::Value>(&text).ok()?["pid"].as_u64()
    })
}

#[test]
fn incident_a2_a_dead_gateway_in_another_pid_namespace_blocks_nobody_and_a_living_one_does() {
    let world = World::new();
    let Some(way) = namespace(&world) else { return };
    let (port, other) = (world.embedded("boxed"), world.block());
    for round in 0..2 {
        let mut first = listening(life(&world, way, port), port);
        assert_eq!(recorded(&world), 1, "round {round}");
        let second = said(life(&world, way, other));
        let error = second.refused(78, "state_dir_shared");
        assert_ne!(
            error["holder"]["pid"], 1,
            "the pid that the record names is not this namespace's: {error}"
        );
        world.run(&["--profile", "boxed", "gateway", "run", "--json"]).refused(78, "state_dir_shared");
        let gateway = inner(&world, &first);
        assert!(look::is_alive(gateway));
        look::signal(gateway, Signal::SIGKILL);
        first.wait().unwrap();
    }
    // The record of the dead names pid 1, which lives: as init of every namespace.
    world.start("boxed");
}
