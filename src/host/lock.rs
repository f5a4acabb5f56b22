//! The claim on a state directory and the supervisor's own claim: `flock` on an open file description
//! (invariant I1).
//!
//! The state directory's lock sits on the directory itself, so it is keyed by device and inode, there is
//! nothing to delete, and a symlink, a bind mount or another `TMPDIR` leads to the same one. The gateway
//! inherits the open file description: the lock lives exactly as long as the gateway's process tree.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs2::FileExt;
use serde::{Deserialize, Serialize};

use super::clock::{self, Stopwatch};
use super::{files, system};
use crate::base::record::Runtime;
use crate::base::{Error, Kind, Result};

/// The record beside the lock, for people and for proof of identity; never proof of ownership by itself.
pub const RECORD_NAME: &str = "gateway.lock";

/// Distance of two looks at a lock whose holder is not seen.
const LOOK: Duration = Duration::from_millis(5);

/// A held claim. Dropping it closes this process's descriptor; the lock ends when no process has one left.
#[derive(Debug)]
pub struct Claim {
    file: File,
    path: PathBuf,
}

impl Claim {
    /// The path that was claimed.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Claim {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What [`claim`] found.
#[derive(Debug)]
pub enum Outcome {
    /// The claim is ours.
    Held(Claim),
    /// Somebody else holds it.
    Taken,
}

/// Tries to claim `path` (a directory or a file that exists) without waiting.
///
/// # Errors
/// [`Kind::Config`] `unlockable_filesystem` when the file system cannot lock, `file_unreadable` when the
/// path cannot be opened.
pub fn claim(path: &Path) -> Result<Outcome> {
    let file = File::open(path).map_err(|error| {
        Error::new(Kind::Config, "file_unreadable", format!("{} cannot be opened", path.display()))
            .caused_by(error)
            .remedy(format!("check owner and mode: ls -ld {}", path.display()))
    })?;
    claim_file(file, path)
}

/// As [`claim`], but patient with a holder that is not seen: one that dies keeps its locks for a moment after `/proc`
/// shows nothing of it any more. One that is seen is not waited for.
///
/// # Errors
/// As [`claim`].
pub fn claim_after_the_dying(path: &Path, patience: Duration) -> Result<Outcome> {
    let clock = Stopwatch::start();
    loop {
        match claim(path)? {
            Outcome::Taken if clock.elapsed() < patience && holder_of(path).is_none() => clock::pause(LOOK),
            outcome => return Ok(outcome),
        }
    }
}

/// Tries to claim the open `file` at `path` without waiting.
///
/// # Errors
/// [`Kind::Config`] `unlockable_filesystem` when the file system cannot lock.
pub fn claim_file(file: File, path: &Path) -> Result<Outcome> {
    match file.try_lock_exclusive() {
        Ok(()) => Ok(Outcome::Held(Claim { file, path: path.to_path_buf() })),
        Err(error) if error.kind() == fs2::lock_contended_error().kind() => Ok(Outcome::Taken),
        Err(error) => Err(Error::new(
            Kind::Config,
            "unlockable_filesystem",
            format!("the file system of {} cannot lock", path.display()),
        )
        .caused_by(error)
        .remedy("keep the state directory on a local disk, for example in the home directory")),
    }
}

/// A process that holds the claim on `path`, as far as we may look.
pub fn holder_of(path: &Path) -> Option<u32> {
    system::lock_holder(path)
}

/// Who runs on a state directory, as it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The profile.
    pub profile: String,
    /// The gateway's process.
    pub pid: u32,
    /// When the kernel started that process; with the pid it names one process of one boot.
    pub start_time: Option<u64>,
    /// The kernel's id of this boot.
    pub boot_id: Option<String>,
    /// The pid namespace in which `pid` counts.
    pub pid_namespace: Option<String>,
    /// The host's name.
    pub host: String,
    /// Random, new for each run.
    pub nonce: String,
    /// The gateway's port.
    pub port: u16,
    /// What the gateway is made of.
    pub runtime: Runtime,
    /// Version of the program that wrote this.
    pub version: String,
}

/// A name for a run that no other run has.
pub fn new_nonce() -> String {
    uuid::Uuid::new_v4().to_string()
}

impl Record {
    /// The record of the run `nonce` that has just begun as `pid`.
    pub fn of(profile: &str, pid: u32, port: u16, runtime: Runtime, nonce: String) -> Self {
        Record {
            profile: profile.to_owned(),
            pid,
            start_time: system::start_time(pid),
            boot_id: system::boot_id(),
            pid_namespace: system::pid_namespace(),
            host: nix::unistd::gethostname()
                .ok()
                .and_then(|name| name.into_string().ok())
                .unwrap_or_default(),
            nonce,
            port,
            runtime,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Writes it into `state_dir`, whose claim the caller holds, and takes away what dead writers left half done.
    ///
    /// # Errors
    /// As [`files::write_volatile`].
    pub fn write(&self, state_dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        files::write_volatile(&state_dir.join(RECORD_NAME), &text)?;
        let entries = files::entries(state_dir).unwrap_or_default();
        for draft in entries.iter().filter(|entry| files::is_draft_of(entry, RECORD_NAME)) {
            files::remove(&state_dir.join(draft));
        }
        Ok(())
    }

    /// Reads the record in `state_dir`; `None` when there is none, or it is no record of ours.
    pub fn read(state_dir: &Path) -> Option<Record> {
        let text = files::read(&state_dir.join(RECORD_NAME)).ok()??;
        serde_json::from_str(&text).ok()
    }

    /// Whether the process that it names lives, is the same one, and holds the claim on `state_dir`, by the
    /// kernel's own account.
    pub fn is_proved(&self, state_dir: &Path) -> bool {
        self.is_alive() && system::holds_lock(self.pid, state_dir)
    }

    /// Whether the process that it names lives and is the same one, whatever it holds.
    pub fn is_alive(&self) -> bool {
        self.boot_id == system::boot_id()
            && self.pid_namespace == system::pid_namespace()
            && self.start_time.is_some()
            && self.start_time == system::running_since(self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_claim_at_a_time_also_through_a_symlink() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("state"), dir.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let Outcome::Held(first) = claim(&real).unwrap() else { panic!("free") };
        assert!(matches!(claim(&link).unwrap(), Outcome::Taken));
        drop(first);
        assert!(matches!(claim(&link).unwrap(), Outcome::Held(_)));
    }

    #[test]
    fn a_record_is_proved_only_while_its_process_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::of("work", std::process::id(), 1, Runtime::Embedded, new_nonce());
        record.write(dir.path()).unwrap();
        let read = Record::read(dir.path()).unwrap();
        assert_eq!(read, record);
        assert!(!read.is_proved(dir.path()), "nobody holds the lock");
        let Outcome::Held(held) = claim(dir.path()).unwrap() else { panic!("free") };
        assert!(read.is_proved(dir.path()));
        let other = Record { start_time: Some(1), ..read.clone() };
        assert!(!other.is_proved(dir.path()), "a recycled pid has another start time");
        drop(held);
        assert!(!read.is_proved(dir.path()));
    }

    #[test]
    fn garbage_is_no_record() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{", "{\"pid\": -1}", "[]"] {
            std::fs::write(dir.path().join(RECORD_NAME), text).unwrap();
            assert_eq!(Record::read(dir.path()), None, "{text:?}");
        }
    }
}
