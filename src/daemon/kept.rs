//! What the supervisor keeps about one profile, outside the profile's own directories.

use std::path::PathBuf;

use super::{adoption, evidence, journal, kept_config};
use crate::base::{ProfileName, Result};
use crate::host::files;
use crate::profile::SupervisorPaths;
use crate::profile::removal::is_rotated;

/// A profile of this name, which only a found directory can have, shares the name of the supervisor's own log.
const OWN: &str = "supervisor";

/// The files about `name` that exist: its intent, the record of its creation, captured output, the output's pipe, the copy
/// of its last good files, and what was seen of it when it hung.
///
/// # Errors
/// When the directory of logs or of evidence cannot be listed.
pub fn kept(paths: &SupervisorPaths, name: &ProfileName) -> Result<Vec<PathBuf>> {
    let log = format!("{name}.log");
    let logs = files::entries(&paths.log_dir)?.into_iter();
    let logs = logs.filter(|file| name.as_str() != OWN && file.strip_prefix(&log).is_some_and(is_rotated));
    let mut found: Vec<PathBuf> = logs.map(|file| paths.log_dir.join(file)).collect();
    let pipes = paths.sockets.iter().filter_map(|socket| Some(socket.parent()?.join(format!("{name}.out"))));
    let run = adoption::path_of(&paths.records_dir, name);
    let good = kept_config::path_of(&paths.records_dir, name);
    let records = [journal::path_of(&paths.records_dir, name), paths.creation(name), run, good];
    found.extend(evidence::kept(&paths.evidence_dir, name)?);
    found.extend(records.into_iter().chain(pipes).filter(|file| files::is_there(file)));
    Ok(found)
}
