//! D1: a clean-up killed whatever listened on the gateway's port. Whoever is in the way is named and left alone, and
//! no signal goes to a process that is not our own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};

use super::fake::FAKE;
use super::foreground::{kill, lives};
use super::world::{World, said, wait_for};

/// Attempts against each holder.
const ATTEMPTS: usize = 30;

/// Programs on `port` that are none of ours, one after the other.
fn strangers(port: u16) -> Vec<Command> {
    let fake = |title: Option<&str>, knobs: &[&str]| {
        let mut command = Command::new(&*FAKE);
        if let Some(title) = title {
            std::os::unix::process::CommandExt::arg0(&mut command, title);
        }
        command.args(["--port", &port.to_string()]).args(knobs);
        command
    };
    let mut found =
        vec![fake(None, &[]), fake(Some("openclaw-gateway"), &[]), fake(Some("nginx"), &["--mode", "tcp"])];
    let python = Path::new("/usr/bin/python3");
    if python.exists() {
        let mut command = Command::new(python);
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]);
        found.push(command);
    }
    found
}

/// Begins a stranger and waits until it listens.
fn holding(world: &World, command: &mut Command, port: u16) -> Child {
    let child = world.surround(command).current_dir(world.path("bin")).spawn().unwrap();
    wait_for("the stranger", || TcpStream::connect(("127.0.0.1", port)).ok());
    child
}

#[test]
fn incident_d1_whoever_has_the_port_outlives_thirty_attempts() {
    let world = World::new();
    let port = world.embedded("held");
    for mut command in strangers(port) {
        let stranger = holding(&world, &mut command, port);
        for attempt in 0..ATTEMPTS {
            let words: &[&str] = match attempt % 3 {
                0 => &["profile", "start", "held", "--json"],
                1 => &["--profile", "held", "gateway", "run", "--json"],
                _ => &["profile", "restart", "held", "--json"],
            };
            let error = world.run(words).refused(78, "port_in_use");
            assert_eq!(error["holder"]["pid"], stranger.id(), "{error}");
        }
        world.run(&["profile", "stop", "held"]).ok();
        assert!(lives(&stranger) && TcpStream::connect(("127.0.0.1", port)).is_ok(), "{command:?}");
        kill(stranger);
    }
    assert_eq!(world.start("held")["state"], "ready");
}

#[test]
fn incident_d1_another_profiles_gateway_on_the_port_outlives_it_too() {
    let world = World::new();
    let port = world.embedded("held");
    let name = world.name("neighbour");
    world.run(&["profile", "create", &name, "--runtime", "embedded"]).ok();
    // In the foreground a gateway may be given any port, for once also another profile's.
    let words = ["--profile", &name, "gateway", "run", "--port", &port.to_string()];
    let gateway = super::foreground::listening(world.spawn(&words), port);
    for _ in 0..ATTEMPTS / 3 {
        let error = world.run(&["profile", "start", "held", "--json"]).refused(78, "port_in_use");
        assert_eq!(error["holder"]["pid"], gateway.id(), "{error}");
        world.run(&["profile", "stop", "held"]).ok();
    }
    assert!(lives(&gateway));
    kill(gateway);
}

#[test]
fn incident_d1_a_refused_start_sends_no_signal_to_anybody_else() {
    if !Path::new("/usr/bin/strace").exists() {
        eprintln!("skipped: there is no strace on this machine");
        return;
    }
    let world = World::new();
    let port = world.embedded("held");
    let _holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let trace = |file: &str, words: &str| {
        format!(
            "exec strace -f -qq -o \"$WORLD/{file}\" -e trace=kill,tkill,tgkill,pidfd_send_signal,execve \
             -e signal=none \"$OC\" {words}"
        )
    };
    let control = trace("control", "").replace("\"$OC\"", "/bin/sh -c 'kill -0 $$'");
    world.script(&[], &control).ok();
    assert_eq!(
        world.lines("control").iter().filter(|line| line.contains(" kill(")).count(),
        1,
        "it would be seen"
    );
    let mut supervisor = Command::new("/bin/sh");
    world.surround(supervisor.args(["-c", &trace("supervisor", "supervisor run")]));
    supervisor.env("PATH", "/usr/bin:/bin").env("OC", &world.program).env("WORLD", world.path(""));
    let supervisor = supervisor.spawn().unwrap();
    wait_for("the supervisor", || (world.run(&["supervisor", "status"]).code == Some(0)).then_some(()));
    let commands =
        ["--profile held gateway run", "profile start held", "profile stop held", "supervisor stop"];
    for (number, words) in commands.iter().enumerate() {
        let said = world.script(&[], &trace(&number.to_string(), words));
        assert_eq!(said.code, Some(if number < 2 { 78 } else { 0 }), "{said:?}");
    }
    said(supervisor);
    for file in ["supervisor", "0", "1", "2", "3"] {
        let trace = world.lines(file);
        assert!(trace.iter().any(|line| line.contains("execve")), "{file}: the trace shows what was run");
        let signals: Vec<&String> = trace.iter().filter(|line| !line.contains("execve")).collect();
        assert!(signals.is_empty(), "{file}: {signals:?}");
    }
}
