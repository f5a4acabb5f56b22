//! Processes from outside: how long one takes, when its port answers, what memory it has and how often it wakes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::table::Outcome;

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Longest run of a command: starting a real gateway takes a while where the machine has other work.
const LIMIT: Duration = Duration::from_secs(180);
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

/// Waits for a command, though not for ever, and takes a failure for an error.
pub fn finish(mut child: Child, errors: &Path) -> Outcome<()> {
    // The kernel tells at once; looking again and again would have a resolution.
    let number = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let held = number.map(|number| rustix::process::pidfd_open(number, rustix::process::PidfdFlags::empty()));
    if let Some(Ok(held)) = held {
        let limit = PollTimeout::try_from(LIMIT).unwrap_or(PollTimeout::MAX);
        if poll(&mut [PollFd::new(held.as_fd(), PollFlags::POLLIN)], limit) == Ok(0) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("no end within {} s", LIMIT.as_secs()));
        }
    }
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

/// Peak memory of a command, in megabytes.
pub fn peak(command: &Command, errors: &Path) -> Outcome<f64> {
    whole(command, errors).map(|(_, peak)| peak)
}

/// How long a command takes and its peak memory, in megabytes, as the kernel counted it for the one child of a helper
/// process: in this process the peaks of all children before it would be counted in.
pub fn whole(command: &Command, errors: &Path) -> Outcome<(Duration, f64)> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut helper = Command::new(own);
    helper.arg(PEAK).arg(errors).arg(command.get_program()).args(command.get_args()).env_clear();
    helper.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    helper.current_dir(command.get_current_dir().unwrap_or(Path::new("/")));
    // The helper itself is bound to end.
    let output = helper.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [micros, kib] = numbers[..] else { return Err(format!("the helper said {said}")) };
    Ok((Duration::from_micros(micros), kib as f64 * KIB))
}

/// The word that makes this program the helper of [`whole`].
pub const PEAK: &str = "--peak";

/// The helper's side of [`whole`]: runs the one command, whose complaints go to the file that comes first; gives its
/// time in microseconds and its peak in KiB.
pub fn peak_of_child(argv: &[String]) -> Outcome<String> {
    let [errors, program, rest @ ..] = argv else { return Err("no command".to_owned()) };
    let mut command = Command::new(program);
    command.args(rest);
    let took = timed(command, Path::new(errors))?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    Ok(format!("{} {}", took.as_micros(), usage.max_rss()))
}

/// How often each thread of a process has given up the processor of its own accord since it began, by its number.
pub fn wakeups(pid: u64) -> Outcome<BTreeMap<u64, f64>> {
    let threads =
        std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| format!("pid {pid}: {error}"))?;
    let wakeups = |thread: std::fs::DirEntry| {
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        let number = thread.file_name().to_str()?.parse().ok()?;
        Some((number, field(&status, "voluntary_ctxt_switches:").ok()?))
    };
    Ok(threads.flatten().filter_map(wakeups).collect())
}

/// How often a process woke between two counts. A thread that began in between counts from its begin, and one that
/// ended no longer: it takes its count along.
pub fn woken(before: &BTreeMap<u64, f64>, after: &BTreeMap<u64, f64>) -> f64 {
    after.iter().map(|(thread, count)| count - before.get(thread).unwrap_or(&0.0)).sum()
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
