//! All processes of one run, also those that left its process group: children with a session of their own,
//! daemons that forked twice, holders of its claim.
//!
//! A gateway gets a mark in its environment, which its children inherit. A process belongs to a run when it
//! carries its mark, when it descends from one that does, when it was seen in the run's tree before, or when it
//! descends from this process and holds the claim, or when it is in the run's own group (`cgroup`). One that carries another run's mark never does. Each is
//! looked at only after it was opened, and signalled through what was opened: a recycled pid is never hit (I4).

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use super::cgroup::Group;
use super::handle::Handle;
use super::{clock::Stopwatch, files, process, system};

/// The variable that carries the mark.
pub const MARK_VARIABLE: &str = "OPENCLAW_RUN";

/// Looks at a run that forks while it is being ended, before it is left to the next deadline.
const ROUNDS: usize = 8;

/// The mark of one run: its state directory and a random part, new for each run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark(String);

impl Mark {
    /// A new mark for a run on `state_dir`; `None` when there is no such directory.
    pub fn new(state_dir: &Path) -> Option<Mark> {
        Some(Mark(format!("{}{}", prefix(state_dir)?, uuid::Uuid::new_v4())))
    }

    /// Whether `pid` was started with it.
    pub fn is_on(&self, pid: u32) -> bool {
        system::variable_of(pid, MARK_VARIABLE).is_some_and(|mark| mark == self.0)
    }

