//! A gateway with scripted faults, for what a real one cannot be made to do: it boots late, dies on cue, hangs,
//! is deaf to TERM, leaves a child behind, floods its output, and raises an alarm when two of it run at once.
//! The knobs stand in `knobs`, what it answers in `serve`. It waits on one channel with deadlines and never
//! sleeps: whatever ends it, ends it at once.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, which has no renderer")]
#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own, which has its own clock and environment"
)]

mod knobs;
mod left;
mod serve;
#[path = "../e2e/tls.rs"]
#[allow(clippy::unwrap_used, dead_code)]
mod tls;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use nix::sys::signal::{SigSet, Signal, raise};

use knobs::{Knobs, Renewal};

fn main() -> ExitCode {
    match run(&Knobs::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fake-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One life, from start to end.
fn run(knobs: &Knobs) -> io::Result<ExitCode> {
    let began = Instant::now();
    let signals = stop_signals();
    // Blocked before any thread exists, so that all inherit it and one thread takes the signals.
    signals.thread_block()?;
    if knobs.be_left {
        return be_left(knobs.child_life);
    }
    if let Some(shape) = knobs.be {
        return left::be(shape, knobs, &signals);
    }
    if std::env::var_os(SUCCESSOR).is_some_and(|how| how == "session") {
        nix::unistd::setsid()?;
    }
    let (terminated, stop) = channel();
    let runs = record_start(knobs)?;
    let claim = knobs.alarm.as_deref().map(claim).transpose()?;
    if knobs.leave_child {
        leave_child(knobs, claim.as_ref())?;
    }
    let deaf = knobs.ignore_term;
    thread::spawn(move || {
        while signals.wait().is_ok() {
            if !deaf && terminated.send(()).is_err() {
                break;
            }
        }
    });
    talk(knobs);
    burst(knobs);
    grow(knobs);

    let due = knobs.exit_after.filter(|_| knobs.exit_runs.is_none_or(|limit| runs <= limit));
    let due = due.map(|after| began + after);
    let listen_at = (!knobs.never_listen).then(|| began + knobs.boot_delay);
    if let Some(at) = listen_at.filter(|at| due.is_none_or(|due| *at < due)) {
        if wait(&stop, Some(at)) {
            return Ok(end_of(knobs, &stop));
        }
        let listener = listen(knobs.port, &stop)?;
        left::leave(knobs, &listener)?;
        serve::spawn(behind_tls(listener, knobs)?, knobs)?;
    }
    let renewal = knobs.renew_after.filter(|_| runs < RENEWALS).map(|after| began + after);
    if wait(&stop, renewal.or(due)) {
        return Ok(end_of(knobs, &stop));
    }
    if renewal.is_some() {
        renew(knobs.renew_by)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(number) = knobs.exit_signal {
        die_by(number)?;
    }
    Ok(ExitCode::from(knobs.exit_code))
}

/// Listens; who takes its maker's place waits until that has let go of the port.
fn listen(port: u16, stop: &Receiver<()>) -> io::Result<TcpListener> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let patient = std::env::var_os(SUCCESSOR).is_some() && Instant::now() < until;
        if listener.is_ok() || !patient || wait(stop, Some(Instant::now() + Duration::from_millis(5))) {
            return listener;
        }
    }
}

/// The listener that is served: the one given, or one behind it where that speaks TLS.
fn behind_tls(door: TcpListener, knobs: &Knobs) -> io::Result<TcpListener> {
    let Some(file) = &knobs.tls else { return Ok(door) };
    let mut params = rcgen::CertificateParams::default();
    if knobs.tls_expired {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    let key = rcgen::KeyPair::generate().map_err(io::Error::other)?;
    let made = params.self_signed(&key).map_err(io::Error::other)?;
    publish(file, &made.pem())?;
    let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    tls::front_on(door, vec![made.der().clone()], &key, inner.local_addr()?.port());
    Ok(inner)
}

/// Starts after which it no longer replaces itself.
const RENEWALS: usize = 3;

/// Tells a successor that its maker may still be there.
const SUCCESSOR: &str = "FAKE_GATEWAY_SUCCESSOR";

/// Starts the process that takes the place of this one, or becomes it.
fn renew(by: Renewal) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command.args(std::env::args_os().skip(1)).env(SUCCESSOR, "1");
    match by {
        Renewal::Exec => return Err(command.exec()),
        Renewal::Fork => {}
        Renewal::Session => {
            command.env(SUCCESSOR, "session");
        }
    }
    command.spawn().map(drop)
}

/// Waits for TERM until `due`, or for ever; says whether it came.
fn wait(stop: &Receiver<()>, due: Option<Instant>) -> bool {
    let Some(due) = due else { return stop.recv().is_ok() };
    stop.recv_timeout(due.saturating_duration_since(Instant::now())).is_ok()
}

/// What TERM leads to: an end in good order, after `--term-delay`; more signals do not shorten it.
fn end_of(knobs: &Knobs, stop: &Receiver<()>) -> ExitCode {
    let due = Instant::now() + knobs.term_delay;
    while wait(stop, Some(due)) {}
    if let Some(path) = &knobs.clean {
        let _ = append(path, &std::process::id().to_string());
    }
    ExitCode::SUCCESS
}

/// TERM and INT.
fn stop_signals() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT].into_iter().collect()
}

