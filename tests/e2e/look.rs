//! What the kernel shows of processes and files, for tests that believe nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// Sends `signal` to one process.
pub fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid as i32), signal).unwrap();
}

/// Sends `signal` to the process group that `leader` leads.
pub fn signal_group(leader: u32, signal: Signal) {
    killpg(Pid::from_raw(leader as i32), signal).unwrap();
}

/// Whether the process runs: one that has ended and waits to be reaped does not.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields[0] != "Z" && fields[0] != "X")
}

/// The fields of `/proc/PID/stat` behind the name: state, parent, group, session and so on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// The session of a process.
pub fn session(pid: u32) -> u32 {
    stat(pid).unwrap()[3].parse().unwrap()
}

/// The command line of a process, its words parted by blanks; empty when it is gone.
pub fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned()
}

/// The environment of a process as it was given to it.
pub fn environment(pid: u32) -> BTreeMap<String, String> {
    let text = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.split('\0')
        .filter_map(|var| var.split_once('='))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

/// Where a process's descriptors lead, by number.
pub fn descriptors(pid: u32) -> BTreeMap<u32, String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let target = |path: &Path| fs::read_link(path).map(|path| path.display().to_string()).unwrap_or_default();
    entries.map(|fd| (fd.file_name().to_string_lossy().parse().unwrap(), target(&fd.path()))).collect()
}

/// Everything below `root`: for each path its mode and its bytes (of a link where it leads; of a directory none).
pub fn tree(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        let bytes = if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
            Vec::new()
        } else if meta.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string().into_bytes()
        } else if meta.is_file() {
            fs::read(&path).unwrap_or_default()
        } else {
            Vec::new()
        };
        found.insert(path.display().to_string(), (meta.permissions().mode() & 0o7777, bytes));
    }
    found
}
