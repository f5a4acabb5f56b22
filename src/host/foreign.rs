//! The lock files of the real OpenClaw, honoured although they prove less than ours: a record of a process that
//! lives, with the start time that it says, keeps a state directory (OPENCLAW.md 2.1, 2.2).

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{files, system};

/// What matters of a lock file: a JSON object, behind which a line of white space marks the owner.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    pid: u32,
    start_time: Option<u64>,
    state_dir: Option<PathBuf>,
}

/// One lock file of the real program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// The process that it names; none when it cannot be read.
    pub pid: Option<u32>,
    /// Whether that process lives and is the same one.
    pub lives: bool,
}

/// The living process that a lock file of the real program names for `state_dir`.
pub fn owner_of(state_dir: &Path) -> Option<u32> {
    locks_of(state_dir).into_iter().find(|found| found.lives)?.pid
}

/// The lock files of the real program for `state_dir`, where this version keeps them and where older ones did.
pub fn locks_of(state_dir: &Path) -> Vec<Found> {
    let (real, folder) = (files::real_path(state_dir), format!("openclaw-{}", super::process::own_user()));
    let mut found = locks_in(&real.join("tmp").join(&folder), None);
    // Older versions kept it in the system's folder for temporary files, named by a hash of the configuration's path.
    found.extend(locks_in(&Path::new("/tmp").join(&folder), Some(&real)));
    found
}

/// The lock files in `folder`; with `meant`, only those that say they are for that state directory.
fn locks_in(folder: &Path, meant: Option<&Path>) -> Vec<Found> {
    let names = files::entries(folder).unwrap_or_default();
    let names = names.iter().filter(|name| name.starts_with("gateway.") && name.ends_with(".lock"));
    let locks = names.map(|name| folder.join(name)).filter_map(|path| {
        let lock = read(&path);
        let dir = || lock.as_ref()?.state_dir.as_deref().map(files::real_path);
        if meant.is_some() && dir().as_deref() != meant {
            return None;
        }
        // Without a start time the number alone proves nothing: it may have been given to another since.
        let lives =
            |lock: &Lock| lock.start_time.is_some() && lock.start_time == system::start_time(lock.pid);
        Some(Found { pid: lock.as_ref().map(|lock| lock.pid), lives: lock.as_ref().is_some_and(lives), path })
    });
    locks.collect()
}

fn read(path: &Path) -> Option<Lock> {
    let text = files::read(path).ok()??;
    serde_json::Deserializer::from_str(&text).into_iter::<Lock>().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(state: &Path, pid: u32, start_time: Option<u64>) {
        let folder = state.join("tmp").join(format!("openclaw-{}", crate::host::process::own_user()));
        std::fs::create_dir_all(&folder).unwrap();
        let record = serde_json::json!({ "pid": pid, "startTime": start_time, "stateDir": state, "port": 1 });
        let text = format!("{record:#}\n\t\t\t\t\t\t\t\t \t \n");
        std::fs::write(folder.join("gateway.state.lock"), text).unwrap();
    }

    #[test]
    fn a_record_of_a_living_process_counts_and_one_of_a_dead_or_recycled_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let me = std::process::id();
        assert_eq!(owner_of(dir.path()), None);
        lock(dir.path(), me, system::start_time(me));
        assert_eq!(owner_of(dir.path()), Some(me));
        for (pid, start_time) in [(me, Some(1)), (me, None), (u32::MAX - 1, Some(1))] {
            lock(dir.path(), pid, start_time);
            assert_eq!(owner_of(dir.path()), None, "{pid} {start_time:?}");
        }
    }

    #[test]
    fn garbage_keeps_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        lock(dir.path(), 1, None);
        let folder = dir.path().join("tmp").join(format!("openclaw-{}", crate::host::process::own_user()));
        for garbage in ["", "{", "[]", "{\"pid\": -1}", "null"] {
            std::fs::write(folder.join("gateway.state.lock"), garbage).unwrap();
            assert_eq!(owner_of(dir.path()), None, "{garbage:?}");
        }
    }
}
