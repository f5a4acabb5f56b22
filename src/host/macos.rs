//! What macOS alone can tell, behind the same signatures as `linux.rs`: process times and families through
//! sysinfo, listeners through the `listeners` crate. There are no namespaces and no lock information, so a
//! lock's holder is proved by the lock being held and the process being alive with the recorded start time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use nix::sys::signal::Signal;
use nix::time::ClockId;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::census::{Details, Line};
use super::dossier::{Socket, Thread};
use super::socket::Listener;
use crate::base::Exit;

fn look(pids: ProcessesToUpdate<'_>, wanted: ProcessRefreshKind) -> Option<System> {
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(pids, true, wanted);
    Some(system)
}

/// Whether launchd runs this system's services.
pub const HAS_LAUNCHD: bool = true;

/// When the kernel started `pid`, in seconds since the epoch.
pub fn start_time(pid: u32) -> Option<u64> {
    let pid = Pid::from_u32(pid);
    let system = look(ProcessesToUpdate::Some(&[pid]), ProcessRefreshKind::nothing())?;
    system.process(pid).map(sysinfo::Process::start_time)
}

/// The same, if it is running.
pub fn running_since(pid: u32) -> Option<u64> {
    start_time(pid).filter(|_| is_running(pid))
}

/// How often a process had the processor: this system does not tell.
pub fn turns(_pid: u32) -> Option<u64> {
    None
}

/// How many bytes a process has read: this system tells of disks only.
pub fn bytes_moved(_pid: u32) -> Option<u64> {
    None
}

/// When this boot began; it changes with every boot.
pub fn boot_id() -> Option<String> {
    Some(System::boot_time().to_string())
}

/// There are no bind mounts here.
pub fn mount_table() -> Option<String> {
    None
}

/// macOS has one pid namespace.
pub fn pid_namespace() -> Option<String> {
    None
}

/// Whether somebody holds the lock of `dir` and `pid` lives.
pub fn holds_lock(pid: u32, dir: &Path) -> bool {
    super::process::exists(pid) && matches!(super::lock::claim(dir), Ok(super::lock::Outcome::Taken))
}

/// macOS does not tell who holds a lock.
pub fn lock_holder(_path: &Path) -> Option<u32> {
    None
}

/// The process that has `listener` open.
pub fn owner_of(listener: &Listener, likely: Option<u32>) -> Option<u32> {
    let owners = listeners::get_processes_by_port(listener.port).ok()?;
    let pids: Vec<u32> = owners.iter().map(|process| process.pid).collect();
    likely.filter(|pid| pids.contains(pid)).or_else(|| pids.first().copied())
}

/// Whether each of `listeners` is open in `leader` or in another member of its process group.
pub fn group_owns(listeners: &[Listener], leader: u32) -> bool {
    listeners.iter().all(|listener| owns(listener, leader))
}

fn owns(listener: &Listener, leader: u32) -> bool {
    let group = |pid: u32| nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid as i32))).ok();
    owner_of(listener, Some(leader))
        .is_some_and(|pid| pid == leader || group(pid).is_some_and(|group| group.as_raw() as u32 == leader))
}

/// `pid` and all its descendants.
pub fn tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let Some(system) = look(ProcessesToUpdate::All, ProcessRefreshKind::nothing()) else { return found };
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|pid| Pid::from_u32(*pid)) {
        next += 1;
        let children = system.processes().values().filter(|process| process.parent() == Some(parent));
        found.extend(children.map(|process| process.pid().as_u32()));
    }
    found
}

/// A path that executes this program.
pub fn own_image() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("openclaw"))
}

/// Every TCP socket that listens on `port`, or on any port when it is `None`.
///
/// # Errors
/// When the system cannot be asked.
pub fn listeners(port: Option<u16>) -> io::Result<Vec<Listener>> {
    let all = listeners::get_all().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(all
        .into_iter()
        .filter(|found| port.is_none_or(|port| found.socket.port() == port))
        .map(|found| Listener {
            address: found.socket.ip(),
            port: found.socket.port(),
            uid: user_of(found.process.pid).unwrap_or(u32::MAX),
            inode: 0,
        })
        .collect())
}

/// The program that `pid` runs.
pub fn program(pid: u32) -> Option<String> {
    let pid = Pid::from_u32(pid);
    let system = look(ProcessesToUpdate::Some(&[pid]), ProcessRefreshKind::nothing())?;
    system.process(pid).map(|process| process.name().to_string_lossy().into_owned())
}

/// The session of `pid`.
pub fn session_of(pid: u32) -> Option<u64> {
    nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(pid as i32)))
        .ok()
        .map(|session| session.as_raw() as u64)
}

