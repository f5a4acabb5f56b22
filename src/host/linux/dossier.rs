//! A process's waiting places, sockets and memory, read from `/proc`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;

use nix::unistd::{SysconfVar, sysconf};

use crate::host::dossier::{SOCKETS_MAX, Socket, THREADS_MAX, Thread};

/// Longest text that is kept of one file, in bytes.
const TEXT_BYTES: u64 = 4096;
/// Most that is read of a table of sockets, in bytes.
const TABLE_BYTES: u64 = 4 * 1024 * 1024;

fn text(path: &str, bytes: u64) -> Option<String> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(bytes).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The files in `/proc` that say how `pid` stands, as far as they may be read.
pub fn status_files(pid: u32) -> BTreeMap<&'static str, String> {
    let names = ["status", "wchan", "syscall", "stack"];
    names
        .into_iter()
        .filter_map(|name| Some((name, text(&format!("/proc/{pid}/{name}"), TEXT_BYTES)?)))
        .collect()
}

/// The threads of `pid`.
pub fn threads(pid: u32) -> Vec<Thread> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let ids = tasks.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.take(THREADS_MAX)
        .filter_map(|id| {
            let folder = format!("/proc/{pid}/task/{id}");
            let stat = text(&format!("{folder}/stat"), TEXT_BYTES)?;
            Some(Thread {
                id,
                name: text(&format!("{folder}/comm"), TEXT_BYTES).unwrap_or_default(),
                state: stat.get(stat.rfind(')')? + 2..)?.split(' ').next()?.to_owned(),
                waits_in: text(&format!("{folder}/wchan"), TEXT_BYTES).filter(|place| place != "0"),
            })
        })
        .collect()
}

/// The TCP sockets on `port` in the network that `pid` has.
pub fn sockets_on(pid: u32, port: u16) -> Vec<Socket> {
    let tables = ["tcp", "tcp6"].map(|table| text(&format!("/proc/{pid}/net/{table}"), TABLE_BYTES));
    let tables = tables.iter().flatten();
    tables
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|line| socket(line, port))
        .take(SOCKETS_MAX)
        .collect()
}

/// A line of `/proc/net/tcp` (proc(5)), if its local port is `port`.
fn socket(line: &str, port: u16) -> Option<Socket> {
    let mut words = line.split_whitespace().skip(1);
    let local = words.next()?.rsplit_once(':')?.1;
    if u16::from_str_radix(local, 16).ok()? != port {
        return None;
    }
    let state = words.nth(1)?;
    let (sending, waiting) = words.next()?.split_once(':')?;
    Some(Socket {
        state: state_word(state).to_owned(),
        sending: u64::from_str_radix(sending, 16).ok()?,
        waiting: u64::from_str_radix(waiting, 16).ok()?,
    })
}

fn state_word(number: &str) -> &str {
    match number {
        "01" => "established",
        "02" => "syn-sent",
        "03" => "syn-received",
        "04" => "fin-wait-1",
        "05" => "fin-wait-2",
        "06" => "time-wait",
        "08" => "close-wait",
        "09" => "last-ack",
        "0A" => "listen",
        other => other,
    }
}

/// The memory of `pid` in bytes, shared pages counted by their share; `None` when the kernel does not tell.
pub fn share_of_memory(pid: u32) -> Option<u64> {
    let rollup = text(&format!("/proc/{pid}/smaps_rollup"), TEXT_BYTES)?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The resident memory of `pid` in bytes, shared pages included: the kernel has the number ready.
pub fn resident(pid: u32) -> Option<u64> {
    let pages = text(&format!("/proc/{pid}/statm"), TEXT_BYTES)?;
    let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * u64::try_from(page).ok()?)
}

/// How many processes the kernel has ended for want of memory since boot, in any cgroup.
pub fn ended_for_memory() -> Option<u64> {
    let table = text("/proc/vmstat", TABLE_BYTES)?;
    table.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// How much more likely than this process a gateway is ended when memory runs out, in thousandths of it.
const SPARED: i32 = 200;

/// Lets the kernel prefer `pid` and what it starts to this process when memory runs out. Raising is always allowed.
pub fn spare_me_before(pid: u32) {
    let own =
        text("/proc/self/oom_score_adj", TEXT_BYTES).and_then(|own| own.parse::<i32>().ok()).unwrap_or(0);
    // It may have ended already; then there is nothing to prefer.
    let _ = fs::write(format!("/proc/{pid}/oom_score_adj"), (own + SPARED).min(1000).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_is_read_for_its_own_port_only() {
        let line =
            "   0: 0100007F:4965 00000000:0000 0A 00000080:00000003 00:00000000 00000000  0 0 1 1 0 100";
        let found = Socket { state: "listen".into(), sending: 128, waiting: 3 };
        assert_eq!(socket(line, 18789), Some(found));
        assert_eq!(socket(line, 18790), None);
        assert_eq!(socket("garbage", 1), None);
    }
}
