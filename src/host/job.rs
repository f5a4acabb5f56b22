//! A program that is run to its end for someone who wants to know what it said: in a process group of its own, with
//! nothing to read, its output bounded, and ended as a whole when its time is over or nobody wants it any more.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::clock::Stopwatch;
use super::process::{SPAWNING, signal_group};

/// How soon an end, a time that is over and a wish to stop are noticed.
const LOOK_EVERY: u16 = 50;

/// What to run.
#[derive(Debug)]
pub struct Job<'a> {
    /// The program by its absolute path, and its arguments.
    pub argv: &'a [String],
    /// The whole environment; nothing is inherited.
    pub environment: &'a BTreeMap<String, String>,
    /// The working directory.
    pub directory: &'a Path,
    /// How long it may take.
    pub limit: Duration,
    /// Most bytes of each of its outputs that are kept: the first ones.
    pub output_max: usize,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Whether it was ended because its time was over.
    pub timed_out: bool,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// Whether it wrote more than is kept.
    pub truncated: bool,
}

/// Runs it to its end. Whatever of its group is left then is ended too. Only for processes that collect no children by
/// other means.
///
/// # Errors
/// What the kernel says, for example that the program is missing.
pub fn run(job: &Job<'_>, unwanted: &AtomicBool) -> io::Result<Done> {
    let (program, arguments) = job.argv.split_first().ok_or_else(|| io::Error::other("nothing to run"))?;
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(job.environment).current_dir(job.directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let clock = Stopwatch::start();
    let mut child = {
        let _alone = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
        command.spawn()?
    };
    let (mut done, leader) = (Done::default(), child.id());
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let mut ended = None;
    while ended.is_none() {
        read_some(&mut stdout, &mut stderr, &mut done, job.output_max)?;
        ended = collected(leader)?;
        done.timed_out = ended.is_none() && clock.elapsed() >= job.limit;
        if done.timed_out || unwanted.load(Ordering::Relaxed) {
            // It may have ended this very moment.
            let _ = signal_group(leader, Signal::SIGKILL);
        }
        if done.timed_out {
            break;
        }
    }
    // What it left behind belongs to it, and may keep its output open.
    let _ = signal_group(leader, Signal::SIGKILL);
    while ended.is_none() {
        ended = collected(leader)?;
        super::clock::pause(Duration::from_millis(1));
    }
    let rest = Stopwatch::start();
    while (stdout.is_some() || stderr.is_some()) && rest.elapsed() < Duration::from_secs(1) {
        read_some(&mut stdout, &mut stderr, &mut done, job.output_max)?;
    }
    done.code = ended.flatten();
    Ok(done)
}

/// The exit of a child that has ended: its code, where no signal ended it.
fn collected(pid: u32) -> io::Result<Option<Option<i32>>> {
    match waitpid(Pid::from_raw(pid as i32), Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(_, code)) => Ok(Some(Some(code))),
        Ok(WaitStatus::Signaled(..)) => Ok(Some(None)),
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads what is there, waiting a moment for it.
fn read_some(
    stdout: &mut Option<ChildStdout>,
    stderr: &mut Option<ChildStderr>,
    done: &mut Done,
    most: usize,
) -> io::Result<()> {
    let ready = {
        let mut waiting = Vec::new();
        waiting.extend(stdout.iter().map(|out| PollFd::new(out.as_fd(), PollFlags::POLLIN)));
        waiting.extend(stderr.iter().map(|err| PollFd::new(err.as_fd(), PollFlags::POLLIN)));
        match poll(&mut waiting, PollTimeout::from(LOOK_EVERY)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let told: Vec<bool> =
            waiting.iter().map(|one| one.revents().is_some_and(|events| !events.is_empty())).collect();
        let out = stdout.is_some() && told.first() == Some(&true);
        let err = stderr.is_some() && told.last() == Some(&true);
        (out, err)
    };
    if ready.0 && !take(stdout.as_mut(), &mut done.stdout, most, &mut done.truncated)? {
        *stdout = None;
    }
    if ready.1 && !take(stderr.as_mut(), &mut done.stderr, most, &mut done.truncated)? {
        *stderr = None;
    }
    Ok(())
}

/// Takes one portion; false at the end.
fn take(
    from: Option<&mut impl Read>,
    to: &mut Vec<u8>,
    most: usize,
    truncated: &mut bool,
) -> io::Result<bool> {
    let Some(from) = from else { return Ok(false) };
    let mut chunk = [0; 8192];
    let length = from.read(&mut chunk)?;
    let kept = length.min(most.saturating_sub(to.len()));
    to.extend_from_slice(&chunk[..kept]);
    *truncated |= kept < length;
    Ok(length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: u64) -> Done {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        let job = Job {
            argv: &argv,
            environment: &BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
            directory: Path::new("/"),
            limit: Duration::from_millis(limit),
            output_max: 64,
        };
        run(&job, &AtomicBool::new(false)).unwrap()
    }

    #[test]
    fn output_and_exit_are_told_apart_and_bounded() {
        let done = shell("echo out; echo err >&2; exit 3", 10_000);
        assert_eq!(
            (done.code, done.stdout.as_slice(), done.stderr.as_slice()),
            (Some(3), &b"out\n"[..], &b"err\n"[..])
        );
        let done = shell("head -c 100000 /dev/zero", 10_000);
        assert_eq!((done.code, done.stdout.len(), done.truncated), (Some(0), 64, true));
    }

    #[test]
    fn its_group_ends_with_it_and_with_its_time() {
        // What stays behind keeps the output open, and is ended.
        let done = shell("sleep 1000 & echo on", 10_000);
        assert_eq!((done.code, done.stdout.as_slice(), done.timed_out), (Some(0), &b"on\n"[..], false));
        let done = shell("trap '' TERM; sleep 1000", 100);
        assert_eq!((done.code, done.timed_out), (None, true));
    }

    #[test]
    fn what_nobody_wants_any_more_is_ended() {
        let argv = ["/bin/sleep".to_owned(), "1000".into()];
        let (environment, directory, limit) = (BTreeMap::new(), Path::new("/"), Duration::from_secs(1000));
        let job = Job { argv: &argv, environment: &environment, directory, limit, output_max: 1 };
        let done = run(&job, &AtomicBool::new(true)).unwrap();
        assert_eq!((done.code, done.timed_out), (None, false));
    }
}