/// The process group of `pid`.
pub fn group_of(pid: u32) -> Option<u64> {
    nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid as i32))).ok().map(|group| group.as_raw() as u64)
}

/// The system's allocator has no such choice.
pub fn keep_one_heap() {}

/// The system's allocator does so by itself.
pub fn give_back_memory() {}

/// The user that `pid` runs as.
pub fn user_of(pid: u32) -> Option<u32> {
    let pid = Pid::from_u32(pid);
    let wanted = ProcessRefreshKind::nothing().with_user(UpdateKind::Always);
    let system = look(ProcessesToUpdate::Some(&[pid]), wanted)?;
    system.process(pid)?.user_id().map(|user| **user)
}

/// Marks every descriptor from `first` up to be closed at the next `exec`.
pub fn close_on_exec_from(first: u32) {
    let open = fs::read_dir("/dev/fd").into_iter().flatten();
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    for descriptor in numbers.filter(|number| *number >= first as i32) {
        // SAFETY: plain fcntl(2) on a number; it only sets a flag.
        #[allow(unsafe_code)]
        unsafe {
            nix::libc::fcntl(descriptor, nix::libc::F_SETFD, nix::libc::FD_CLOEXEC);
        }
    }
}

/// How long the machine has slept since it was booted.
pub fn slept() -> Duration {
    let read = |clock| nix::time::clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    read(ClockId::CLOCK_MONOTONIC).saturating_sub(read(ClockId::CLOCK_UPTIME_RAW))
}

/// The kernel of macOS ends no child with its parent: whoever is killed by SIGKILL leaves it behind, and it ends with
/// its connection.
pub fn end_with_parent(_command: &mut Command) {}

/// macOS has no subreaper: orphans go to launchd, and only the process group is swept.
pub fn become_subreaper() {}

/// A pipe's size is the system's own affair here.
pub fn widen_pipe(_pipe: &fs::File) {}

/// Whether `pid` runs the same program file as this process.
pub fn same_program(pid: u32) -> bool {
    let pid = Pid::from_u32(pid);
    let wanted = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always);
    let system = look(ProcessesToUpdate::Some(&[pid]), wanted);
    let process = system.as_ref().and_then(|system| system.process(pid));
    process.and_then(sysinfo::Process::exe) == std::env::current_exe().ok().as_deref()
}

/// The command lines that contain `word` anywhere.
pub fn command_lines(word: &str) -> Vec<Line> {
    let wanted = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
    let Some(system) = look(ProcessesToUpdate::All, wanted) else { return Vec::new() };
    let words = |process: &sysinfo::Process| {
        process.cmd().iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<String>>()
    };
    let all =
        system.processes().values().map(|process| Line { pid: process.pid().as_u32(), argv: words(process) });
    all.filter(|line| line.argv.iter().any(|said| said.contains(word))).collect()
}

/// The command line of `pid`.
pub fn command_line(pid: u32) -> Option<Line> {
    let found = Pid::from_u32(pid);
    let wanted = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
    let system = look(ProcessesToUpdate::Some(&[found]), wanted)?;
    let words = system.process(found)?.cmd().iter().map(|word| word.to_string_lossy().into_owned());
    Some(Line { pid, argv: words.collect() }).filter(|line| !line.argv.is_empty())
}

/// macOS shows command lines of the user's own processes alone, and the names of all.
pub fn hides_others() -> bool {
    false
}

/// More about `pid`.
pub fn details(pid: u32) -> Details {
    let found = Pid::from_u32(pid);
    let wanted = ProcessRefreshKind::nothing()
        .with_exe(UpdateKind::Always)
        .with_cwd(UpdateKind::Always)
        .with_environ(UpdateKind::Always);
    let system = look(ProcessesToUpdate::Some(&[found]), wanted);
    let Some(process) = system.as_ref().and_then(|system| system.process(found)) else {
        return Details { ended: true, ..Details::default() };
    };
    let pairs = process.environ().iter().filter_map(|pair| {
        pair.to_str()?.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    });
    Details {
        comm: Some(process.name().to_string_lossy().into_owned()),
        exe: process.exe().map(|path| path.display().to_string()),
        environment: Some(pairs.collect()).filter(|all: &std::collections::BTreeMap<_, _>| !all.is_empty()),
        directory: process.cwd().map(|path| path.display().to_string()),
        cgroup: None,
        uid: user_of(pid),
        apart: false,
        ended: false,
    }
}

