//! Containment by control groups (cgroup version 2): each run in a group of its own, which no process leaves by
//! clearing its environment, by closing what it has open or by forking twice. The kernel lists who is in it, ends all
//! of them at once and counts their memory. `delegated` finds the part of the tree that is ours to divide; where there
//! is none, runs are known by their marks alone, as `tree` says. On macOS there never is one.

mod delegated;

pub use delegated::Containment;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

use super::clock::Stopwatch;
use super::{process, reap, system};

/// The file of a group that lists its processes; writing a pid moves that process into the group.
const PROCS: &str = "cgroup.procs";
/// How deep groups that a gateway made within its own are followed.
const DEPTH_MAX: usize = 8;

/// The group of one run. Its inode is never given to another group in the same boot, so that a group of the same
/// name that somebody made later is not taken for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    path: PathBuf,
    inode: u64,
}

impl Group {
    /// Makes the group `path`.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when somebody made it already; what the kernel says otherwise.
    fn make(path: PathBuf) -> io::Result<Group> {
        fs::create_dir(&path)?;
        let inode = fs::metadata(&path)?.ino();
        Ok(Group { path, inode })
    }

    /// The directory, held so that its name cannot come to mean another; `None` when the group is gone.
    fn held(&self) -> Option<File> {
        let held = File::open(&self.path).ok()?;
        held.metadata().is_ok_and(|meta| meta.is_dir() && meta.ino() == self.inode).then_some(held)
    }

    /// Whether it is still there.
    pub fn is_there(&self) -> bool {
        self.held().is_some()
    }

    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(below(&self.held()?).join(file)).ok()
    }

    /// Moves the child `pid`, which began at `start` (in the kernel's ticks), into the group. What it forked before
    /// stays outside. Takes the kernel milliseconds: not for the loop.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when the group is gone or the child has been collected; what the kernel says
    /// otherwise.
    pub fn take_in(&self, pid: u32, start: Option<u64>) -> io::Result<()> {
        // Until it is collected its pid is nobody else's; and nobody is collected while this is held.
        let _kept = reap::hold();
        let ours = system::parent(pid) == Some(process::own_pid()) && system::start_time(pid) == start;
        let held = self.held().filter(|_| ours).ok_or(io::ErrorKind::NotFound)?;
        fs::write(below(&held).join(PROCS), pid.to_string())
    }

    /// Who is in it or in a group below it; zombies are not.
    pub fn pids(&self) -> Vec<u32> {
        let mut found = Vec::new();
        if let Some(held) = self.held() {
            visit(&below(&held), DEPTH_MAX, &mut |folder| {
                let text = fs::read_to_string(folder.join(PROCS)).unwrap_or_default();
                found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid > 0));
            });
        }
        found
    }

    /// Ends everything in it by SIGKILL, whatever it forks meanwhile; false where the kernel cannot (before 5.14).
    pub fn kill(&self) -> bool {
        self.held().is_some_and(|held| fs::write(below(&held).join("cgroup.kill"), "1").is_ok())
    }

    /// The memory that it holds, in bytes, without the part of the page cache that the kernel would give up first;
    /// `None` where memory is not counted for it, or nobody is in it.
    pub fn memory_bytes(&self) -> Option<u64> {
        let current: u64 = self.text("memory.current")?.trim().parse().ok()?;
        let idle = self.text("memory.stat").and_then(|text| value(&text, "inactive_file")).unwrap_or(0);
        let populated = self.text("cgroup.events").and_then(|text| value(&text, "populated"));
        (populated == Some(1)).then_some(current.saturating_sub(idle))
    }

    /// How many of its processes the kernel has ended for want of memory; `None` where that is not counted for it.
    pub fn ended_for_memory(&self) -> Option<u64> {
        self.text("memory.events").and_then(|text| value(&text, "oom_kill"))
    }

    /// Takes it away, with groups that were made in it, once nobody is in it, for which it waits at most for
    /// `limit`; says whether it is gone.
    fn remove(&self, limit: Duration) -> bool {
        let clock = Stopwatch::start();
        loop {
            let Some(held) = self.held() else { return true };
            let own = below(&held);
            visit(&own, DEPTH_MAX, &mut |folder| {
                // The group itself goes by its name.
                if folder != own {
                    let _ = fs::remove_dir(folder);
                }
            });
            if fs::remove_dir(&self.path).is_ok() {
                return true;
            }
            let left = limit.saturating_sub(clock.elapsed());
            if left.is_zero() || !empties(&own, left) {
                return !self.is_there();
            }
        }
    }
}

