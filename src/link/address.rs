//! Where the control socket is. The supervisor chooses once and leaves a note in its state directory, so that
//! a shell with another environment (cron, `su`, a terminal without a session) finds the same one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::unix::SOCKET_PATH_MAX;
use crate::base::Result;
use crate::host::files;

/// Name of the note.
const NOTE: &str = "supervisor.json";

/// The note's content: information only, the socket itself is the proof.
#[derive(Serialize, Deserialize)]
struct Note {
    pid: u32,
    socket: PathBuf,
}

/// The socket of a new supervisor: the first of `candidates` whose grandparent, the user's runtime directory,
/// is private and whose path is short enough; else the last one.
pub fn choose(candidates: &[PathBuf]) -> PathBuf {
    let usable = candidates.iter().find(|socket| {
        let directory = socket.parent().and_then(Path::parent);
        directory.is_some_and(files::is_private) && socket.as_os_str().len() <= SOCKET_PATH_MAX
    });
    usable.or(candidates.last()).cloned().unwrap_or_default()
}

/// Leaves the note in `state_dir`.
///
/// # Errors
/// As [`files::write_volatile`].
pub fn publish(state_dir: &Path, socket: &Path) -> Result<()> {
    let note = Note { pid: crate::host::process::own_pid(), socket: socket.to_path_buf() };
    files::write_volatile(&state_dir.join(NOTE), &(serde_json::to_string(&note).unwrap_or_default() + "\n"))
}

/// The socket that the note in `state_dir` names.
pub fn published(state_dir: &Path) -> Option<PathBuf> {
    let text = files::read(&state_dir.join(NOTE)).ok()??;
    serde_json::from_str::<Note>(&text).ok().map(|note| note.socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_directory_is_used_only_when_it_is_ours_and_short() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = dir.path().join("openclaw/supervisor.sock");
        let fallback = PathBuf::from("/state/run/supervisor.sock");
        assert_eq!(choose(&[runtime.clone(), fallback.clone()]), runtime);
        assert_eq!(choose(std::slice::from_ref(&fallback)), fallback);
        let missing = PathBuf::from("/no/such/openclaw/supervisor.sock");
        assert_eq!(choose(&[missing, fallback.clone()]), fallback);
        let long = dir.path().join("x".repeat(SOCKET_PATH_MAX)).join("supervisor.sock");
        assert_eq!(choose(&[long, fallback.clone()]), fallback);
    }

    #[test]
    fn the_note_is_found_again_and_garbage_is_no_note() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(published(dir.path()), None);
        publish(dir.path(), Path::new("/run/x.sock")).unwrap();
        assert_eq!(published(dir.path()), Some(PathBuf::from("/run/x.sock")));
        std::fs::write(dir.path().join(NOTE), "{").unwrap();
        assert_eq!(published(dir.path()), None);
    }
}