/// macOS gives sockets no number that could be compared.
pub fn sockets_of(_pids: &[u32]) -> Vec<u32> {
    Vec::new()
}

/// A kernel queue that becomes readable when `pid` ends.
///
/// # Errors
/// `ESRCH` when there is no such process; what the kernel says otherwise.
pub fn open_process(pid: u32) -> io::Result<OwnedFd> {
    let queue = Kqueue::new()?;
    let flags = EvFlags::EV_ADD | EvFlags::EV_ONESHOT;
    let end = KEvent::new(pid as usize, EventFilter::EVFILT_PROC, flags, FilterFlag::NOTE_EXIT, 0, 0);
    queue.kevent(&[end], &mut [], None)?;
    Ok(queue.into())
}

/// Nobody but the parent is told here.
pub fn exit_of(_queue: &OwnedFd, _pid: u32) -> Option<Exit> {
    None
}

/// Sends `signal` to the process that `queue` waits for, unless it has ended.
///
/// # Errors
/// `ESRCH` when it has ended; what the kernel says otherwise.
pub fn signal_process(queue: &OwnedFd, pid: u32, signal: Signal) -> io::Result<()> {
    let mut waiting = [PollFd::new(queue.as_fd(), PollFlags::POLLIN)];
    if poll(&mut waiting, PollTimeout::ZERO)? > 0 {
        return Err(Errno::ESRCH.into());
    }
    Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), signal)?)
}

/// There is no `/proc` here.
pub fn status_files(_pid: u32) -> BTreeMap<&'static str, String> {
    BTreeMap::new()
}

/// macOS shows the threads of another process to debuggers only.
pub fn threads(_pid: u32) -> Vec<Thread> {
    Vec::new()
}

/// macOS does not tell what the sockets of another process hold.
pub fn sockets_on(_pid: u32, _port: u16) -> Vec<Socket> {
    Vec::new()
}

/// The resident memory of `pid` in bytes.
pub fn share_of_memory(pid: u32) -> Option<u64> {
    let pid = Pid::from_u32(pid);
    let system = look(ProcessesToUpdate::Some(&[pid]), ProcessRefreshKind::nothing().with_memory())?;
    system.process(pid).map(sysinfo::Process::memory)
}

/// The resident memory of `pid` in bytes.
pub fn resident(pid: u32) -> Option<u64> {
    share_of_memory(pid)
}

/// The value of `name` in the environment that `pid` began with.
pub fn variable_of(pid: u32, name: &str) -> Option<String> {
    details(pid).environment?.remove(name)
}

/// The children of `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    let Some(system) = look(ProcessesToUpdate::All, ProcessRefreshKind::nothing()) else { return Vec::new() };
    let parent = Some(Pid::from_u32(pid));
    system
        .processes()
        .values()
        .filter(|child| child.parent() == parent)
        .map(|child| child.pid().as_u32())
        .collect()
}

/// All pids.
pub fn pids() -> impl Iterator<Item = u32> {
    let system = look(ProcessesToUpdate::All, ProcessRefreshKind::nothing());
    let pids = system.map(|system| system.processes().keys().map(|pid| pid.as_u32()).collect::<Vec<_>>());
    pids.unwrap_or_default().into_iter()
}

/// Whether `pid` is there and has not ended.
pub fn is_running(pid: u32) -> bool {
    let pid = Pid::from_u32(pid);
    let system = look(ProcessesToUpdate::Some(&[pid]), ProcessRefreshKind::nothing());
    system
        .as_ref()
        .and_then(|system| system.process(pid))
        .is_some_and(|process| process.status() != sysinfo::ProcessStatus::Zombie)
}

/// macOS does not count them.
pub fn ended_for_memory() -> Option<u64> {
    None
}

/// macOS has no control groups.
pub fn is_delegated(_group: &Path) -> bool {
    false
}

/// macOS has its own order.
pub fn spare_me_before(_pid: u32) {}

/// macOS knows no such bond, and nothing is confined there; `None` when `pid` is not there.
pub fn gains_nothing(pid: u32) -> Option<bool> {
    is_running(pid).then_some(false)
}

/// The parent of `pid`.
pub fn parent(pid: u32) -> Option<u32> {
    let pid = Pid::from_u32(pid);
    let system = look(ProcessesToUpdate::Some(&[pid]), ProcessRefreshKind::nothing())?;
    system.process(pid).and_then(sysinfo::Process::parent).map(|parent| parent.as_u32())
}

/// macOS tells this to the administrator alone.
pub fn connected_users(_client: std::net::SocketAddr, _other: std::net::SocketAddr) -> Option<Vec<u32>> {
    None
}
