//! G6: "started" was said some 17 s before anything answered, and nobody saw that a supervisor hung. A service manager
//! hears `READY=1` when the profiles that are to be up are up or declared failed, and signs of life from the loop itself.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::foreground::lives;
use super::look;
use super::world::{PATIENCE, World, pid, said, wait_for};

/// A service manager's ear: what it heard so far, a line each.
pub struct Ear {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Ear {
    fn at(world: &World) -> Ear {
        Ear::over(UnixDatagram::bind(world.path("notify")).unwrap())
    }

    pub fn over(socket: UnixDatagram) -> Ear {
        Ear { socket, heard: Vec::new() }
    }

    /// One more datagram; `None` when nothing is said for that long.
    fn listen(&mut self, patience: Duration) -> Option<()> {
        let mut text = [0; 4096];
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let length = self.socket.recv(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text[..length]).into_owned();
        self.heard.extend(text.lines().map(str::to_owned));
        Some(())
    }

    /// Listens until a line begins with `words`; that line, and what was said up to it.
    #[track_caller]
    pub fn until(&mut self, words: &str) -> (String, Vec<String>) {
        loop {
            if let Some(at) = self.heard.iter().position(|line| line.starts_with(words)) {
                let before = self.heard.drain(..=at).collect::<Vec<_>>();
                return (before[at].clone(), before);
            }
            assert!(self.listen(PATIENCE).is_some(), "{words:?} is never said: {:?}", self.heard);
        }
    }
}

fn supervisor(world: &World, told: &[(&str, &str)]) -> Child {
    let mut command = world.command(&["supervisor", "run"]);
    command.env("NOTIFY_SOCKET", world.path("notify")).envs(told.iter().copied()).spawn().unwrap()
}

fn end(supervisor: Child) {
    look::signal(supervisor.id(), Signal::SIGTERM);
    assert_eq!(said(supervisor).code, Some(0));
}

#[test]
fn incident_g6_ready_is_said_when_each_is_up_or_declared_failed_and_a_reload_keeps_it() {
    let world = World::new();
    let mut ear = Ear::at(&world);
    world.fake("slow", "", "autostart = true", &["--boot-delay", "900"]);
    world.fake("broken", "", "autostart = true", &["--exit-after", "0", "--exit-code", "78"]);
    let supervisor = supervisor(&world, &[]);
    let (_, before) = ear.until("READY=1");
    assert!(before.iter().any(|line| line == "EXTEND_TIMEOUT_USEC=30000000"), "{before:?}");
    assert!(before.iter().any(|line| line.contains("slow: starting")), "{before:?}");
    let gateway = world.show("slow");
    assert_eq!((&gateway["state"], &world.show("broken")["state"]), (&"ready".into(), &"failed".into()));
    let (status, _) = ear.until("STATUS=");
    assert_eq!(status, "STATUS=1 of 2 profiles ready; broken: failed (gateway_config_invalid)");
    for name in look::environment(pid(&gateway)).keys() {
        assert!(!["NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"].contains(&name.as_str()), "{name}");
    }
    world.run(&["supervisor", "reload"]).ok();
    let (_, at) = (ear.until("RELOADING=1"), ear.until("MONOTONIC_USEC="));
    assert!(at.0.trim_start_matches("MONOTONIC_USEC=").parse::<u64>().unwrap() > 0);
    ear.until("READY=1");
    assert_eq!(world.supervisor(), supervisor.id(), "the service's main process stays");
    assert_eq!(world.show("slow")["pid"], gateway["pid"]);
    look::signal(supervisor.id(), Signal::SIGTERM);
    let (_, before) = ear.until("STOPPING=1");
    assert!(!before.iter().any(|line| line == "READY=1"), "{before:?}");
    assert!(ear.until("STATUS=stopping; ").0.contains("not ended yet"));
    assert_eq!(said(supervisor).code, Some(0));
}

#[test]
fn incident_g6_a_supervisor_that_is_stopped_gives_no_sign_of_life() {
    let world = World::new();
    let mut ear = Ear::at(&world);
    let silence = Duration::from_millis(600);
    let supervisor = supervisor(&world, &[("WATCHDOG_USEC", "600000")]);
    ear.until("READY=1");
    ear.until("WATCHDOG=1");
    ear.until("WATCHDOG=1");
    look::signal(supervisor.id(), Signal::SIGSTOP);
    // One that was on its way may still come; then nothing does.
    wait_for("silence", || ear.listen(silence).is_none().then_some(()));
    ear.heard.clear();
    look::signal(supervisor.id(), Signal::SIGCONT);
    ear.until("WATCHDOG=1");
    end(supervisor);
}

#[test]
fn incident_g6_one_that_a_command_began_speaks_to_no_manager() {
    let world = World::new();
    let mut ear = Ear::at(&world);
    let name = world.name("quiet");
    let mut command = world.command(&["profile", "start", &name]);
    said(command.env("NOTIFY_SOCKET", world.path("notify")).spawn().unwrap()).ok();
    assert!(!look::environment(world.supervisor()).contains_key("NOTIFY_SOCKET"));
    world.run(&["supervisor", "stop"]).ok();
    assert_eq!(ear.listen(Duration::from_millis(1)), None, "{:?}", ear.heard);
}

#[test]
fn incident_g6_a_gateway_that_is_its_units_own_process_speaks_for_itself() {
    let world = World::new();
    let address = format!("openclaw-{}", world.path("").display());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&address).unwrap()).unwrap();
    let mut ear = Ear::over(socket);
    let port = world.embedded("front");
    let run = |name: &str| {
        let mut command = world.command(&["--profile", name, "gateway", "run"]);
        let told = [("NOTIFY_SOCKET", format!("@{address}")), ("WATCHDOG_USEC", "30000000".into())];
        command.envs(told).spawn().unwrap()
    };
    let gateway = run("front");
    ear.until("READY=1");
    world.run(&["--profile", "front", "health"]).ok();
    assert_eq!(ear.until("STATUS=").0, format!("STATUS=the gateway serves on port {port}"));
    ear.until("WATCHDOG=1");
    look::signal(gateway.id(), Signal::SIGTERM);
    ear.until("STOPPING=1");
    assert_eq!(said(gateway).code, Some(0));
    // Another program knows of no manager: its unit counts as started, and is not watched.
    world.fake("other", "", "", &[]);
    let gateway = run("other");
    let (_, before) = ear.until("WATCHDOG_USEC=0");
    assert!(before.contains(&"READY=1".to_owned()), "{before:?}");
    wait_for("the program", || look::command_line(gateway.id()).contains("fake-gateway").then_some(()));
    assert!(!look::environment(gateway.id()).contains_key("NOTIFY_SOCKET"));
    assert!(lives(&gateway));
    look::signal(gateway.id(), Signal::SIGTERM);
    said(gateway);
}
