//! What Linux alone can tell: `/proc` and the kernel's socket diagnostics.

mod bound;
mod cgroup;
mod dossier;
mod heap;
mod lines;
mod traffic;
mod tree;

pub use bound::end_with_parent;
pub use cgroup::is_delegated;
pub use dossier::{
    ended_for_memory, resident, share_of_memory, sockets_on, spare_me_before, status_files, threads,
};
pub use heap::{give_back_memory, keep_one_heap};
pub use lines::{command_line, command_lines};
pub use traffic::{bytes_moved, connected_users, turns};
pub use tree::{children, gains_nothing, is_running, parent, variable_of};

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use nix::sys::signal::Signal;
use nix::time::ClockId;

use super::census::Details;
use super::socket::Listener;
use crate::base::Exit;

/// A field of `/proc/PID/stat`, counted from 1 as proc(5) does; only fields behind the command name.
fn stat_field(pid: u32, field: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and parentheses; the last parenthesis ends it as field 2.
    text.get(text.rfind(')')? + 2..)?.split_ascii_whitespace().nth(field - 3)?.parse().ok()
}

/// Whether launchd runs this system's services.
pub const HAS_LAUNCHD: bool = false;

/// When the kernel started `pid`, in clock ticks since boot.
pub fn start_time(pid: u32) -> Option<u64> {
    stat_field(pid, 22)
}

/// When the kernel started `pid`, as [`start_time`], if it is running: see [`is_running`].
pub fn running_since(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.get(text.rfind(')')? + 2..)?.split_ascii_whitespace();
    let runs = fields.next().is_some_and(|state| !matches!(state, "Z" | "X" | "x"));
    fields.nth(18).filter(|_| runs)?.parse().ok()
}

/// The process group of `pid`.
pub fn group_of(pid: u32) -> Option<u64> {
    stat_field(pid, 5)
}

/// The kernel's id of this boot.
pub fn boot_id() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// The mounts that this process sees, a line each.
pub fn mount_table() -> Option<String> {
    fs::read_to_string("/proc/self/mountinfo").ok()
}

/// The pid namespace of this process, as the kernel names it.
pub fn pid_namespace() -> Option<String> {
    Some(fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned())
}

/// Whether `pid` has an open file description of `dir` that holds a lock.
pub fn holds_lock(pid: u32, dir: &Path) -> bool {
    let Some(wanted) = super::files::identity(dir) else { return false };
    descriptors(pid).any(|descriptor| {
        let same = fs::metadata(&descriptor).is_ok_and(|meta| (meta.dev(), meta.ino()) == wanted);
        let Some(number) = descriptor.file_name().filter(|_| same) else { return false };
        let info = Path::new("/proc").join(pid.to_string()).join("fdinfo").join(number);
        fs::read_to_string(info).is_ok_and(|text| text.contains("FLOCK"))
    })
}

/// A process that has an open file description of `path` with a lock, as far as we may look.
pub fn lock_holder(path: &Path) -> Option<u32> {
    pids().find(|pid| holds_lock(*pid, path))
}

fn descriptors(pid: u32) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// Whether `pid` has the socket `inode` open.
fn has_socket(pid: u32, inode: u32) -> bool {
    let wanted = format!("socket:[{inode}]");
    descriptors(pid).any(|fd| fs::read_link(fd).is_ok_and(|target| target.as_os_str() == wanted.as_str()))
}

/// The session of `pid`.
pub fn session_of(pid: u32) -> Option<u64> {
    stat_field(pid, 6)
}

/// All pids that `/proc` shows.
pub fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The process that has `listener` open, looking first at `likely` and then everywhere we may look.
pub fn owner_of(listener: &Listener, likely: Option<u32>) -> Option<u32> {
    likely
        .filter(|pid| has_socket(*pid, listener.inode))
        .or_else(|| pids().find(|pid| has_socket(*pid, listener.inode)))
}

/// Whether each of `listeners` is open in `leader` or in another member of its process group.
pub fn group_owns(listeners: &[Listener], leader: u32) -> bool {
    let mut missing: Vec<String> =
        listeners.iter().map(|listener| format!("socket:[{}]", listener.inode)).collect();
    let mut look = |pid: u32| {
        for target in descriptors(pid).filter_map(|descriptor| fs::read_link(descriptor).ok()) {
            missing.retain(|socket| target.as_os_str() != socket.as_str());
        }
        missing.is_empty()
    };
    look(leader) || pids().any(|pid| group_of(pid) == Some(u64::from(leader)) && look(pid))
}

