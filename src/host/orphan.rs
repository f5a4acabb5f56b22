//! Finding the gateway of a run whose supervisor has ended (invariant I5). What the files say only tells where
//! to look: a process is taken for that gateway when it is held by descriptor and, looked at after that, has
//! the recorded start time or the run's mark, and holds the claim on the state directory.

use std::path::Path;

use super::handle::Handle;
use super::lock::Record;
use super::tree::Mark;
use super::{process, system};

/// The gateway of the run `mark` on `state_dir`, made by a supervisor of `session`; `None` when it has ended.
pub fn find(state_dir: &Path, mark: &Mark, session: Option<u32>) -> Option<Handle> {
    recorded(state_dir, mark).or_else(|| marked(state_dir, mark, session))
}

/// The process that the lock's record names.
fn recorded(state_dir: &Path, mark: &Mark) -> Option<Handle> {
    let record = Record::read(state_dir).filter(|record| record.nonce == mark.to_string())?;
    let handle = Handle::open(record.pid).ok()?;
    (record.is_proved(state_dir) && handle.is_alive()).then_some(handle)
}

/// The supervisor may have died before it wrote the record: then the mark leads to it. Others carry the mark too,
/// and hold the claim as well: only the gateway itself leads a group in the session of its supervisor.
fn marked(state_dir: &Path, mark: &Mark, session: Option<u32>) -> Option<Handle> {
    let leads = |pid: u32| {
        system::group_of(pid) == Some(u64::from(pid)) && system::session_of(pid) == session.map(u64::from)
    };
    system::pids()
        .filter(|pid| is_ours(*pid, mark))
        .filter_map(|pid| Handle::open(pid).ok())
        .filter(|handle| is_ours(handle.pid(), mark) && system::holds_lock(handle.pid(), state_dir))
        .filter(|handle| leads(handle.pid()) && handle.is_alive())
        .min_by_key(|handle| system::start_time(handle.pid()))
}

/// Whether `pid` is a process of this user with the run's mark.
fn is_ours(pid: u32, mark: &Mark) -> bool {
    system::user_of(pid) == Some(process::own_user()) && mark.is_on(pid)
}