    /// The variable for the run's leader.
    pub fn variable(&self) -> (String, String) {
        (MARK_VARIABLE.to_owned(), self.0.clone())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What all marks of runs on `state_dir` begin with.
fn prefix(state_dir: &Path) -> Option<String> {
    files::identity(state_dir).map(|(device, inode)| format!("{device:x}-{inode:x}."))
}

/// A process that belongs to a run.
#[derive(Debug)]
pub struct Member {
    /// Its pid, for words to people.
    pub pid: u32,
    /// The process itself.
    pub handle: Handle,
}

/// One run, followed wherever its processes go.
#[derive(Clone, Debug)]
pub struct Track {
    mark: Mark,
    state_dir: PathBuf,
    /// Members seen so far, by pid and start time.
    known: BTreeSet<(u32, u64)>,
    /// The group that holds it, where it has one.
    group: Option<Group>,
    /// Whether its orphans came to another process, so that all processes have to be looked at.
    everywhere: bool,
}

impl Track {
    /// A run on `state_dir` that this process spawns with `mark`.
    pub fn new(mark: Mark, state_dir: &Path) -> Track {
        Track {
            mark,
            state_dir: state_dir.to_owned(),
            known: BTreeSet::new(),
            group: None,
            everywhere: false,
        }
    }

    /// A run on `state_dir` that an earlier supervisor spawned with `mark`.
    pub fn adopted(mark: Mark, state_dir: &Path) -> Track {
        Track { everywhere: true, ..Track::new(mark, state_dir) }
    }

    /// The same run, held by `group` where it has one.
    pub fn within(self, group: Option<Group>) -> Track {
        Track { group, ..self }
    }

    /// The group that holds it, where it has one.
    pub fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// Remembers who is in the tree of `leader` now. What clears its environment, closes everything and lets go of
    /// its parent is known by this alone.
    pub fn note(&mut self, leader: u32) {
        self.known.retain(|(pid, start)| system::start_time(*pid) == Some(*start));
        let tree = system::tree(leader).into_iter();
        self.known.extend(tree.filter_map(|pid| Some((pid, system::start_time(pid)?))));
    }

    /// Who lives and belongs to the run, its leader included.
    pub fn members(&self) -> Vec<Member> {
        let mut found = self.look();
        // The kernel may pass over a child when another ends at that moment; who was found twice counts once.
        for member in self.contained().into_iter().chain(self.look()) {
            if found.iter().all(|known| known.pid != member.pid) {
                found.push(member);
            }
        }
        found
    }

    /// The process to which the run's leader, which ran `argv` and has ended, left its place: a member that runs the
    /// same and holds the claim. What only holds the claim, or the listening socket, was left behind.
    pub fn successor(&self, argv: &[String]) -> Option<Handle> {
        let same = |pid: u32| system::command_line(pid).is_some_and(|line| line.argv == argv);
        let mut members = self.members().into_iter();
        members.find(|member| same(member.pid) && self.holds(member.pid)).map(|member| member.handle)
    }

    /// Who is in its group.
    fn contained(&self) -> Vec<Member> {
        let Some(group) = &self.group else { return Vec::new() };
        let opened =
            group.pids().into_iter().filter_map(|pid| Some(Member { pid, handle: Handle::open(pid).ok()? }));
        let opened: Vec<Member> = opened.collect();
        if opened.is_empty() {
            return opened;
        }
        // Asked again once they are held: a pid that was given to another meanwhile is not in it.
        let still = group.pids();
        let belongs = |pid: u32| still.contains(&pid) && !self.is_foreign(pid) && system::is_running(pid);
        opened.into_iter().filter(|member| belongs(member.pid)).collect()
    }

    /// Whether `pid` is this process, or another run's. Such a one may be in the group: a supervisor that was started
    /// from a gateway, before it has moved to its own place.
    fn is_foreign(&self, pid: u32) -> bool {
        pid == process::own_pid()
            || system::variable_of(pid, MARK_VARIABLE).is_some_and(|mark| mark != self.mark.0)
    }

    fn look(&self) -> Vec<Member> {
        let mut found = Vec::new();
        if self.everywhere {
            for pid in system::pids() {
                self.visit(pid, false, 0, &mut found);
            }
        } else {
            for pid in system::children(process::own_pid()) {
                self.visit(pid, false, DEPTH_MAX, &mut found);
            }
        }
        found
    }

    /// Looks at `pid`, whose parent is a member or not, and at its descendants as deep as `depth`.
    fn visit(&self, pid: u32, inherited: bool, depth: usize, found: &mut Vec<Member>) {
        // Opened first: whatever is read from here on is read of this process, or of a later one that had to pass
        // the same test, and then the signal meets nobody.
        let Ok(handle) = Handle::open(pid) else { return };
        let mark = system::variable_of(pid, MARK_VARIABLE);
        if pid == process::own_pid() || mark.as_ref().is_some_and(|mark| *mark != self.mark.0) {
            return;
        }
        let belongs = mark.is_some() || inherited || self.is_known(pid) || (depth > 0 && self.holds(pid));
        let deeper = if belongs { DEPTH_MAX } else { depth };
        if deeper > 0 {
            for child in system::children(pid) {
                self.visit(child, belongs, depth.max(deeper) - 1, found);
            }
        }
        let first = found.iter().all(|known| known.pid != pid);
        if belongs && first && system::is_running(pid) {
            found.push(Member { pid, handle });
        }
    }

    fn is_known(&self, pid: u32) -> bool {
        system::start_time(pid).is_some_and(|start| self.known.contains(&(pid, start)))
    }

    /// Whether `pid`, a descendant of this process, holds the claim. Another descendant can hold it only by having
    /// inherited it: this process lets no second run begin before this one is over.
    fn holds(&self, pid: u32) -> bool {
        system::holds_lock(pid, &self.state_dir)
    }

    /// Signals every member; with a kill, also those that they made meanwhile. Returns the pids that were met.
    pub fn signal(&self, signal: Signal) -> Vec<u32> {
        let mut met = Vec::new();
        for round in 0..ROUNDS {
            let mut new = self.members();
            if round == 0 && signal == Signal::SIGKILL {
                self.kill_group();
            }
            new.retain(|member| !met.contains(&member.pid));
            if new.is_empty() {
                break;
            }
            for member in new {
                // One that ended meanwhile is as good as signalled.
                let _ = member.handle.signal(signal);
                met.push(member.pid);
            }
            if signal != Signal::SIGKILL {
                break;
            }
        }
        met
    }

    /// Ends all that is in its group at once, unless somebody is in there who does not belong to it.
    fn kill_group(&self) {
        let Some(group) = &self.group else { return };
        if !group.pids().iter().any(|pid| self.is_foreign(*pid)) {
            group.kill();
        }
    }
}

/// How deep a tree is followed; deeper than any that a person made.
const DEPTH_MAX: usize = 64;

/// What is left of earlier runs on `state_dir`: processes that carry a mark of it. Empty while such a run still
/// has the leader that `leader` names.
pub fn leftovers(state_dir: &Path, leader: Option<u32>) -> Vec<Member> {
    let Some(prefix) = prefix(state_dir) else { return Vec::new() };
    let marked =
        |pid: u32| system::variable_of(pid, MARK_VARIABLE).is_some_and(|mark| mark.starts_with(&prefix));
    if leader.is_some_and(marked) {
        return Vec::new();
    }
    let found = system::pids().filter(|pid| *pid != process::own_pid()).filter_map(|pid| {
        let member = Member { pid, handle: Handle::open(pid).ok()? };
        (marked(pid) && system::is_running(pid)).then_some(member)
    });
    found.collect()
}

/// Asks `members` to end, kills those that have not after `grace`, and waits as long again; gives the pids that
/// are still there.
///
/// # Errors
/// When the kernel refuses a signal.
pub fn end(members: &[Member], grace: Duration) -> io::Result<Vec<u32>> {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for member in members {
            member.handle.signal(signal)?;
        }
        let clock = Stopwatch::start();
        if members.iter().all(|member| member.handle.wait(grace.saturating_sub(clock.elapsed()))) {
            return Ok(Vec::new());
        }
    }
    let left = members.iter().filter(|member| !member.handle.wait(Duration::ZERO));
    Ok(left.map(|member| member.pid).collect())
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell that runs `script` with `mark`, and says a line once it is ready.
    fn shell(mark: Option<&Mark>, script: &str) -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.envs(mark.map(Mark::variable)).spawn().unwrap();
        let mut first = [0];
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        child
    }

