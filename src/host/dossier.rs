//! What the kernel tells about a process that does nothing: where its threads wait, what its sockets hold, how
//! much memory it has. Each text is cut to a bound; what may not be read is left out, never guessed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::system;

/// Threads of a process that are told of.
pub(super) const THREADS_MAX: usize = 64;
/// Sockets that are told of.
pub(super) const SOCKETS_MAX: usize = 64;
/// Members of a process tree that are told of.
const MEMBERS_MAX: usize = 16;

/// A process tree as the kernel shows it at one moment.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dossier {
    /// The leader's files in `/proc` by name, each cut to 4 KiB; empty where there is no such folder.
    pub files: BTreeMap<&'static str, String>,
    /// The leader's threads, at most 64.
    pub threads: Vec<Thread>,
    /// TCP sockets on the asked port, at most 64.
    pub sockets: Vec<Socket>,
    /// The leader and what it started, at most 16.
    pub members: Vec<Relative>,
}

/// One thread.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// Its number.
    pub id: u32,
    /// Its name of at most 15 characters.
    pub name: String,
    /// The kernel's letter for its state.
    pub state: String,
    /// Where in the kernel it waits.
    pub waits_in: Option<String>,
}

/// One TCP socket.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Socket {
    /// The kernel's word for its state, for example `listen`.
    pub state: String,
    /// Bytes that wait to be sent; of a listening socket, the length that its queue may have.
    pub sending: u64,
    /// Bytes that wait to be read; of a listening socket, connections that wait to be accepted.
    pub waiting: u64,
}

/// A member of the tree.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Relative {
    /// Its pid.
    pub pid: u32,
    /// Its program, without arguments: those may hold a secret.
    pub program: Option<String>,
    /// Its memory in bytes, shared pages counted by their share where the kernel tells.
    pub memory_bytes: u64,
}

/// What is to be seen of `leader`, its tree and the TCP sockets on `port`.
pub fn of(leader: u32, port: u16) -> Dossier {
    let members = system::tree(leader).into_iter().take(MEMBERS_MAX);
    Dossier {
        files: system::status_files(leader),
        threads: system::threads(leader),
        sockets: system::sockets_on(leader, port),
        members: members
            .map(|pid| Relative {
                pid,
                program: system::program(pid),
                memory_bytes: system::share_of_memory(pid).unwrap_or_default(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_with_a_full_queue_is_told_of() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let _waiting = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let found = of(std::process::id(), port);
        assert!(found.files["status"].contains("Threads:"), "{found:?}");
        assert!(found.threads.iter().any(|thread| thread.id == std::process::id()), "{found:?}");
        let listening = found.sockets.iter().find(|socket| socket.state == "listen").unwrap();
        assert_eq!(listening.waiting, 1, "one connection is not accepted");
        assert!(found.members[0].memory_bytes > 100_000, "{found:?}");
    }

    #[test]
    fn nobody_leaves_an_empty_dossier() {
        let found = of(u32::MAX - 1, 1);
        assert!(found.files.is_empty() && found.threads.is_empty() && found.sockets.is_empty(), "{found:?}");
    }
}
