//! Finding the gateway of a run whose supervisor has ended (invariant I5). What the files say only tells where
//! to look: a process is taken for that gateway when it is held by descriptor and, looked at after that, has
//! the recorded start time or the run's mark, and holds the claim on the state directory.

use std::path::Path;

use super::handle::Handle;
use super::lock::Record;
use super::tree::Mark;
use super::{process, socket, system};

/// The gateway of the run `mark` on `state_dir`, which was to listen on `port`; `None` when it has ended.
pub fn find(state_dir: &Path, mark: &Mark, port: u16) -> Option<Handle> {
    recorded(state_dir, mark).or_else(|| marked(state_dir, mark, port))
}

/// The process that the lock's record names.
fn recorded(state_dir: &Path, mark: &Mark) -> Option<Handle> {
    let record = Record::read(state_dir).filter(|record| record.nonce == mark.to_string())?;
    let handle = Handle::open(record.pid).ok()?;
    (record.is_proved(state_dir) && handle.is_alive()).then_some(handle)
}

/// The supervisor may have died before it wrote the record, or the gateway may have been followed by a process
/// of its own making: then the mark in its environment leads to it. Of several that hold the claim, the one that
/// listens is the gateway, else the one that leads a group.
fn marked(state_dir: &Path, mark: &Mark, port: u16) -> Option<Handle> {
    let mut holders: Vec<Handle> = system::pids()
        .filter(|pid| is_ours(*pid, mark))
        .filter_map(|pid| Handle::open(pid).ok())
        .filter(|handle| is_ours(handle.pid(), mark) && system::holds_lock(handle.pid(), state_dir))
        .filter(Handle::is_alive)
        .collect();
    let listeners = socket::listeners_on(port).unwrap_or_default();
    let listens = |handle: &Handle| {
        let sockets = system::sockets_of(&[handle.pid()]);
        listeners.iter().any(|listener| sockets.contains(&listener.inode))
    };
    let leads = |handle: &Handle| system::group_of(handle.pid()) == Some(u64::from(handle.pid()));
    let chosen = holders.iter().position(listens).or_else(|| holders.iter().position(leads));
    chosen.map(|index| holders.swap_remove(index))
}

/// Whether `pid` is a process of this user with the run's mark.
fn is_ours(pid: u32, mark: &Mark) -> bool {
    system::user_of(pid) == Some(process::own_user()) && mark.is_on(pid)
}