    #[test]
    fn incident_c6_members_are_found_by_their_mark_and_nobody_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, other) = (Mark::new(dir.path()).unwrap(), Mark::new(dir.path()).unwrap());
        let track = Track::new(mine.clone(), dir.path());
        let read = "echo; read line";
        let mut family = [shell(Some(&mine), read), shell(Some(&other), read), shell(None, read)];
        let met: Vec<u32> = track.members().iter().map(|member| member.pid).collect();
        assert_eq!(met, [family[0].id()]);
        let left = leftovers(dir.path(), None);
        assert_eq!(left.len(), 2, "those of both runs on this directory");
        assert!(leftovers(dir.path(), Some(family[1].id())).is_empty(), "one of them is led");
        assert_eq!(track.signal(Signal::SIGKILL), met);
        assert!(left.iter().any(|member| member.handle.wait(Duration::from_secs(10))));
        assert!(track.members().is_empty(), "one that waits to be collected is no member");
        assert_eq!(end(&left, Duration::from_secs(10)).unwrap(), [0; 0]);
        assert!(family[2].try_wait().unwrap().is_none(), "a bystander lives");
        for child in &mut family {
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    #[test]
    fn one_that_was_seen_in_the_tree_is_known_without_its_mark() {
        let dir = tempfile::tempdir().unwrap();
        let mut track = Track::new(Mark::new(dir.path()).unwrap(), dir.path());
        let mut child = shell(None, "echo; read line");
        assert!(track.members().is_empty());
        track.note(child.id());
        assert_eq!(track.members().len(), 1);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(track.members().is_empty());
    }
}
