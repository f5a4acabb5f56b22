//! What a process does, as far as it can be counted, and who has a connection's other end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;

/// Lines of the table of connections that are looked at: a busy machine has thousands.
const LINES_MAX: usize = 100_000;

/// How many bytes `pid` has read (proc_pid_io(5)); what comes by `recv` is not among them.
pub fn bytes_moved(pid: u32) -> Option<u64> {
    field(&format!("/proc/{pid}/io"), "rchar:")
}

/// How often `pid` gave the processor back or lost it (proc_pid_status(5)).
pub fn turns(pid: u32) -> Option<u64> {
    let file = format!("/proc/{pid}/status");
    Some(field(&file, "voluntary_ctxt_switches:")? + field(&file, "nonvoluntary_ctxt_switches:")?)
}

fn field(file: &str, name: &str) -> Option<u64> {
    fs::read_to_string(file).ok()?.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// The users whose sockets at `client` are connected to `other`, both IPv4 (proc_net(5)); one that its process has
/// closed, or not taken yet, is nobody's. `None` when the table cannot be read.
pub fn connected_users(client: SocketAddr, other: SocketAddr) -> Option<Vec<u32>> {
    let (Some(client), Some(other)) = (written(client), written(other)) else { return Some(Vec::new()) };
    let table = BufReader::new(File::open("/proc/net/tcp").ok()?);
    let user = |line: String| {
        let words: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
        // Number, both addresses, state, queues, timer, retransmissions, user, timeout, inode.
        let [_, near, far, _, _, _, _, user, _, inode] = words[..] else { return None };
        (near == client && far == other && inode != "0").then(|| user.parse().ok()).flatten()
    };
    Some(table.lines().take(LINES_MAX).map_while(Result::ok).filter_map(user).collect())
}

fn written(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else { return None };
    Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port()))
}
