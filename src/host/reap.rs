//! Collecting ended children. The supervisor has many, some of which it never spawned itself (orphans of a
//! gateway), so one loop over `waitpid` collects them all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::base::Exit;

/// Held while children are collected, or must not be.
static COLLECTING: Mutex<()> = Mutex::new(());

/// Lets no child be collected for as long as the answer lives: until then the pid of an ended one is nobody else's.
pub fn hold() -> MutexGuard<'static, ()> {
    COLLECTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Collects every child that has ended; empty when none has.
pub fn collect() -> Vec<(u32, Exit)> {
    let _alone = hold();
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
