//! A program that this process runs for itself and stays with: what it says is read as it comes, and its end is
//! collected here. The embedded gateway's.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::unix::pipe;

use super::bound::Bound;

/// Most that is kept of either stream, in bytes; the rest is read and dropped.
pub const TOLD_MAX: usize = 256 * 1024;
/// Distance of two looks at a program that has closed its streams, and how many there are.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS: u32 = 40;

/// A running program. Dropping it ends it, with everything in its process group.
#[derive(Debug)]
pub struct Attended {
    bound: Bound,
    output: Stream,
    errors: Stream,
}

/// What a program said, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it, or it closed its streams and ran on.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

#[derive(Debug, Default)]
struct Stream {
    pipe: Option<pipe::Receiver>,
    told: Vec<u8>,
}

impl Attended {
    /// Spawns `argv` with this process's environment, nothing to read, and a process group of its own. It ends with
    /// the thread that calls this.
    ///
    /// # Errors
    /// What the kernel says, for example that the program is missing.
    pub fn spawn(argv: &[OsString]) -> io::Result<Attended> {
        let (program, arguments) =
            argv.split_first().ok_or_else(|| io::Error::other("the command line is empty"))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir("/").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut bound = Bound::spawn(command)?;
        let output = Stream::of(bound.child.stdout.take().map(OwnedFd::from))?;
        let errors = Stream::of(bound.child.stderr.take().map(OwnedFd::from))?;
        Ok(Attended { bound, output, errors })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.bound.pid()
    }

    /// Reads on until it ends. May be given up at any await and called again.
    ///
    /// # Errors
    /// When its streams cannot be read.
    pub async fn ended(&mut self) -> io::Result<Ended> {
        tokio::try_join!(self.output.exhaust(), self.errors.exhaust())?;
        let mut code = None;
        for _ in 0..LOOKS {
            if let Some(status) = self.bound.collect()? {
                code = status.code();
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Ended { code, output: self.output.text(), errors: self.errors.text() })
    }

    /// What it has said so far, both streams together.
    pub fn told(&self) -> String {
        format!("{}{}", self.errors.text(), self.output.text())
    }
}

impl Stream {
    fn of(descriptor: Option<OwnedFd>) -> io::Result<Stream> {
        let pipe = descriptor.map(pipe::Receiver::from_owned_fd).transpose()?;
        Ok(Stream { pipe, told: Vec::new() })
    }

    async fn exhaust(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        read_to_end(pipe, &mut self.told).await?;
        self.pipe = None;
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.told).into_owned()
    }
}

async fn read_to_end(pipe: &mut (impl AsyncRead + Unpin), told: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 4096];
    loop {
        match pipe.read(&mut chunk).await? {
            0 => return Ok(()),
            length => told.extend_from_slice(&chunk[..length.min(TOLD_MAX.saturating_sub(told.len()))]),
        }
    }
}

/// Runs `argv` to its end, within `limit`.
///
/// # Errors
/// What the kernel says; [`io::ErrorKind::TimedOut`], after which it is ended by force.
pub async fn run(argv: &[OsString], limit: Duration) -> io::Result<Ended> {
    let mut attended = Attended::spawn(argv)?;
    match tokio::time::timeout(limit, attended.ended()).await {
        Ok(ended) => ended,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<OsString> {
        ["/bin/sh", "-c", script].map(OsString::from).to_vec()
    }

    #[tokio::test]
    async fn both_streams_and_the_code_are_told() {
        let ended = run(&shell("echo out; echo err >&2; exit 3"), Duration::from_secs(10)).await.unwrap();
        let expected = Ended { code: Some(3), output: "out\n".into(), errors: "err\n".into() };
        assert_eq!(ended, expected);
        let missing = run(&["/nowhere/at-all".into()], Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_ended_with_its_group() {
        let stuck = shell("sleep 600 & echo $!; wait");
        let mut attended = Attended::spawn(&stuck).unwrap();
        let (leader, late) = (attended.pid(), Duration::from_millis(200));
        assert!(tokio::time::timeout(late, attended.ended()).await.is_err());
        drop(attended);
        assert!(!super::super::process::exists(leader), "collected");
        let error = run(&stuck, late).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn it_ends_with_the_thread_that_began_it() {
        let runtime = tokio::runtime::Handle::current();
        let began = std::thread::spawn(move || {
            let _entered = runtime.enter();
            Attended::spawn(&["/bin/sleep".into(), "600".into()]).unwrap()
        });
        let mut attended = began.join().unwrap();
        if cfg!(target_os = "linux") {
            let ended = tokio::time::timeout(Duration::from_secs(10), attended.ended()).await;
            assert_eq!(ended.unwrap().unwrap().code, None, "by a signal");
        }
    }
}
