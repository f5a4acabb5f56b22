//! Processes: spawning a gateway into its own group with its claim, spawning the supervisor detached, and
//! what the kernel tells about a process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{self, Signal};
use nix::unistd::{Pid, Uid, User};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use super::clock::Stopwatch;
use super::confine::{self, Ruleset};
use super::handle::Handle;
use super::inherit::CLAIM_VARIABLE;
use super::lock::Claim;
use super::notify::{LISTEN_VARIABLES, NOTIFY_VARIABLES};
use super::tree::MARK_VARIABLE;
use super::{reap, system};
use crate::base::record::{Holder, HolderKind};

/// What to spawn as a gateway.
pub struct Spawn<'a> {
    /// Program and arguments.
    pub argv: &'a [OsString],
    /// The whole environment; nothing is inherited.
    pub environment: &'a BTreeMap<String, String>,
    /// The working directory.
    pub directory: &'a Path,
    /// Where standard output and standard error go.
    pub output: File,
    /// The claims that the gateway inherits and holds for its life.
    pub claims: &'a [Claim],
    /// Whether the first claim is its standard input too, which for such a program is no input: it closes every other
    /// descriptor that it inherits.
    pub claim_as_input: bool,
    /// What it is confined to, with everything that it starts; `None` for nothing.
    pub confined: Option<Ruleset>,
}

/// Spawns a gateway as leader of its own process group, with no terminal, nothing to read and its claims
/// open. Returns its pid. It is reaped by [`super::reap`], so no handle is kept.
///
/// # Errors
/// What the kernel says, for example that the program is missing.
pub fn spawn(spawn: Spawn<'_>) -> io::Result<u32> {
    let (program, arguments) =
        spawn.argv.split_first().ok_or_else(|| io::Error::other("the command line is empty"))?;
    let errors = spawn.output.try_clone()?;
    let input = match spawn.claims.first().filter(|_| spawn.claim_as_input) {
        Some(claim) => Stdio::from(claim.as_fd().try_clone_to_owned()?),
        None => Stdio::null(),
    };
    let mut command = Command::new(program);
    if let Some(ruleset) = spawn.confined {
        confine::confine(&mut command, ruleset.with_open(&spawn.output)?)?;
    }
    command
        .args(arguments)
        .env_clear()
        .envs(spawn.environment)
        .current_dir(spawn.directory)
        .stdin(input)
        .stdout(spawn.output)
        .stderr(errors)
        .process_group(0);
    // The claims are open to every child for this moment only, and no other child is made meanwhile. A closure
    // that ran between fork and exec would do it too, but costs a copy of the whole process first.
    let _alone = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = |keep: bool| spawn.claims.iter().try_for_each(|claim| keep_across_exec(claim, keep));
    kept(true)?;
    let child = command.spawn();
    kept(false)?;
    Ok(child?.id())
}

/// Held while a child is made, so that it inherits what is meant for it and nothing else.
pub(super) static SPAWNING: Mutex<()> = Mutex::new(());

/// Keeps `claim` open across the next `exec`, of this process or of a child, or no longer.
///
/// # Errors
/// What the kernel says.
pub fn keep_across_exec(claim: &Claim, keep: bool) -> io::Result<()> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(claim, FcntlArg::F_SETFD(flags)).map(drop).map_err(io::Error::from)
}

/// Replaces this process by `argv`; returns only when that failed.
pub fn exec(argv: &[OsString], environment: &BTreeMap<String, String>) -> io::Error {
    match argv.split_first() {
        Some((program, arguments)) => {
            Command::new(program).args(arguments).env_clear().envs(environment).exec()
        }
        None => io::Error::other("the command line is empty"),
    }
}

/// Longest answer of a program about itself that is read, in bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// What `argv` prints on standard output until it closes that, within `limit`; in `environment`, or in that of
/// this process; held to `confined`. Its exit is not waited for: in the supervisor the one loop over `waitpid` collects it,
/// elsewhere the end of this process does.
///
/// # Errors
/// What the kernel says, for example that the program is missing; [`io::ErrorKind::TimedOut`], after which it
/// is killed.
pub fn output_of(
    argv: &[OsString],
    environment: Option<&BTreeMap<String, String>>,
    confined: Option<Ruleset>,
    limit: Duration,
) -> io::Result<String> {
    spoken_by(argv, environment, confined, limit).map(|(_, text)| text)
}