/// `pid` and all its descendants.
pub fn tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(children(parent));
    }
    found
}

/// A path that executes this very program even when its file was replaced or removed.
pub fn own_image() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// Every TCP socket that listens on `port`, or on any port when it is `None`.
///
/// # Errors
/// When the kernel's socket diagnostics cannot be asked.
pub fn listeners(port: Option<u16>) -> io::Result<Vec<Listener>> {
    let wanted = |any: SocketId| SocketId { source_port: port.unwrap_or(0), ..any };
    let mut socket = netlink_sys::Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&netlink_sys::SocketAddr::new(0, 0))?;
    let mut found = dump(&socket, AF_INET, wanted(SocketId::new_v4()))?;
    // A kernel without IPv6 has no such listeners; that is no error.
    found.extend(dump(&socket, AF_INET6, wanted(SocketId::new_v6())).unwrap_or_default());
    // The kernel is asked for one port, but is free to tell of all.
    found.retain(|listener| port.is_none_or(|port| listener.port == port));
    Ok(found)
}

/// Asks the kernel for all listening TCP sockets of one address family (sock_diag(7)).
fn dump(socket: &netlink_sys::Socket, family: u8, socket_id: SocketId) -> io::Result<Vec<Listener>> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::LISTEN,
        socket_id,
    };
    let mut packet = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    packet.finalize();
    let mut buffer = vec![0; packet.buffer_len()];
    packet.serialize(&mut buffer);
    socket.send(&buffer, 0)?;

    let mut found = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(io::Error::other)?;
            let length = message.header.length as usize;
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    found.push(Listener {
                        address: response.header.socket_id.source_address,
                        port: response.header.socket_id.source_port,
                        uid: response.header.uid,
                        inode: response.header.inode,
                    })
                }
                NetlinkPayload::Done(_) => return Ok(found),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => {}
            }
            rest = rest.get(length.max(1)..).unwrap_or_default();
        }
        if datagram.is_empty() {
            return Ok(found);
        }
    }
}

/// The program that `pid` runs, as its process title or first word names it. Further words of a command
/// line may hold a secret and are never read into anything that is shown.
pub fn program(pid: u32) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first = line.split('\0').next().filter(|word| !word.is_empty()).map(Path::new);
    // A title begins with the program's name: `sshd: ana@pts/0`, `nginx: master process /usr/sbin/nginx`.
    let title =
        line.split('\0').next().and_then(|word| word.split_once(": ")).map(|(name, _)| Path::new(name));
    let first = title.or(first);
    let named = first.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    named.or_else(|| Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned()))
}

/// The user that `pid` runs as.
pub fn user_of(pid: u32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}")).ok().map(|meta| meta.uid())
}

