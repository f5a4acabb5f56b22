//! Collecting ended children. The supervisor has many, some of which it never spawned itself (orphans of a
//! gateway), so one loop over `waitpid` collects them all.

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::base::Exit;

/// Collects every child that has ended; empty when none has.
pub fn collect() -> Vec<(u32, Exit)> {
    let mut ended = Vec::new();
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => {
                ended.push((pid.as_raw() as u32, Exit { code: Some(code), signal: None }));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                ended.push((pid.as_raw() as u32, Exit { code: None, signal: Some(signal as i32) }));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return ended,
            // A stop or continue is not an end; an interrupted call is repeated.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return ended,
        }
    }
}
