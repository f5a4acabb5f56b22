//! Becoming another program in this very process, which keeps its number, its children and what is meant to stay open.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::notify::LISTEN_VARIABLES;

/// What goes on with a process that becomes another program.
pub struct Passed<'a> {
    /// What stays open, each under the variable that tells its number.
    pub open: &'a [(&'a str, BorrowedFd<'a>)],
    /// Further variables.
    pub told: &'a [(&'a str, &'a str)],
}

/// Replaces this process by `program` with `arguments` and this process's environment, less what a service manager
/// handed over under numbers that mean something else by now. Returns only when that failed.
pub fn become_program(program: &Path, arguments: &[&str], passed: &Passed<'_>) -> io::Error {
    let mut command = Command::new(program);
    command.args(arguments).envs(passed.told.iter().copied());
    for name in LISTEN_VARIABLES {
        command.env_remove(name);
    }
    for (variable, descriptor) in passed.open {
        if let Err(errno) = fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())) {
            return errno.into();
        }
        command.env(variable, descriptor.as_raw_fd().to_string());
    }
    command.exec()
}
