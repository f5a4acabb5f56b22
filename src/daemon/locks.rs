//! The locks of all profiles as people want to see them after an unclean end: which are held and by whom, and which
//! are left-overs that hold nobody up (INCIDENTS A6). Only looked at, never taken: a look must refuse no start.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::census::HOST_LOCK;
use crate::base::record::Holder;
use crate::base::{ProfileName, Result};
use crate::host::lock::{self, RECORD_NAME, Record};
use crate::host::{clock, files, foreign, process, slot};
use crate::profile::Registry;

/// What a lock is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockKind {
    /// A state directory; the file carries the record, the lock itself sits on the directory.
    StateDir,
    /// The host's slot for its primary gateway.
    HostSlot,
    /// One that the real OpenClaw keeps for a state directory.
    Openclaw,
    /// A record that was being written when its writer died.
    HalfWritten,
}

impl LockKind {
    /// What people call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LockKind::StateDir => "state directory",
            LockKind::HostSlot => "host's slot",
            LockKind::Openclaw => "lock of OpenClaw",
            LockKind::HalfWritten => "half-written record",
        }
    }
}

/// What can be said of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LockVerdict {
    /// Its owner lives and holds it.
    Held,
    /// Its owner is gone; the next start takes it.
    Stale,
    /// Nobody holds it, and that is as it should be.
    Free,
}

impl LockVerdict {
    /// The word used in lines and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            LockVerdict::Held => "held",
            LockVerdict::Stale => "stale",
            LockVerdict::Free => "free",
        }
    }
}

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// Its file.
    pub path: PathBuf,
    /// What it is for.
    pub kind: LockKind,
    /// Whose; none for the host's slot.
    pub profile: Option<ProfileName>,
    /// Who holds it; none where nobody does.
    pub owner: Option<Holder>,
    /// The process that the file names, alive or not.
    pub recorded_pid: Option<u32>,
    /// How long ago its file was written, in milliseconds.
    pub age_ms: Option<u64>,
    /// Whether it stands in anybody's way.
    pub verdict: LockVerdict,
}

/// The locks of every profile on this host, or of `only` one, and the host's slot.
///
/// # Errors
/// When the profiles cannot be listed. One whose files are broken is left out.
pub fn locks(registry: &Registry<'_>, only: Option<&ProfileName>) -> Result<Vec<Lock>> {
    let mut found = Vec::new();
    for (name, profile) in registry.all()? {
        let Ok(profile) = profile else { continue };
        if profile.remote.is_none() && only.is_none_or(|only| *only == name) {
            found.extend(of_profile(&name, &files::real_path(&profile.paths.state_dir)));
        }
    }
    let path = slot::path(registry.environment().get(HOST_LOCK));
    if files::is_there(&path) {
        let pid = lock::holder_of(&path);
        let verdict = if pid.is_some() { LockVerdict::Held } else { LockVerdict::Free };
        found.push(seen(path, LockKind::HostSlot, None, pid, pid, verdict));
    }
    Ok(found)
}

fn of_profile(name: &ProfileName, state_dir: &Path) -> Vec<Lock> {
    let entries = files::entries(state_dir).unwrap_or_default();
    let mut found = Vec::new();
    let path = state_dir.join(RECORD_NAME);
    let record = Record::read(state_dir);
    let named = record.as_ref().map(|record| record.pid);
    let proved = record.filter(|record| record.is_proved(state_dir)).map(|record| record.pid);
    // Whoever holds the directory without a record died, or will write one, right after it took it.
    let pid = proved.or_else(|| lock::holder_of(state_dir));
    if pid.is_some() || entries.iter().any(|entry| entry == RECORD_NAME) {
        let verdict = if pid.is_some() { LockVerdict::Held } else { LockVerdict::Stale };
        found.push(seen(path, LockKind::StateDir, Some(name), pid, named, verdict));
    }
    for entry in entries.iter().filter(|entry| files::is_draft_of(entry, RECORD_NAME)) {
        let path = state_dir.join(entry);
        found.push(seen(path, LockKind::HalfWritten, Some(name), None, None, LockVerdict::Stale));
    }
    for lock in foreign::locks_of(state_dir) {
        let verdict = if lock.lives { LockVerdict::Held } else { LockVerdict::Stale };
        let owner = lock.pid.filter(|_| lock.lives);
        found.push(seen(lock.path, LockKind::Openclaw, Some(name), owner, lock.pid, verdict));
    }
    found
}

fn seen(
    path: PathBuf,
    kind: LockKind,
    profile: Option<&ProfileName>,
    owner: Option<u32>,
    recorded_pid: Option<u32>,
    verdict: LockVerdict,
) -> Lock {
    Lock {
        age_ms: files::modified_ms(&path).map(|at| clock::epoch_ms().saturating_sub(at)),
        profile: profile.cloned(),
        owner: owner.map(|pid| process::holder(Some(pid))),
        path,
        kind,
        recorded_pid,
        verdict,
    }
}
