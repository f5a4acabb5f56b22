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

/// The living process that a lock file of the real program names for `state_dir`, looking where this version
/// keeps it and where older ones did.
pub fn owner_of(state_dir: &Path) -> Option<u32> {
    let folder = format!("openclaw-{}", super::process::own_user());
    let current = files::real_path(state_dir).join("tmp").join(&folder);
    // Older versions kept it in the system's folder for temporary files, named by a hash of the configuration's path.
    let older = Path::new("/tmp").join(&folder);
    owner_in(&current, None).or_else(|| owner_in(&older, Some(&files::real_path(state_dir))))
}

/// The living owner that a lock file in `folder` names; with `meant`, only one that says it is for that state
/// directory.
fn owner_in(folder: &Path, meant: Option<&Path>) -> Option<u32> {
    let names = files::entries(folder).ok()?;
    let locks = names.iter().filter(|name| name.starts_with("gateway.") && name.ends_with(".lock"));
    locks.filter_map(|name| read(&folder.join(name))).find_map(|lock| {
        let ours = meant
            .is_none_or(|meant| lock.state_dir.as_deref().map(files::real_path).as_deref() == Some(meant));
        // Without a start time the number alone proves nothing: it may have been given to another since.
        let lives = lock.start_time.is_some() && lock.start_time == system::start_time(lock.pid);
        (ours && lives).then_some(lock.pid)
    })
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
