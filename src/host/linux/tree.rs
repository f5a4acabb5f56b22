//! What `/proc` says of the families and marks of processes.

use std::fs::{self, File};
use std::io::Read;

/// Most that is read of an environment, in bytes; the kernel allows no single process much more.
const ENVIRONMENT_BYTES: u64 = 6 * 1024 * 1024;

/// The value of `name` in the environment that `pid` began with; `None` where it may not be read.
pub fn variable_of(pid: u32, name: &str) -> Option<String> {
    let read = || {
        let mut text = Vec::new();
        let file = File::open(format!("/proc/{pid}/environ")).ok()?;
        file.take(ENVIRONMENT_BYTES).read_to_end(&mut text).ok()?;
        (!text.is_empty()).then_some(text)
    };
    // In the middle of an exec the kernel shows none for a moment.
    let text = read().or_else(read)?;
    let value = |pair: &[u8]| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
    let found = text.split(|byte| *byte == 0).find_map(value)?;
    String::from_utf8(found).ok()
}

/// The children of `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let lists = tasks.filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Whether the kernel holds `pid` to gain no privileges (`PR_SET_NO_NEW_PRIVS`), which nothing undoes; `None` when it
/// is not there.
pub fn gains_nothing(pid: u32) -> Option<bool> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("NoNewPrivs:"))?;
    Some(value.trim() == "1")
}

/// The parent of `pid`; 0 where this process sees none.
pub fn parent(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// Whether `pid` is there and has not ended: one that only waits to be collected has.
pub fn is_running(pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = text.rfind(')').and_then(|end| text.get(end + 2..)).and_then(|rest| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X' | 'x'))
}
