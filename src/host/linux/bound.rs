//! A child that the kernel ends with its parent.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

/// Has what `command` spawns told to end (SIGTERM) when the thread that spawns it ends, however that comes about.
pub fn end_with_parent(command: &mut Command) {
    let parent = Pid::this();
    let bind = move || {
        set_pdeathsig(Signal::SIGTERM)?;
        // The parent may have ended just before: then nobody would tell.
        if getppid() == parent { Ok(()) } else { Err(io::Error::from(io::ErrorKind::BrokenPipe)) }
    };
    // SAFETY: prctl(2) and getppid(2) are async-signal-safe, and nothing is allocated.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(bind);
    }
}
