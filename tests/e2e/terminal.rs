//! At a terminal and away from one: interrupts, a terminal that is closed, pipes that close, and what the
//! background process keeps of where it was started.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::Signal;

use super::look;
use super::world::{World, pid, said, wait_for};

/// A terminal of a test's own; what is printed on it is gathered until it is closed.
pub struct Terminal {
    keys: OwnedFd,
    seen: Arc<Mutex<Vec<u8>>>,
    open: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Runs the binary at a new terminal, in a session that the terminal controls.
    pub fn run(world: &World, args: &[&str], variables: &[(&str, &str)]) -> (Terminal, Child) {
        Terminal::wide(world, 160, args, variables)
    }

    /// The same at one with so many columns.
    pub fn wide(world: &World, columns: u16, args: &[&str], variables: &[(&str, &str)]) -> (Terminal, Child) {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
        for side in [&master, &slave] {
            // A command that has a terminal's own side open would keep it from closing.
            fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let mut command = Command::new("/usr/bin/setsid");
        world.surround(&mut command).arg("--ctty").arg(&world.program).args(args);
        command.env("TERM", "xterm-256color").envs(variables.iter().copied());
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let mut screen = File::from(master.try_clone().unwrap());
        fcntl(&screen, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
        let open = Arc::new(AtomicBool::new(true));
        let (sink, going) = (Arc::clone(&seen), Arc::clone(&open));
        let reader = std::thread::spawn(move || {
            let mut part = [0; 4096];
            while going.load(Ordering::Relaxed) {
                match screen.read(&mut part) {
                    Ok(count @ 1..) => sink.lock().unwrap().extend_from_slice(&part[..count]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        std::thread::park_timeout(Duration::from_millis(2));
                    }
                    // Nobody has the other side any more.
                    _ => return,
                }
            }
        });
        (Terminal { keys: master, seen, open, reader }, child)
    }

    /// Closes it, as a window is closed: the kernel tells everybody in the session.
    pub fn close(self) {
        self.open.store(false, Ordering::Relaxed);
        self.reader.join().unwrap();
        drop(self.keys);
    }

    /// Types `keys`.
    pub fn press(&self, keys: &[u8]) {
        nix::unistd::write(&self.keys, keys).unwrap();
    }

    /// What was printed on it so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }
}

/// The escape character, with which every colour begins.
const ESCAPE: char = '\u{1b}';

#[test]
fn an_interrupted_start_dies_of_the_interrupt_and_goes_on_as_it_says() {
    let world = World::new();
    world.fake("slow", "", "", &["--boot-delay", "700"]);
    let start = world.spawn(&["profile", "start", "slow"]);
    let starting = world.until("slow", "a process", |status| status["pid"].is_u64());
    look::signal(start.id(), Signal::SIGINT);
    let start = said(start);
    assert_eq!((start.code, start.signal), (None, Some(Signal::SIGINT as i32)), "{start:?}");
    assert!(start.err.contains("goes on starting") && start.err.contains("profile stop slow"), "{start:?}");
    let joined = world.start("slow");
    assert_eq!(joined["pid"], starting["pid"], "a later start joins the same run");
}

#[test]
fn the_interrupt_key_reaches_the_command_and_not_the_supervisor() {
    let world = World::new();
    world.fake("slow", "", "", &["--boot-delay", "1500"]);
    let (terminal, start) = Terminal::run(&world, &["profile", "start", "slow"], &[]);
    world.until("slow", "a process", |status| status["pid"].is_u64());
    let supervisor = world.supervisor();
    nix::unistd::write(&terminal.keys, &[3]).unwrap();
    assert_eq!(said(start).signal, Some(Signal::SIGINT as i32), "{}", terminal.text());
    wait_for("the words", || terminal.text().contains("goes on starting").then_some(()));
    assert!(look::is_alive(supervisor));
    assert_eq!(world.start("slow")["state"], "ready");
}

#[test]
fn a_terminal_that_is_closed_takes_neither_supervisor_nor_gateway_with_it() {
    let world = World::new();
    world.fake("slow", "", "", &["--boot-delay", "500"]);
    let (terminal, start) = Terminal::run(&world, &["profile", "start", "slow"], &[]);
    let starting = world.until("slow", "a process", |status| status["pid"].is_u64());
    let supervisor = world.supervisor();
    terminal.close();
    let start = said(start);
    assert_eq!(start.signal, Some(Signal::SIGHUP as i32), "{start:?}");
    let ready = world.until_state("slow", "ready");
    assert_eq!(ready["pid"], starting["pid"]);
    assert_eq!(world.supervisor(), supervisor);
}

#[test]
fn a_hang_up_while_the_supervisor_starts_leaves_a_whole_supervisor_or_none() {
    for _ in 0..10 {
        let world = World::new();
        let name = world.name("hung");
        let start = world.command(&["profile", "start", &name]).process_group(0).spawn().unwrap();
        wait_for("the supervisor", || {
            (!world.running("supervisor run").is_empty() || !look::is_alive(start.id())).then_some(())
        });
        look::signal_group(start.id(), Signal::SIGHUP);
        said(start);
        assert_eq!(world.start(&name)["state"], "ready");
        wait_for("one supervisor", || (world.running("supervisor run").len() == 1).then_some(()));
        assert_eq!(world.running("gateway run").len(), 1);
    }
}

#[test]
fn the_supervisor_keeps_nothing_of_the_shell_that_started_it() {
    let world = World::new();
    let name = world.name("apart");
    std::fs::write(world.path("secret"), "open in the shell").unwrap();
    let script =
        format!("umask 000; exec 7<\"$WORLD/secret\" 9>>\"$WORLD/secret\"; \"$OC\" profile start {name}");
    let shell = world.script(&["/usr/bin/env", "--chdir", "/tmp"], &script);
    shell.ok();
    let supervisor = world.supervisor();
    assert_eq!(look::session(supervisor), supervisor, "a session of its own");
    let gateway = pid(&world.show(&name));
    for process in [supervisor, gateway] {
        let open = look::descriptors(process);
        assert_eq!(open[&0], "/dev/null");
        let foreign = |target: &&String| {
            target.contains("secret") || target.contains("/dev/pts") || target.contains("/dev/tty")
        };
        assert_eq!(open.values().find(foreign), None, "{open:?}");
        let umask = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        assert!(umask.contains("Umask:\t0077"), "{umask}");
        let cwd = std::fs::read_link(format!("/proc/{process}/cwd")).unwrap();
        let expected = if process == supervisor { "/".into() } else { world.state(&name) };
        assert_eq!(cwd, expected);
    }
    assert_eq!(look::descriptors(supervisor)[&1], "/dev/null");
    // Descriptors of one gateway are not the next one's.
    let other = world.name("other");
    let second = pid(&world.start(&other));
    let leaked = look::descriptors(second);
    assert!(!leaked.values().any(|target| target.contains(&format!(".openclaw-{name}"))), "{leaked:?}");
}

#[test]
fn a_pipe_that_nobody_reads_any_more_is_no_failure() {
    let world = World::new();
    let name = world.name("piped");
    world.start(&name);
    for words in [
        "profile list",
        "profile list --json",
        &format!("profile show {name}"),
        &format!("profile logs {name}"),
        &format!("--profile {name} health --json"),
        "completions bash",
        "man",
        "--help",
    ] {
        let script = format!(
            "{{ \"$OC\" {words}; echo $? >\"$WORLD/code\"; }} 2>\"$WORLD/err\" | true; cat \"$WORLD/code\" \"$WORLD/err\""
        );
        let ended = world.script(&["/usr/bin/env"], &script).ok();
        assert!(!ended.out.contains("panicked"), "{words}: {ended:?}");
        assert!(["0", "141"].contains(&ended.out.trim()), "{words}: {ended:?}");
    }
    let closed = world.script(&["/usr/bin/env"], "\"$OC\" profile list >&- 2>&-; echo $?").ok();
    assert_eq!(closed.out.trim(), "0", "{closed:?}");
    let full = world.script(&["/usr/bin/env"], "\"$OC\" profile list >/dev/full; echo $?").ok();
    assert!(!full.err.contains("panicked"), "{full:?}");
}

#[test]
fn a_follower_ends_when_its_reader_does() {
    let world = World::new();
    world.fake("loud", "", "", &["--log-line", "a line", "--log-rate", "100"]);
    world.start("loud");
    let script = "\"$OC\" profile logs loud -f | head -n 3";
    let ended = world.script(&["/usr/bin/env"], script).ok();
    assert_eq!(ended.out.lines().count(), 3);
    assert!(!ended.err.contains("panicked"), "{ended:?}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let world = World::new();
    let name = world.name("bright");
    let piped = world.run(&["profile", "start", &name]).ok();
    assert!(!piped.out.contains(ESCAPE) && !piped.err.contains(ESCAPE), "{piped:?}");
    let at_terminal = |args: &[&str], variables: &[(&str, &str)]| {
        let (terminal, list) = Terminal::run(&world, args, variables);
        said(list).ok();
        wait_for("the table", || terminal.text().contains(&name).then_some(()));
        terminal.text().contains(ESCAPE)
    };
    assert!(at_terminal(&["profile", "list"], &[]));
    assert!(!at_terminal(&["profile", "list"], &[("NO_COLOR", "1")]));
    assert!(!at_terminal(&["profile", "list"], &[("TERM", "dumb")]));
    assert!(!at_terminal(&["profile", "list", "--no-color"], &[]));
    assert!(!at_terminal(&["profile", "list", "--json"], &[]));
    let (terminal, start) = Terminal::run(&world, &["profile", "restart", &name], &[]);
    said(start).ok();
    wait_for("the table", || terminal.text().contains("talk to it").then_some(()));
}

#[test]
fn the_manual_page_is_generated_and_knows_every_command() {
    let world = World::new();
    let man = world.run(&["man"]).ok().out;
    for word in [".TH openclaw", "profile", "\\-\\-json"] {
        assert!(man.contains(word), "{word}: {man}");
    }
}
