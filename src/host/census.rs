//! What the kernel shows of other programs: command lines of all processes, details of the few that matter.
//! Works from `/proc` alone; what may not be read is `None`, never guessed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::socket::Listener;
use super::{process, system};

/// A process and its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The process.
    pub pid: u32,
    /// Program and arguments; a process that set a title has that and nothing else.
    pub argv: Vec<String>,
}

/// More about one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Its name of at most 15 characters.
    pub comm: Option<String>,
    /// Its executable.
    pub exe: Option<String>,
    /// Its environment; only the user's own may be read.
    pub environment: Option<BTreeMap<String, String>>,
    /// Its working directory.
    pub directory: Option<String>,
    /// Its cgroup file.
    pub cgroup: Option<String>,
    /// The user it runs as.
    pub uid: Option<u32>,
    /// Whether it has a network of its own; unknown counts as no.
    pub apart: bool,
    /// Whether it ended meanwhile, so that what else stands here may be the half of it.
    pub ended: bool,
}

/// The command lines that contain `word` anywhere, of all processes that this user is shown.
pub fn command_lines(word: &str) -> Vec<Line> {
    system::command_lines(word)
}

/// The command line of `pid`; `None` where it has none or is not shown.
pub fn command_line(pid: u32) -> Option<Line> {
    system::command_line(pid)
}

/// More about `pid`.
pub fn details(pid: u32) -> Details {
    system::details(pid)
}

/// Whether the kernel hides other users' processes from this one.
pub fn hides_others() -> bool {
    system::hides_others()
}

/// This process and all that it started, directly or not.
pub fn own_tree() -> Vec<u32> {
    system::tree(process::own_pid())
}

/// Those of `listeners` that `leader` or a member of its tree has open; what another user has open is not shown.
pub fn listening(leader: u32, listeners: &[Listener]) -> Vec<Listener> {
    let mine = system::sockets_of(&system::tree(leader));
    listeners.iter().filter(|listener| mine.contains(&listener.inode)).cloned().collect()
}

/// The name of user `uid`, and its number where it has none.
pub fn user(uid: Option<u32>) -> Option<String> {
    uid.and_then(process::user_name)
}

/// The home directory of user `uid`.
pub fn home_of(uid: u32) -> Option<PathBuf> {
    nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok()?.map(|user| user.dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_with_its_words_and_its_sockets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let me = std::process::id();
        let line = command_line(me).unwrap();
        assert!(!line.argv.is_empty());
        assert!(command_lines(&line.argv[0]).contains(&line));
        assert!(!command_lines("no process has this word \n").iter().any(|line| line.pid == me));
        let details = details(me);
        assert_eq!(details.uid, Some(nix::unistd::geteuid().as_raw()));
        assert!(
            !details.apart && details.environment.is_some_and(|variables| variables.contains_key("PATH"))
        );
        let all = super::super::socket::all_listeners().unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening(me, &all).iter().any(|found| found.port == port));
    }
}
