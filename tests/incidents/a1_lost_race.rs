//! A1: two services want one port, and the loser of the race was restarted 43,175 times, each time loading
//! everything before it looked. The loser looks first, names the holder and ends with 78, for good.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use super::fake::FAKE;
use super::foreground::{kill, lives};
use super::look;
use super::world::{World, wait_for};

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