/// The same, with a hold on the process, which may go on when it has nothing more to say.
///
/// # Errors
/// As [`output_of`].
pub fn spoken_by(
    argv: &[OsString],
    environment: Option<&BTreeMap<String, String>>,
    confined: Option<Ruleset>,
    limit: Duration,
) -> io::Result<(Handle, String)> {
    let (program, arguments) =
        argv.split_first().ok_or_else(|| io::Error::other("the command line is empty"))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    without_manager(&mut command);
    if let Some(environment) = environment {
        command.env_clear().envs(environment);
    }
    if let Some(ruleset) = confined {
        confine::confine(&mut command, ruleset)?;
    }
    let clock = Stopwatch::start();
    let (mut child, handle) = {
        // Until it is held its pid must stay its own.
        let _kept = reap::hold();
        let _alone = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        let handle = Handle::open(child.id())?;
        (child, handle)
    };
    let Some(mut output) = child.stdout.take() else { return Ok((handle, String::new())) };
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let left = limit.saturating_sub(clock.elapsed());
        let mut waiting = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            // Some child has ended, perhaps this one.
            Err(Errno::EINTR) => continue,
            Ok(0) => {
                let _ = child.kill();
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end in time"));
            }
            answer => answer?,
        };
        match output.read(&mut chunk)? {
            0 => return Ok((handle, String::from_utf8_lossy(&text).into_owned())),
            length => text.extend_from_slice(&chunk[..length.min(ANSWER_MAX.saturating_sub(text.len()))]),
        }
    }
}

/// Spawns `argv` as a process of its own session: closing the terminal or ending this process does not touch
/// it. `report` becomes its standard output, on which it says once whether it is up.
///
/// # Errors
/// What the kernel says.
pub fn spawn_detached(argv: &[OsString], report: OwnedFd, log: File) -> io::Result<u32> {
    let (program, arguments) =
        argv.split_first().ok_or_else(|| io::Error::other("the command line is empty"))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(report).stderr(log);
    // Started from within a gateway it must not count to that gateway's run.
    without_manager(command.env_remove(MARK_VARIABLE).env_remove(CLAIM_VARIABLE));
    // SAFETY: setsid(2) and close_range(2) are async-signal-safe and touch no memory.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(|| {
            // What the shell happened to have open would stay open for days.
            system::close_on_exec_from(3);
            nix::unistd::setsid().map(drop).map_err(io::Error::from)
        });
    }
    Ok(command.spawn()?.id())
}

/// Keeps from a child by what a service manager speaks to this process.
fn without_manager(command: &mut Command) {
    for name in NOTIFY_VARIABLES.iter().chain(&LISTEN_VARIABLES) {
        command.env_remove(name);
    }
}

/// How often `pid` has had the processor by now, where the system tells: a process that is stopped has no turns.
pub fn turns(pid: u32) -> Option<u64> {
    system::turns(pid)
}

/// How many bytes `pid` has read by now, where the system tells: of a tunnel, what passed through it both ways.
pub fn bytes_moved(pid: u32) -> Option<u64> {
    system::bytes_moved(pid)
}

