//! A process that lives for one call of this program and never longer: it is ended when its value is dropped, and by
//! the kernel when this process dies before that. Not for the supervisor, whose one loop reaps all children.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::PoisonError;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use super::handle::Handle;
use super::process::{SPAWNING, signal_group};
use super::system;

/// How long it may take to end once it is told; then it is killed.
const FAREWELL: Duration = Duration::from_millis(500);
/// Most of its words that are kept, in bytes: the last ones.
const WORDS_MAX: usize = 16 * 1024;

/// The process, with everything that it makes in its group.
pub struct Companion {
    child: Child,
    handle: Handle,
    words: Vec<u8>,
}

impl Companion {
    /// Spawns `argv` in `environment` as leader of its own process group, with nothing to read. What it prints on
    /// standard error is kept, the rest lost. To be called on a thread that lives as long as it shall.
    ///
    /// # Errors
    /// What the kernel says, for example that the program is missing.
    pub fn spawn(argv: &[OsString], environment: &BTreeMap<String, String>) -> io::Result<Companion> {
        let (program, arguments) =
            argv.split_first().ok_or_else(|| io::Error::other("the command line is empty"))?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        system::end_with_parent(&mut command);
        let mut child = {
            let _alone = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
            command.spawn()?
        };
        let prepared = Handle::open(child.id()).and_then(|handle| {
            if let Some(errors) = &child.stderr {
                fcntl(errors, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            }
            Ok(handle)
        });
        match prepared {
            Ok(handle) => Ok(Companion { child, handle, words: Vec::new() }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Its pid, which no other process gets while this value lives.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_alive(&self) -> bool {
        self.handle.is_alive()
    }

    /// The last lines that it printed on standard error by now. It must be asked now and then: what nobody reads
    /// stops it in the end.
    pub fn lines(&mut self) -> Vec<String> {
        let mut chunk = [0; 4096];
        if let Some(errors) = &mut self.child.stderr {
            while let Ok(length @ 1..) = errors.read(&mut chunk) {
                self.words.extend_from_slice(&chunk[..length]);
            }
        }
        let surplus = self.words.len().saturating_sub(WORDS_MAX);
        self.words.drain(..surplus);
        String::from_utf8_lossy(&self.words).lines().map(str::to_owned).collect()
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        // Until it is reaped nobody else gets its pid, and so not its group.
        let _ = signal_group(self.pid(), Signal::SIGTERM);
        self.handle.wait(FAREWELL);
        let _ = signal_group(self.pid(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

impl fmt::Debug for Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Companion").field("pid", &self.pid()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Stopwatch;
    use super::super::process;
    use super::*;

    fn script(text: &str) -> Companion {
        let argv: Vec<OsString> = ["/bin/sh", "-c", text].iter().map(Into::into).collect();
        Companion::spawn(&argv, &BTreeMap::new()).unwrap()
    }

    /// Waits until it has printed `line`.
    fn until(companion: &mut Companion, line: &str) {
        let clock = Stopwatch::start();
        while !companion.lines().iter().any(|said| said == line) {
            assert!(clock.elapsed() < Duration::from_secs(20), "it does not say {line}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_ends_with_its_value_and_so_does_what_it_made() {
        let mut companion = script("trap '' TERM; sleep 600 & echo ready >&2; wait; wait");
        until(&mut companion, "ready");
        let pid = companion.pid();
        assert!(companion.is_alive() && process::group_exists(pid));
        drop(companion);
        // What it made is collected by another process, in its own time.
        let clock = Stopwatch::start();
        while process::group_exists(pid) {
            assert!(clock.elapsed() < Duration::from_secs(20), "also what would not end by itself");
            std::thread::yield_now();
        }
    }

    #[test]
    fn its_last_words_are_kept_when_it_has_ended() {
        let mut companion = script("echo one >&2; echo two >&2");
        assert!(companion.handle.wait(Duration::from_secs(20)));
        assert_eq!((companion.lines(), companion.is_alive()), (vec!["one".into(), "two".into()], false));
    }
}
