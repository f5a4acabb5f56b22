//! A process that lives for one call of this program and never longer, and whose words are kept.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::bound::Bound;

/// Most of its words that are kept, in bytes: the last ones.
const WORDS_MAX: usize = 16 * 1024;

/// The process; it ends with its value.
#[derive(Debug)]
pub struct Companion {
    bound: Bound,
    words: Vec<u8>,
}

impl Companion {
    /// Spawns `argv` in `environment`. What it prints on standard error is kept, the rest lost. To be called on a thread
    /// that lives as long as it shall.
    ///
    /// # Errors
    /// What the kernel says, for example that the program is missing.
    pub fn spawn(argv: &[OsString], environment: &BTreeMap<String, String>) -> io::Result<Companion> {
        let (program, arguments) =
            argv.split_first().ok_or_else(|| io::Error::other("the command line is empty"))?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment).stdout(Stdio::null()).stderr(Stdio::piped());
        let bound = Bound::spawn(command)?;
        if let Some(errors) = &bound.child.stderr {
            fcntl(errors, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Companion { bound, words: Vec::new() })
    }

    /// Its pid, which no other process gets while this value lives.
    pub fn pid(&self) -> u32 {
        self.bound.pid()
    }

    /// Whether it has not ended yet.
    pub fn is_alive(&self) -> bool {
        self.bound.is_alive()
    }

    /// The last lines that it printed on standard error by now. It must be asked now and then: what nobody reads
    /// stops it in the end.
    pub fn lines(&mut self) -> Vec<String> {
        let mut chunk = [0; 4096];
        if let Some(errors) = &mut self.bound.child.stderr {
            while let Ok(length @ 1..) = errors.read(&mut chunk) {
                self.words.extend_from_slice(&chunk[..length]);
            }
        }
        let surplus = self.words.len().saturating_sub(WORDS_MAX);
        self.words.drain(..surplus);
        String::from_utf8_lossy(&self.words).lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        let clock = Stopwatch::start();
        while companion.is_alive() {
            assert!(clock.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::yield_now();
        }
        assert_eq!((companion.lines(), companion.is_alive()), (vec!["one".into(), "two".into()], false));
    }
}
