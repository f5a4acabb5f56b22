//! Processes from outside: how long one takes, when its port answers, what memory it has and how often it wakes.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::table::Outcome;

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Distance of looks at a port: the resolution of what is measured with it.
pub const LOOK: Duration = Duration::from_micros(50);

/// A kibibyte in megabytes.
const KIB: f64 = 1024.0 / 1e6;

/// A child that is ended, and waited for, when its owner goes.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended may have passed its number on.
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        // TERM first: a supervisor takes its own children along.
        let _ = signal(&self.0, Signal::SIGTERM);
        let ended = wait_until(|| matches!(self.0.try_wait(), Ok(Some(_)))).is_ok();
        if !ended {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Sends a signal to a child that was not waited for yet.
fn signal(child: &Child, signal: Signal) -> nix::Result<()> {
    kill(Pid::from_raw(child.id().cast_signed()), signal)
}

/// Runs a command to its end; gives how long it took, or the last line that it wrote to `errors`.
pub fn timed(mut command: Command, errors: &Path) -> Outcome<Duration> {
    let began = Instant::now();
    let child = spawn(&mut command, errors)?;
    finish(child, errors)?;
    Ok(began.elapsed())
}

/// Runs a command until its port answers; gives how long that took, and the command, which may still run.
pub fn until_port(command: &mut Command, port: u16, errors: &Path) -> Outcome<(Duration, Child)> {
    let began = Instant::now();
    let mut child = spawn(command, errors)?;
    loop {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok((began.elapsed(), child));
        }
        if matches!(child.try_wait(), Ok(Some(status)) if !status.success()) {
            return Err(last_line(errors));
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("port {port} never answered"));
        }
        sleep(LOOK);
    }
}

/// Waits until nothing answers on the port.
pub fn until_refused(port: u16) -> Outcome<()> {
    wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err())
        .map_err(|()| format!("port {port} still answers"))
}

/// Waits until `done`, with a deadline.
pub fn wait_until(mut done: impl FnMut() -> bool) -> Result<(), ()> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > PATIENCE {
            return Err(());
        }
        sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Starts a command whose complaints go to a file: a pipe would stay open as long as anything that it leaves.
fn spawn(command: &mut Command, errors: &Path) -> Outcome<Child> {
    let file = File::create(errors).map_err(|error| format!("{}: {error}", errors.display()))?;
    let program = command.get_program().to_string_lossy().into_owned();
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    command.spawn().map_err(|error| format!("{program}: {error}"))
}

/// Waits for a command and takes a failure for an error.
pub fn finish(mut child: Child, errors: &Path) -> Outcome<()> {
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{status}: {}", last_line(errors))),
        Err(error) => Err(error.to_string()),
    }
}

/// What a command writes to standard output, if it ends within `limit`.
pub fn output(mut command: Command, limit: Duration) -> Outcome<String> {
    let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
    let copy = file.try_clone().map_err(|error| error.to_string())?;
    let child = command.stdin(Stdio::null()).stdout(copy).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    if !ends_within(&mut child, limit) {
        let _ = child.kill();
        let _ = child.wait();
        return Err("no answer".to_owned());
    }
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    read.map(|_| text).map_err(|error| error.to_string())
}

/// Whether a child ends within `limit`.
pub fn ends_within(child: &mut Child, limit: Duration) -> bool {
    let began = Instant::now();
    while !matches!(child.try_wait(), Ok(Some(_))) {
        if began.elapsed() > limit {
            return false;
        }
        sleep(Duration::from_millis(1));
    }
    true
}

/// The last line of a file of complaints, cut to a bearable length.
fn last_line(errors: &Path) -> String {
    let text = std::fs::read_to_string(errors).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").chars().take(160).collect()
}

/// Resident memory of a process now, in megabytes.
pub fn resident(pid: u64) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.map_err(|error| format!("pid {pid}: {error}"))?;
    field(&status, "VmRSS:").map(|kib| kib * KIB)
}

/// Peak memory of a command, in megabytes, as the kernel counted it for the one child of a helper process: in this
/// process the peaks of all children before it would be counted in.
pub fn peak(command: &Command, errors: &Path) -> Outcome<f64> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut helper = Command::new(own);
    helper.arg(PEAK).arg(command.get_program()).args(command.get_args()).env_clear();
    helper.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = helper.stderr(File::create(errors).map_err(|error| error.to_string())?).output();
    let output = output.map_err(|error| error.to_string())?;
    let kib = String::from_utf8_lossy(&output.stdout).trim().parse::<f64>();
    kib.map(|kib| kib * KIB).map_err(|_| last_line(errors))
}

/// The word that makes this program the helper of [`peak`].
pub const PEAK: &str = "--peak";

/// The helper's side of [`peak`]: runs the one command and gives its peak in KiB.
pub fn peak_of_child(argv: &[String]) -> Outcome<i64> {
    let [program, rest @ ..] = argv else { return Err("no command".to_owned()) };
    let status = Command::new(program).args(rest).stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status.map_err(|error| format!("{program}: {error}"))? {
        status if status.success() => getrusage(UsageWho::RUSAGE_CHILDREN)
            .map(|usage| usage.max_rss())
            .map_err(|error| error.to_string()),
        status => Err(status.to_string()),
    }
}

/// How often all threads of a process have given up the processor of their own accord since it began.
pub fn wakeups(pid: u64) -> Outcome<f64> {
    let threads =
        std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| format!("pid {pid}: {error}"))?;
    let mut total = 0.0;
    for thread in threads.flatten() {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        total += field(&status, "voluntary_ctxt_switches:").unwrap_or_default();
    }
    Ok(total)
}

/// Processor time of a process since it began, in milliseconds; threads that have ended count.
pub fn processor_time(pid: u64) -> Outcome<f64> {
    let number = i32::try_from(pid).map_err(|error| error.to_string())?;
    let clock = clock_getcpuclockid(Pid::from_raw(number)).and_then(clock_gettime);
    clock.map(|time| Duration::from(time).as_secs_f64() * 1e3).map_err(|error| format!("pid {pid}: {error}"))
}

/// The number behind a key of a status file.
fn field(status: &str, key: &str) -> Outcome<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("no {key}"))
}