/// The way to what is in the directory that `held` is.
fn below(held: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

/// Shows `look` each group below `folder`, the deepest first, and `folder` last.
fn visit(folder: &Path, depth: usize, look: &mut dyn FnMut(&Path)) {
    if depth > 0 {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            visit(&entry.path(), depth - 1, look);
        }
    }
    look(folder);
}

/// Waits until the last process of a group has left it, at most for `limit`; false when none was in it, or that did not
/// happen.
fn empties(folder: &Path, limit: Duration) -> bool {
    let Ok(mut events) = File::open(folder.join("cgroup.events")) else { return false };
    let mut text = String::new();
    // What is read before the wait is what a change is measured against.
    if events.read_to_string(&mut text).is_err() || value(&text, "populated") == Some(0) {
        return false;
    }
    let mut waiting = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
    matches!(poll(&mut waiting, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)), Ok(1..))
}

/// The number behind `key` in a file of lines of a key and a number.
fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that looks like a group.
    fn group(dir: &Path, files: &[(&str, &str)]) -> Group {
        let group = Group::make(dir.join("gateway-work")).unwrap();
        for (name, text) in files {
            fs::write(group.path.join(name), text).unwrap();
        }
        group
    }

    #[test]
    fn figures_are_read_from_the_groups_files() {
        let dir = tempfile::tempdir().unwrap();
        let group = group(
            dir.path(),
            &[
                ("memory.current", "9000\n"),
                ("memory.stat", "anon 5\nfile 4000\ninactive_file 3000\n"),
                ("memory.events", "low 0\noom 9\noom_kill 2\noom_group_kill 1\n"),
                ("cgroup.events", "populated 1\nfrozen 0\n"),
                ("cgroup.procs", "41\n0\n42\n"),
            ],
        );
        fs::create_dir(group.path.join("own")).unwrap();
        fs::write(group.path.join("own/cgroup.procs"), "43\n").unwrap();
        assert_eq!((group.memory_bytes(), group.ended_for_memory()), (Some(6000), Some(2)));
        assert_eq!(group.pids(), [43, 41, 42], "those of other namespaces have no pid here");
        fs::write(group.path.join("cgroup.events"), "populated 0\n").unwrap();
        assert_eq!(group.memory_bytes(), None, "the gateway is not in it yet");
        fs::remove_file(group.path.join("memory.events")).unwrap();
        assert_eq!(group.ended_for_memory(), None, "no controller");
    }

    #[test]
    fn a_group_that_another_made_under_the_same_name_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let mine = group(dir.path(), &[]);
        let aside = dir.path().join("aside");
        fs::rename(&mine.path, &aside).unwrap();
        let other = group(dir.path(), &[("cgroup.procs", "41\n"), ("cgroup.kill", "")]);
        assert!(!mine.is_there() && other.is_there());
        assert!(!mine.kill());
        assert_eq!(mine.pids(), [0; 0]);
        assert!(mine.take_in(1, None).is_err());
        assert!(mine.remove(Duration::ZERO), "it is gone");
        assert!(other.is_there());
        assert_eq!(fs::read_to_string(other.path.join("cgroup.kill")).unwrap(), "");
    }

    #[test]
    fn a_group_is_taken_away_with_those_made_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let group = group(dir.path(), &[]);
        fs::create_dir_all(group.path.join("a/b")).unwrap();
        assert!(group.remove(Duration::ZERO));
        assert!(!dir.path().join("gateway-work").exists());
    }
}
