//! A1: two services want one port, and the loser of the race was restarted 43,175 times, each time loading
//! everything before it looked. The loser looks first, names the holder and ends with 78, for good.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fake::FAKE;
use super::foreground::{kill, lives};
use super::look;
use super::world::{World, said, wait_for};

/// Runs of the loser.
const ROUNDS: usize = 20;

/// What one refusal may print, in bytes: three runs, more than a service's own limit permits, stay below 4 KB.
const BYTES_MAX: usize = 1300;

/// What all of them may take on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(20);

/// A service manager that restarts for ever. Nothing may allocate more than 20 MB.
const LOOP: &str = r#"ulimit -d 20480 || exit 9
i=0; while [ $i -lt 20 ]; do "$OC" --profile held gateway run; echo "code $?"; i=$((i+1)); done"#;

/// Runs the loop and asserts that each run names the holder by `words` and leaves nothing.
fn loses(world: &World, words: &[&str]) {
    let (before, began) = (look::tree(&world.home("")), Instant::now());
    let said = world.script(&[], LOOP).ok();
    assert!(began.elapsed() < TIME_MAX, "{:?}", began.elapsed());
    assert_eq!(said.out.lines().filter(|line| *line == "code 78").count(), ROUNDS, "{said:?}");
    for word in words {
        let times = said.err.matches(word).count();
        assert!(times > 0 && times % ROUNDS == 0, "{word:?} is said {times} times: {said:?}");
    }
    assert!(said.out.len() + said.err.len() < ROUNDS * BYTES_MAX, "{} bytes", said.err.len());
    assert_eq!(look::tree(&world.home("")), before, "nothing is written, no other port is taken");
}

#[test]
fn incident_a1_a_port_that_a_stranger_holds() {
    let world = World::new();
    let port = world.embedded("held");
    let holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let me = format!("pid {}", std::process::id());
    loses(&world, &[&format!("port {port} (gateway)"), &me, "try: "]);
    assert!(world.processes().is_empty());
    let mut caller = TcpStream::connect(("127.0.0.1", port)).unwrap();
    caller.write_all(b"hello").unwrap();
    let mut heard = [0; 5];
    // What the losers had connected would be accepted first.
    holder.accept().unwrap().0.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
}

#[test]
fn incident_a1_a_port_that_another_gateway_holds() {
    for half_started in [false, true] {
        let world = World::new();
        let port = world.embedded("held");
        let mut command = Command::new(&*FAKE);
        command.args(["--port", &port.to_string()]);
        if half_started {
            command.args(["--mode", "tcp"]);
        }
        let gateway = world.surround(&mut command).spawn().unwrap();
        wait_for("the other gateway", || TcpStream::connect(("127.0.0.1", port)).ok());
        let pid = format!("pid {}", gateway.id());
        loses(&world, &[&format!("port {port} (gateway)"), &pid, "try: "]);
        assert!(lives(&gateway) && TcpStream::connect(("127.0.0.1", port)).is_ok());
        kill(gateway);
    }
}

#[test]
fn incident_a1_a_state_directory_that_is_held() {
    let world = World::new();
    let port = world.embedded("held");
    let gateway = world.serve("held", port);
    wait_for("its record", || world.state("held").join("gateway.lock").exists().then_some(()));
    world.run(&["--profile", "held", "health"]).ok();
    let pid = format!("pid {}", gateway.id());
    let record = std::fs::read(world.state("held").join("gateway.lock")).unwrap();
    let said = world.script(&[], LOOP).ok();
    assert_eq!(said.out.lines().filter(|line| *line == "code 78").count(), ROUNDS, "{said:?}");
    assert_eq!(said.err.matches(&pid).count() % ROUNDS, 0, "{said:?}");
    assert!(said.err.contains(&pid) && said.err.contains(".openclaw-held"), "{said:?}");
    assert!(said.err.len() < ROUNDS * BYTES_MAX, "{} bytes", said.err.len());
    assert_eq!(std::fs::read(world.state("held").join("gateway.lock")).unwrap(), record);
    let log = std::fs::read_to_string(world.state("held").join("logs/gateway.log")).unwrap();
    assert_eq!(
        log.lines().filter(|line| line.contains("listening profile=held")).count(),
        1,
        "its log is its own: {log}"
    );
    world.run(&["--profile", "held", "health"]).ok();
    assert!(lives(&gateway));
    kill(gateway);
}