/// Marks every descriptor from `first` up to be closed at the next `exec`.
pub fn close_on_exec_from(first: u32) {
    // SAFETY: close_range(2) takes three integers and touches no memory of ours; with CLOSE_RANGE_CLOEXEC
    // it only sets a flag, so no descriptor that Rust owns is closed behind its back.
    #[allow(unsafe_code)]
    unsafe {
        nix::libc::syscall(nix::libc::SYS_close_range, first, u32::MAX, nix::libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// How long the machine has slept since it was booted.
pub fn slept() -> Duration {
    let read = |clock| nix::time::clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    read(ClockId::CLOCK_BOOTTIME).saturating_sub(read(ClockId::CLOCK_MONOTONIC))
}

/// Makes orphaned descendants of this process its children.
pub fn become_subreaper() {
    // Fails only on kernels before 3.4; then orphans go to init as ever and only the group is swept.
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Room in a pipe for a burst of output; a quarter mebibyte keeps a hundred profiles below the user's limit.
const PIPE_BYTES: i32 = 256 * 1024;

/// Gives a pipe room for a burst of output, so that a busy supervisor does not slow the gateway.
pub fn widen_pipe(pipe: &fs::File) {
    let _ = nix::fcntl::fcntl(pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
}

/// Whether `pid` runs the same program file as this process.
pub fn same_program(pid: u32) -> bool {
    let identity = |path: String| super::files::identity(Path::new(&path));
    identity(format!("/proc/{pid}/exe")).is_some_and(|other| Some(other) == identity("/proc/self/exe".into()))
}

/// Whether `/proc` is mounted so that it hides other users' processes: the first one's command line is for all to read
/// otherwise.
pub fn hides_others() -> bool {
    fs::File::open("/proc/1/cmdline").is_err()
}

/// More about `pid`.
pub fn details(pid: u32) -> Details {
    let text = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let link = |file: &str| {
        fs::read_link(format!("/proc/{pid}/{file}")).ok().map(|path| path.to_string_lossy().into_owned())
    };
    let bytes = |file: &str| fs::read(format!("/proc/{pid}/{file}")).ok();
    // In the middle of an exec the kernel shows none for a moment.
    let environ = bytes("environ").filter(|text| !text.is_empty()).or_else(|| bytes("environ"));
    let environment = environ.map(|text| {
        let pairs = text.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        pairs.filter_map(|pair| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()))).collect()
    });
    let network = fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    Details {
        comm: text("comm").map(|name| name.trim().to_owned()),
        exe: link("exe"),
        environment,
        directory: link("cwd"),
        cgroup: text("cgroup"),
        uid: user_of(pid),
        apart: network.is_some() && network != fs::read_link("/proc/self/ns/net").ok(),
        // Read last: a process that is about to end loses its command line together with its environment.
        ended: bytes("cmdline").is_none_or(|text| text.is_empty()),
    }
}

/// A descriptor of the process `pid` itself (pidfd_open(2)).
///
/// # Errors
/// `ESRCH` when there is none; what the kernel says otherwise.
pub fn open_process(pid: u32) -> io::Result<OwnedFd> {
    let pid =
        i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).ok_or(rustix::io::Errno::SRCH)?;
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

/// How the process `pid` that `descriptor` holds ended. Until its parent has collected it `/proc` tells, afterwards
/// the descriptor; `None` when it was collected on a kernel before 6.15, which tells only the parent.
pub fn exit_of(descriptor: &OwnedFd, pid: u32) -> Option<Exit> {
    let waiting = stat_field(pid, 52).filter(|_| !is_running(pid));
    // Asked second: had the pid been given to another meanwhile, the descriptor would know.
    let status = collected(descriptor).or(waiting.map(|status| status as i32))?;
    // The kernel's own form, as of waitpid(2): a signal in the low seven bits, else a code in the next byte.
    Some(match status & 0x7f {
        0 => Exit::code((status >> 8) & 0xff),
        signal => Exit::signal(signal),
    })
}

fn collected(descriptor: &OwnedFd) -> Option<i32> {
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: the kernel writes at most the size that is part of the request's number, which is that of `info`.
    #[allow(unsafe_code)]
    unsafe {
        pidfd_get_info(descriptor.as_raw_fd(), &raw mut info).ok()?;
    }
    (info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code)
}

/// What PIDFD_GET_INFO fills in (linux/pidfd.h, first version of the structure).
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// Asks for, and says that there is, an exit status.
const PIDFD_INFO_EXIT: u64 = 1 << 3;

nix::ioctl_readwrite!(pidfd_get_info, 0xff, 11, PidfdInfo);

/// Sends `signal` to the process that `descriptor` holds (pidfd_send_signal(2)).
///
/// # Errors
/// `ESRCH` when it has ended; what the kernel says otherwise.
pub fn signal_process(descriptor: &OwnedFd, _pid: u32, signal: Signal) -> io::Result<()> {
    let signal = rustix::process::Signal::from_named_raw(signal as i32).ok_or(rustix::io::Errno::INVAL)?;
    Ok(rustix::process::pidfd_send_signal(descriptor, signal)?)
}

/// The inodes of the sockets that any of `pids` has open, as far as we may look.
pub fn sockets_of(pids: &[u32]) -> Vec<u32> {
    let sockets = pids.iter().flat_map(|pid| descriptors(*pid)).filter_map(|descriptor| {
        let target = fs::read_link(descriptor).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    });
    sockets.collect()
}