/// Sends `signal` to every member of the process group that `leader` leads. A group that is gone is success.
///
/// # Errors
/// When the kernel refuses.
pub fn signal_group(leader: u32, signal: Signal) -> io::Result<()> {
    match signal::killpg(Pid::from_raw(leader as i32), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether `pid` leads a process group.
pub fn leads_group(pid: u32) -> bool {
    system::group_of(pid) == Some(u64::from(pid))
}

/// Whether the process group of `leader` has a member, zombies included.
pub fn group_exists(leader: u32) -> bool {
    signal::killpg(Pid::from_raw(leader as i32), None) != Err(Errno::ESRCH)
}

/// Whether a process `pid` exists, ours or not.
pub fn exists(pid: u32) -> bool {
    signal::kill(Pid::from_raw(pid as i32), None) != Err(Errno::ESRCH)
}

/// When the kernel started `pid`, in its own ticks; `None` when there is none.
pub fn start_time(pid: u32) -> Option<u64> {
    system::start_time(pid)
}

/// The kernel's version, as `uname -r` prints it.
pub fn kernel_release() -> Option<String> {
    System::kernel_version().ok()
}

/// The kernel's id of this boot.
pub fn boot_id() -> Option<String> {
    system::boot_id()
}

/// The pid namespace of this process, as the kernel names it.
pub fn pid_namespace() -> Option<String> {
    system::pid_namespace()
}

/// The session that this process belongs to, and with it every gateway that it spawns.
pub fn own_session() -> Option<u32> {
    nix::unistd::getsid(None).ok().map(|session| session.as_raw() as u32)
}

/// Processors that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// Makes orphaned descendants of this process its children, so that a run's leftovers can be reaped.
pub fn become_subreaper() {
    system::become_subreaper();
}

/// The path of this program for later runs: its file while that exists, else the image in memory.
pub fn own_program() -> PathBuf {
    match std::env::current_exe() {
        Ok(path) if super::files::is_executable(&path) => path,
        _ => system::own_image(),
    }
}

/// Device and inode of the file that this process is made of, whatever stands under its name by now.
pub fn own_identity() -> Option<(u64, u64)> {
    super::files::identity(&system::own_image())
}

/// This process.
pub fn own_pid() -> u32 {
    std::process::id()
}

/// The user of this process.
pub fn own_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Resident memory of this process in bytes.
pub fn own_memory() -> u64 {
    usage(&[std::process::id()]).memory_bytes
}

/// Memory of `leader` and its tree in bytes. Shared pages count in each member, and by their share where it comes to
/// that: where the sum is not well below `mark`, which is 0 for none. Then it may take milliseconds for a large one: not
/// for the loop.
pub fn memory_of_tree(leader: u32, mark: u64) -> u64 {
    let tree = system::tree(leader);
    let whole = tree.iter().filter_map(|pid| system::resident(*pid)).sum();
    if whole < mark - mark / 4 || mark == 0 {
        return whole;
    }
    tree.into_iter().filter_map(system::share_of_memory).sum()
}

/// How many processes the kernel has ended for want of memory since boot; `None` where it does not tell.
pub fn ended_for_memory() -> Option<u64> {
    system::ended_for_memory()
}

/// Lets the kernel prefer `pid` and its children to this process when memory runs out.
pub fn spare_me_before(pid: u32) {
    system::spare_me_before(pid);
}

/// What a process tree uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory of all members in bytes.
    pub memory_bytes: u64,
    /// Processor time of all members since they began, in milliseconds.
    pub cpu_ms: u64,
}

/// What `leader` and all its descendants use.
pub fn usage_of_tree(leader: u32) -> Usage {
    usage(&system::tree(leader))
}

fn usage(pids: &[u32]) -> Usage {
    let pids: Vec<sysinfo::Pid> = pids.iter().map(|pid| sysinfo::Pid::from_u32(*pid)).collect();
    let Ok(mut system) = System::new() else { return Usage::default() };
    let wanted = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, wanted);
    pids.iter().filter_map(|pid| system.process(*pid)).fold(Usage::default(), |sum, process| Usage {
        memory_bytes: sum.memory_bytes + process.memory(),
        cpu_ms: sum.cpu_ms + process.accumulated_cpu_time(),
    })
}

/// The name of user `uid`; its number where it has none.
pub fn user_name(uid: u32) -> Option<String> {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => Some(user.name),
        _ => Some(uid.to_string()),
    }
}

/// What is known of process `pid`; of nobody in particular when it is `None`.
pub fn holder(pid: Option<u32>) -> Holder {
    let program = pid.and_then(system::program);
    Holder {
        pid,
        user: pid.and_then(system::user_of).and_then(user_name),
        kind: pid.map_or(HolderKind::Unknown, |pid| kind_of(pid, program.as_deref())),
        program,
        ..Holder::default()
    }
}

/// What the program named `program` of `pid` looks like. A guess from names: good for words to people, never
/// a reason to touch anything.
pub fn kind_of(pid: u32, program: Option<&str>) -> HolderKind {
    match program {
        None => HolderKind::Unknown,
        Some("ssh") => HolderKind::SshTunnel,
        Some("docker-proxy" | "rootlessport" | "slirp4netns" | "pasta") => HolderKind::Container,
        Some("nginx" | "caddy" | "haproxy" | "traefik" | "envoy" | "socat") => HolderKind::Proxy,
        Some("openclaw-gateway") => HolderKind::Gateway,
        Some("openclaw") if system::same_program(pid) => HolderKind::EmbeddedGateway,
        Some(_) => HolderKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_counts_this_process() {
        assert!(own_memory() > 1_000_000);
        assert!(usage_of_tree(std::process::id()).memory_bytes >= 1_000_000);
        assert_eq!(usage(&[u32::MAX - 1]), Usage::default(), "nothing runs there");
    }

    #[test]
    fn a_group_that_is_gone_is_no_error() {
        assert!(!group_exists(i32::MAX as u32));
        assert!(signal_group(i32::MAX as u32, Signal::SIGTERM).is_ok());
    }

    #[test]
    fn guesses_of_kind_are_modest() {
        assert_eq!(kind_of(1, Some("ssh")), HolderKind::SshTunnel);
        assert_eq!(kind_of(1, Some("python3")), HolderKind::Other);
        assert_eq!(kind_of(1, Some("openclaw-notes")), HolderKind::Other);
        assert_eq!(kind_of(1, None), HolderKind::Unknown);
    }
}