/// Ends this process by signal `number`, blocked or not.
fn die_by(number: i32) -> io::Result<()> {
    let signal = Signal::try_from(number)?;
    SigSet::from(signal).thread_unblock()?;
    // Twice: the standard library answers a first SEGV by restoring the default, and returns.
    raise(signal)?;
    raise(signal)?;
    Ok(())
}

/// Writes the files that say who runs; gives the number of this start, counted from 1.
fn record_start(knobs: &Knobs) -> io::Result<usize> {
    let pid = std::process::id();
    if let Some(path) = &knobs.dump_env {
        let argv: Vec<_> = std::env::args().collect();
        let env: std::collections::BTreeMap<_, _> = std::env::vars().collect();
        publish(path, &serde_json::json!({ "argv": argv, "env": env }).to_string())?;
    }
    if let Some(path) = &knobs.pid_file {
        publish(path, &pid.to_string())?;
    }
    let Some(path) = &knobs.starts else { return Ok(1) };
    append(path, &pid.to_string())?;
    Ok(std::fs::read_to_string(path)?.lines().count())
}

/// Writes a file so that no reader sees half of it.
fn publish(path: &Path, text: &str) -> io::Result<()> {
    let draft = beside(path, "draft");
    std::fs::write(&draft, text)?;
    std::fs::rename(draft, path)
}

/// Appends one line by one write, so that lines of several writers do not mix.
fn append(path: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(format!("{line}\n").as_bytes())
}

/// The path with a further ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Takes the lock beside the alarm file for life; where another holds it, raises the alarm and goes on, since
/// a fault that was meant to show must be allowed to happen.
fn claim(alarm: &Path) -> io::Result<File> {
    let lock = File::create(beside(alarm, "lock"))?;
    // Who takes its maker's place waits until that is gone.
    if std::env::var_os(SUCCESSOR).is_some() {
        lock.lock()?;
        return Ok(lock);
    }
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            append(alarm, &format!("overlap: pid {} started while another was alive", std::process::id()))?;
            Ok(lock)
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Starts the child that stays, and waits until it is deaf. Its standard input is the claim's open file
/// description, so the claim lasts until both are gone.
fn leave_child(knobs: &Knobs, claim: Option<&File>) -> io::Result<()> {
    let stdin = claim.map_or(Ok(Stdio::null()), |file| file.try_clone().map(Stdio::from))?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--port", "0", "--be-left", "--child-life", &knobs.child_life.as_millis().to_string()])
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()?;
    let deaf = child.stdout.take().map_or(Ok(0), |mut out| out.read(&mut [0]))?;
    if deaf == 0 {
        return Err(io::Error::other("the child that should stay ended at once"));
    }
    knobs.pid_file.as_ref().map_or(Ok(()), |path| publish(&beside(path, "child"), &child.id().to_string()))
}

/// The life of the child that stays: says that it is deaf, and waits.
fn be_left(life: Duration) -> io::Result<ExitCode> {
    println!("deaf");
    let (_never, stop) = channel::<()>();
    let _ = stop.recv_timeout(life);
    Ok(ExitCode::SUCCESS)
}

/// Prints as fast as the lines are taken.
fn burst(knobs: &Knobs) {
    let Some(path) = knobs.logged.clone().filter(|_| knobs.log_burst > 0) else { return };
    let lines = knobs.log_burst;
    thread::spawn(move || -> io::Result<()> {
        let mut out = io::stdout();
        for number in 0..lines {
            writeln!(
                out,
                "{number} of a burst that nobody may hold up, padded to a hundred bytes or nearly that many"
            )?;
        }
        append(&path, &lines.to_string())
    });
}

/// Takes memory and touches it, once it is told to.
fn grow(knobs: &Knobs) {
    let (Some(mib), Some(path)) = (knobs.grow, knobs.grow_when.clone()) else { return };
    thread::spawn(move || {
        let (_never, pace) = channel::<()>();
        while !path.exists() {
            let _ = pace.recv_timeout(Duration::from_millis(10));
        }
        let taken: Vec<Vec<u8>> = (0..mib).map(|_| vec![1; 1 << 20]).collect();
        let _ = pace.recv();
        drop(taken);
    });
}

/// Prints what the knobs ask for, from a thread of its own: a full pipe must not stop the gateway.
fn talk(knobs: &Knobs) {
    let Some(line) = knobs.log_line.clone().or_else(|| (knobs.log_rate > 0).then(|| "line".to_owned()))
    else {
        return;
    };
    // Said before anything else is done: one that ends at once has said it too.
    let _ = writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush());
    let rate = knobs.log_rate;
    if rate == 0 {
        return;
    }
    thread::spawn(move || -> io::Result<()> {
        let mut out = io::stdout();
        let (_never, pace) = channel::<()>();
        let began = Instant::now();
        for number in 1_u64.. {
            writeln!(out, "{number} {line}")?;
            let due = began + Duration::from_secs_f64(number as f64 / f64::from(rate));
            let ahead = due.saturating_duration_since(Instant::now());
            if !ahead.is_zero() {
                let _ = pace.recv_timeout(ahead);
            }
        }
        Ok(())
    });
}
