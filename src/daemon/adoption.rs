//! The record of a run in the supervisor's own folder, and finding that run again after the supervisor has
//! died (invariant I5). It is written before the gateway is made, so that no instant exists in which a gateway
//! runs that the next supervisor does not know of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::record::Runtime;
use crate::base::{Confinement, Error, Kind, ProfileName, Result};
use crate::host::cgroup::Group;
use crate::host::handle::Handle;
use crate::host::tree::{Mark, Track};
use crate::host::{clock, files, orphan, process};
use crate::profile::resolved::Ready;
use crate::profile::{Profile, SupervisorPaths};

/// Ending of the records' names; no profile's name has a dot, so it is nobody's intent.
const SUFFIX: &str = ".run";

/// One run, as far as the next supervisor must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// New for each run; the gateway's environment and its lock record have it too.
    pub mark: Mark,
    /// The kernel's id of the boot that it belongs to.
    pub boot_id: Option<String>,
    /// The pid namespace that it was made in.
    pub pid_namespace: Option<String>,
    /// The session of the supervisor that made it.
    pub session: Option<u32>,
    /// The directory whose claim it holds.
    pub state_dir: PathBuf,
    /// Its port.
    pub port: u16,
    /// What it is made of.
    pub runtime: Runtime,
    /// What counts as its readiness.
    pub ready: Ready,
    /// The named pipe that it writes to.
    pub pipe: PathBuf,
    /// When it was made, in milliseconds since the epoch.
    pub started_at_ms: u64,
    /// What it is confined to.
    #[serde(default)]
    pub confinement: Confinement,
    /// What is to be said of that.
    #[serde(default)]
    pub warning: Option<String>,
    /// The group that holds it, where it has one.
    #[serde(default)]
    pub group: Option<Group>,
}

impl RunRecord {
    /// A record of a run of `profile` that is about to be made; its mark is new.
    ///
    /// # Errors
    /// [`Kind::Failed`] `state_dir_vanished`.
    pub fn new(profile: &Profile, runtime: Runtime, pipe: &Path) -> Result<RunRecord> {
        let state_dir = &profile.paths.state_dir;
        let mark = Mark::new(state_dir).ok_or_else(|| {
            let message = format!("{} was there a moment ago", state_dir.display());
            Error::new(Kind::Failed, "state_dir_vanished", message).profile(&profile.name).remedy("try again")
        })?;
        Ok(RunRecord {
            mark,
            boot_id: process::boot_id(),
            pid_namespace: process::pid_namespace(),
            session: process::own_session(),
            state_dir: state_dir.to_path_buf(),
            port: profile.port,
            runtime,
            ready: profile.ready,
            pipe: pipe.to_path_buf(),
            started_at_ms: clock::epoch_ms(),
            confinement: Confinement::default(),
            warning: None,
            group: None,
        })
    }

    /// Writes it for `name` below `records`, for readers of this boot.
    ///
    /// # Errors
    /// As [`files::write_volatile`].
    pub fn write(&self, records: &Path, name: &ProfileName) -> Result<()> {
        let text = serde_json::to_string(self).unwrap_or_default() + "\n";
        files::write_volatile(&path_of(records, name), &text)
    }

    /// The gateway of this run, if it still runs, in this boot and where this supervisor can see it.
    fn find(&self) -> Option<Handle> {
        self.is_here().then(|| orphan::find(&self.state_dir, &self.mark, self.session)).flatten()
    }

    fn is_here(&self) -> bool {
        self.boot_id == process::boot_id() && self.pid_namespace == process::pid_namespace()
    }

    /// The run, followed from its record by a supervisor that did not make it.
    pub fn track(&self) -> Track {
        let group = self.group.clone().filter(|group| self.is_here() && group.is_there());
        Track::adopted(self.mark.clone(), &self.state_dir).within(group)
    }
}

/// The record of `name`'s run below `records`.
pub fn path_of(records: &Path, name: &ProfileName) -> PathBuf {
    records.join(format!("{name}{SUFFIX}"))
}

/// A run of an earlier supervisor.
#[derive(Debug)]
pub enum Found {
    /// It goes on, and this holds it.
    Alive(RunRecord, Handle),
    /// It ended while nobody watched.
    Ended(RunRecord),
}

/// Looks for every run that is recorded below `records`. A record that cannot be read is logged and passed over.
///
/// # Errors
/// When the directory itself cannot be listed.
pub fn runs(records: &Path) -> Result<Vec<(ProfileName, Found)>> {
    let names = files::entries(records)?;
    let named = names.iter().filter_map(|file| file.strip_suffix(SUFFIX)?.parse::<ProfileName>().ok());
    Ok(named
        .filter_map(|name| {
            let record = read(records, &name)?;
            let found = match record.find() {
                Some(handle) => Found::Alive(record, handle),
                None => Found::Ended(record),
            };
            Some((name, found))
        })
        .collect())
}

/// Whether a gateway of `name` runs that a supervisor made.
pub fn is_orphaned(paths: &SupervisorPaths, name: &ProfileName) -> bool {
    files::is_there(&path_of(&paths.records_dir, name))
        && read(&paths.records_dir, name).is_some_and(|record| record.find().is_some())
}

fn read(records: &Path, name: &ProfileName) -> Option<RunRecord> {
    let text = files::read(&path_of(records, name));
    let record = text.map(|text| serde_json::from_str(&text.unwrap_or_default()));
    match record {
        Ok(Ok(record)) => Some(record),
        Ok(Err(error)) => {
            tracing::warn!(profile = %name, %error, "the record of its run cannot be read");
            None
        }
        Err(error) => {
            tracing::warn!(profile = %name, %error, "the record of its run cannot be read");
            None
        }
    }
}
