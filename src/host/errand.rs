//! A short command that is told something on its standard input and asked for nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::PoisonError;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::process::SPAWNING;

/// Most that a command can be told, in bytes: what a pipe takes before anybody reads it.
pub const TOLD_MAX: usize = 64 * 1024;

/// Spawns `argv` in `environment` as leader of its own process group, in the root directory, with `told` and then
/// the end on its standard input; what it prints is lost. Returns its pid. It is reaped by [`super::reap`].
///
/// # Errors
/// What the kernel says, for example that the program is missing; that `told` is more than the pipe takes at once.
pub fn spawn(argv: &[OsString], environment: &BTreeMap<String, String>, told: &[u8]) -> io::Result<u32> {
    let (program, arguments) =
        argv.split_first().ok_or_else(|| io::Error::other("the command line is empty"))?;
    let (reader, writer) = io::pipe()?;
    // A system that is short of memory for pipes makes small ones, and nobody reads this one yet.
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut writer = File::from(std::os::fd::OwnedFd::from(writer));
    writer.write_all(told)?;
    drop(writer);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir("/")
        .stdin(reader)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let _alone = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(command.spawn()?.id())
}
