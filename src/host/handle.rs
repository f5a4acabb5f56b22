//! A hold on one process that a recycled pid cannot fool: a pidfd on Linux, a kernel queue on macOS. Who opens
//! it checks identity afterwards (start time, lock, tag), and only then signals through it (invariant I4).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::clock::Stopwatch;
use super::system;
use crate::base::Exit;

/// One process, for as long as this value lives, whatever its pid is given to later.
#[derive(Debug)]
pub struct Handle {
    pid: u32,
    descriptor: OwnedFd,
}

impl Handle {
    /// Takes hold of the process that has `pid` now.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none; what the kernel says otherwise.
    pub fn open(pid: u32) -> io::Result<Handle> {
        let descriptor = system::open_process(pid).map_err(|error| match error.raw_os_error() {
            Some(number) if number == Errno::ESRCH as i32 => io::Error::from(io::ErrorKind::NotFound),
            _ => error,
        })?;
        Ok(Handle { pid, descriptor })
    }

    /// Another hold on the same process.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn try_clone(&self) -> io::Result<Handle> {
        Ok(Handle { pid: self.pid, descriptor: self.descriptor.try_clone()? })
    }

    /// Its pid, which names it for as long as it is alive.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has not ended yet. A zombie has.
    pub fn is_alive(&self) -> bool {
        !self.wait(Duration::ZERO)
    }

    /// Waits for its end, at most for `limit`; says whether it came. For threads that may wait.
    pub fn wait(&self, limit: Duration) -> bool {
        let clock = Stopwatch::start();
        loop {
            let mut waiting = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
            let left = limit.saturating_sub(clock.elapsed());
            match poll(&mut waiting, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                // The end of a child interrupts, as a rule that of this very one.
                Err(Errno::EINTR) => {}
                answer => return matches!(answer, Ok(1..)),
            }
        }
    }

    /// Sends `signal` to this very process; one that has ended is success.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match system::signal_process(&self.descriptor, self.pid, signal) {
            Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => Ok(()),
            sent => sent,
        }
    }

    /// Completes when it has ended, and says how where the kernel tells that to others than the parent.
    ///
    /// # Errors
    /// When the kernel does not let the end be waited for.
    pub async fn ended(self) -> io::Result<Exit> {
        // SAFETY: the descriptor is owned, so it stays open and names the same thing until this is dropped.
        #[allow(unsafe_code)]
        let watched = unsafe { AsyncFd::register_with_interest(self.descriptor, Interest::READABLE) };
        let watched = watched.map_err(io::Error::from)?;
        watched.readable().await.map(drop)?;
        Ok(system::exit_of(watched.get_ref(), self.pid).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_process_is_seen_and_signals_to_it_are_harmless_then() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let (held, watched) = (Handle::open(child.id()).unwrap(), Handle::open(child.id()).unwrap());
        assert!(held.is_alive());
        held.signal(Signal::SIGTERM).unwrap();
        let exit = watched.ended().await.unwrap();
        child.wait().unwrap();
        assert_eq!(exit, Exit::signal(Signal::SIGTERM as i32));
        held.signal(Signal::SIGKILL).unwrap();
        assert_eq!(Handle::open(child.id()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
