//! A process that is bound to this one: leader of its own group, ended with its value, and by the kernel when this
//! process dies before that. Not for the supervisor, whose one loop reaps all children.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::PoisonError;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::handle::Handle;
use super::process::{SPAWNING, signal_group};
use super::system;

/// How long it may take to end once it is told; then it is killed.
const FAREWELL: Duration = Duration::from_millis(200);

/// The process, with everything that it makes in its group.
#[derive(Debug)]
pub struct Bound {
    pub(super) child: Child,
    handle: Handle,
    /// Whether its end was collected: then its number, and that of its group, may be another's.
    collected: bool,
}

impl Bound {
    /// Spawns `command` with nothing to read. To be called on a thread that lives as long as it shall.
    ///
    /// # Errors
    /// What the kernel says, for example that the program is missing.
    pub fn spawn(mut command: Command) -> io::Result<Bound> {
        command.stdin(Stdio::null()).process_group(0);
        system::end_with_parent(&mut command);
        let mut child = {
            let _alone = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
            command.spawn()?
        };
        match Handle::open(child.id()) {
            Ok(handle) => Ok(Bound { child, handle, collected: false }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Its pid, which no other process gets while its end is not collected.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_alive(&self) -> bool {
        self.handle.is_alive()
    }

    /// How it ended, if it has; that is collected, and what it made is let go.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn collect(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        self.collected |= status.is_some();
        Ok(status)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.collected {
            return;
        }
        let _ = signal_group(self.pid(), Signal::SIGTERM);
        self.handle.wait(FAREWELL);
        let _ = signal_group(self.pid(), Signal::SIGKILL);
        if self.handle.wait(FAREWELL) {
            let _ = self.child.wait();
        }
    }
}
