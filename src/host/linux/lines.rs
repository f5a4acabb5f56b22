//! Command lines from `/proc`. Each costs the kernel a look into the process itself, so that those which cannot have one
//! are not asked.

use std::fs::File;
use std::io::Read;

use super::{children, pids, stat_field};
use crate::host::census::Line;

/// How much of a command line is read, in bytes: program, profile and port of a gateway come first.
const COMMAND_LINE_BYTES: usize = 16 * 1024;

/// The process that has started every thread of the kernel, where this one sees the whole host.
const THREAD_DAEMON: u32 = 2;
/// The kernel's mark of its own threads, among the flags in field 9 (proc(5)).
const IS_KERNEL_THREAD: u64 = 0x0020_0000;

/// The command lines that contain `word` anywhere; kernel threads have none.
pub fn command_lines(word: &str) -> Vec<Line> {
    let unasked = kernel_threads();
    // One buffer and mostly one read each: there are hundreds of them, and their sizes are not known before. Words
    // are made of the few that matter only.
    let mut text = vec![0; COMMAND_LINE_BYTES];
    let finder = |text: &[u8]| text.windows(word.len().max(1)).any(|window| window == word.as_bytes());
    pids()
        .filter(|pid| unasked.binary_search(pid).is_err())
        .filter_map(|pid| read(pid, &mut text).filter(|text| finder(text)).map(|text| words(pid, text)))
        .collect()
}

/// The threads of the kernel, in order: half of all processes on many a host. In a pid namespace none are shown, and
/// its second process is one like any other.
fn kernel_threads() -> Vec<u32> {
    if stat_field(THREAD_DAEMON, 9).is_none_or(|flags| flags & IS_KERNEL_THREAD == 0) {
        return Vec::new();
    }
    let mut threads = children(THREAD_DAEMON);
    threads.push(THREAD_DAEMON);
    threads.sort_unstable();
    threads
}

/// The command line of `pid`.
pub fn command_line(pid: u32) -> Option<Line> {
    read(pid, &mut vec![0; COMMAND_LINE_BYTES]).map(|text| words(pid, text))
}

fn read(pid: u32, text: &mut [u8]) -> Option<&[u8]> {
    let mut file = File::open(format!("/proc/{pid}/cmdline")).ok()?;
    let length = file.read(text).ok().filter(|length| *length > 0)?;
    text.get(..length)
}

fn words(pid: u32, text: &[u8]) -> Line {
    let words = text.split(|byte| *byte == 0);
    Line { pid, argv: words.map(|word| String::from_utf8_lossy(word).into_owned()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_has_no_command_line() {
        let threads = kernel_threads();
        assert!(!threads.contains(&std::process::id()) && !threads.contains(&1));
        let having: Vec<_> = threads.into_iter().filter_map(command_line).collect();
        assert_eq!(having, []);
    }
}