/// Binds are slow in what runs under this, so that the port can be lost between the look and the bind.
const SLOW_BIND: [&str; 6] = ["-f", "-qq", "-o", "/dev/null", "-e", "inject=bind:delay_enter=700000"];

/// The binary under slow binds; `None`, with the reason printed, where they cannot be had.
fn slowly(world: &World, args: &[&str]) -> Option<Child> {
    let strace = "/usr/bin/strace";
    if !Path::new(strace).exists() {
        eprintln!("skipped: there is no strace on this machine");
        return None;
    }
    let mut command = Command::new(strace);
    world.surround(command.args(SLOW_BIND)).arg(&world.program).args(args);
    Some(command.spawn().unwrap())
}

/// Takes the port of `held` once the pre-flight is over and the gateway is about to bind it.
fn overtake(world: &World, port: u16) -> TcpListener {
    wait_for("the end of the look", || world.state("held").join("gateway.lock").exists().then_some(()));
    TcpListener::bind(("127.0.0.1", port)).unwrap()
}

fn names_me(error: &Value, port: u16) {
    assert_eq!(error["holder"]["pid"], std::process::id(), "{error}");
    assert!(error["message"].as_str().unwrap().contains(&format!("port {port} (gateway)")), "{error}");
    assert!(error["remedy"].as_str().is_some(), "{error}");
}

#[test]
fn incident_a1_a_port_that_is_taken_between_the_look_and_the_bind() {
    let world = World::new();
    let port = world.embedded("held");
    let Some(gateway) = slowly(&world, &["--profile", "held", "gateway", "run", "--json"]) else { return };
    let _holder = overtake(&world, port);
    names_me(&said(gateway).refused(78, "port_in_use"), port);
}

#[test]
fn incident_a1_a_port_that_a_supervised_gateway_loses_between_the_look_and_the_bind() {
    let world = World::new();
    let port = world.embedded("held");
    let Some(supervisor) = slowly(&world, &["supervisor", "run"]) else { return };
    wait_for("the supervisor", || (world.run(&["supervisor", "status"]).code == Some(0)).then_some(()));
    let start = world.spawn(&["profile", "start", "held", "--json"]);
    let holder = overtake(&world, port);
    names_me(&said(start).refused(78, "port_in_use"), port);
    let status = world.until_state("held", "failed");
    assert_eq!((&status["restarts"], &status["lastExit"]["code"]), (&0.into(), &78.into()), "{status}");
    drop(holder);
    assert_eq!(world.start("held")["state"], "ready");
    world.run(&["supervisor", "stop"]).ok();
    said(supervisor).ok();
}

/// A service manager that restarts always, but not after 78, as the shipped units say.
const MANAGER: &str = r#"n=0; while [ $n -lt 10 ]; do n=$((n+1)); "$OC" --profile held gateway run; code=$?
[ $code = 78 ] && break; done; echo "$n starts, code $code""#;

#[test]
fn incident_a1_a_service_manager_that_honours_78_gives_up_at_once() {
    let world = World::new();
    let port = world.embedded("held");
    let mut command = Command::new(&*FAKE);
    command.args(["--port", &port.to_string()]);
    let gateway = world.surround(&mut command).spawn().unwrap();
    wait_for("the other gateway", || TcpStream::connect(("127.0.0.1", port)).ok());
    let said = world.script(&[], MANAGER).ok();
    assert_eq!(said.out.lines().last(), Some("1 starts, code 78"), "{said:?}");
    assert!(said.out.len() + said.err.len() < 4096, "{said:?}");
    assert!(lives(&gateway) && TcpStream::connect(("127.0.0.1", port)).is_ok());
    kill(gateway);
}
