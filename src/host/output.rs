//! A gateway's output on its way to the supervisor: a named pipe in the run directory.
//!
//! The gateway's end is opened for reading and writing, so the pipe always has a reader: when the supervisor
//! dies, writing gives no SIGPIPE, and the next supervisor opens the same path and reads on.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::sys::stat::Mode;
use tokio::net::unix::pipe;

use super::{files, system};

/// Both ends of a run's output.
pub struct Output {
    /// For the gateway's standard output and standard error.
    pub writer: File,
    /// For the supervisor.
    pub reader: pipe::Receiver,
}

/// Makes the pipe at `path` anew, dropping what an earlier run left in it.
///
/// # Errors
/// What the kernel says.
pub fn open(path: &Path) -> io::Result<Output> {
    files::remove(path);
    nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let reader = pipe::OpenOptions::new().open_receiver(path)?;
    let writer = OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NOCTTY).open(path)?;
    system::widen_pipe(&writer);
    Ok(Output { writer, reader })
}

/// The supervisor's end of a pipe that a run of an earlier supervisor writes to.
///
/// # Errors
/// What the kernel says, for example that the pipe is gone.
pub fn reopen(path: &Path) -> io::Result<pipe::Receiver> {
    pipe::OpenOptions::new().open_receiver(path)
}

/// Reads what the pipe holds now, whether or not its readiness was announced already.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when it is empty.
pub fn read_now(reader: &pipe::Receiver, chunk: &mut [u8]) -> io::Result<usize> {
    nix::unistd::read(reader, chunk).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn writing_goes_on_when_the_reader_is_gone_and_a_new_reader_reads_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("work.out");
        let Output { mut writer, reader } = open(&path).unwrap();
        drop(reader);
        writer.write_all(b"still here\n").unwrap();
        let reader = reopen(&path).unwrap();
        reader.readable().await.unwrap();
        let mut text = [0; 32];
        let length = reader.try_read(&mut text).unwrap();
        assert_eq!(&text[..length], b"still here\n");
    }
}
