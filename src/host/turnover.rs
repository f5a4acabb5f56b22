//! Becoming another program in this very process, which keeps its number, its children and what is meant to stay open.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::notify::LISTEN_VARIABLES;
use super::{files, system};
use crate::base::Result;

/// What goes on with a process that becomes another program.
pub struct Passed<'a> {
    /// What stays open, each under the variable that tells its number.
    pub open: &'a [(&'a str, BorrowedFd<'a>)],
    /// Further variables.
    pub told: &'a [(&'a str, &'a str)],
}

/// Copies the file that this process is made of to `path`, mode 0700, as a whole or not at all.
///
/// # Errors
/// [`Kind::Failed`](crate::base::Kind) `file_unwritable` or `disk_full`.
pub fn keep_image(path: &Path) -> Result<()> {
    let draft = path.with_extension("draft");
    let copied = fs::copy(system::own_image(), &draft)
        .and_then(|_| fs::set_permissions(&draft, fs::Permissions::from_mode(0o700)))
        .and_then(|()| fs::rename(&draft, path));
    copied.map_err(|error| {
        files::remove(&draft);
        files::unwritable(path, error)
    })
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
