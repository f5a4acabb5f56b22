//! Every service file of systemd and launchd that would run a gateway or a supervisor, of this user, of the system and,
//! where they may be read, of other users.

use std::path::{Path, PathBuf};

use crate::base::Result;
use crate::conflict::host::{FoundUnit, Scope};
use crate::host::account::Account;
use crate::host::files;
use crate::host::units::{self, SHARED_USER_FOLDERS, SYSTEM_FOLDERS, UnitFile};
use crate::profile::Environment;
use crate::service::launchd::Agent;
use crate::service::systemd::{FileKind, Reader, Unit};
use crate::service::verdict::{self, Command, Role, Verdict};

/// Folders of property lists beside a user's own.
const PLIST_FOLDERS: [(&str, Scope); 2] =
    [("/Library/LaunchAgents", Scope::User), ("/Library/LaunchDaemons", Scope::System)];
/// The folder of a user's own property lists, in the home.
pub const AGENTS: &str = "Library/LaunchAgents";
/// The folder of a user's own units, in the folder for configuration.
pub const UNITS: &str = "systemd/user";

/// Folders whose services come with the system's own packages, two hundred as a rule. Only those that name what
/// we look for are read closely; what a verdict is stays the same.
const DISTRIBUTION: [&str; 2] = ["/usr/lib/systemd", "/lib/systemd"];
/// Every spelling of the program, and its subcommand.
const MARKERS: [&str; 4] = ["openclaw", "clawdbot", "molt", "gateway"];

/// Service files of the user of `environment`, who is called `user`, and of the system.
///
/// # Errors
/// When the environment names no home.
pub fn units(environment: &Environment, user: Option<&str>) -> Result<Vec<FoundUnit>> {
    let home = environment.user_home()?;
    let own = [environment.config_home()?.join(UNITS), home.join(".local/share/systemd/user")];
    let own = environment.runtime_dir().map(|dir| dir.join(UNITS)).into_iter().chain(own);
    let shared = SHARED_USER_FOLDERS.map(PathBuf::from);
    let user_folders: Vec<PathBuf> = own.chain(shared).collect();
    let reader = Reader { home: home.to_str(), user };
    let root = Reader { home: Some("/root"), user: Some("root") };
    let user_units = units::services(&user_folders, may_matter);
    let system_units = units::services(&SYSTEM_FOLDERS.map(PathBuf::from), may_matter);
    let mut found: Vec<FoundUnit> =
        user_units.iter().filter_map(|file| from_systemd(file, Scope::User, reader)).collect();
    found.extend(system_units.iter().filter_map(|file| from_systemd(file, Scope::System, root)));
    let mine = (home.join(AGENTS), Scope::User);
    for (folder, scope) in
        PLIST_FOLDERS.map(|(folder, scope)| (PathBuf::from(folder), scope)).iter().chain([&mine])
    {
        found.extend(agents(folder, *scope, user, home.to_str()));
    }
    Ok(found)
}

/// Service files in the home of another user, as far as they may be read.
pub fn of_other(other: &Account) -> Vec<FoundUnit> {
    let (home, name) = (other.home.to_str(), Some(other.name.as_str()));
    let folders = [other.home.join(".config").join(UNITS), other.home.join(".local/share/systemd/user")];
    let reader = Reader { home, user: name };
    let files = units::services(&folders, may_matter);
    let mut found: Vec<FoundUnit> =
        files.iter().filter_map(|file| from_systemd(file, Scope::User, reader)).collect();
    found.extend(agents(&other.home.join(AGENTS), Scope::User, name, home));
    found
}

fn agents(folder: &Path, scope: Scope, user: Option<&str>, home: Option<&str>) -> Vec<FoundUnit> {
    let lists = units::plists(folder);
    lists.iter().filter_map(|(path, bytes)| from_launchd(path, bytes, scope, (user, home))).collect()
}

/// Whether a file is worth a closer look.
fn may_matter(file: &UnitFile) -> bool {
    let packaged = DISTRIBUTION.iter().any(|folder| file.path.starts_with(folder));
    !packaged || file.texts.iter().any(|text| MARKERS.iter().any(|marker| text.contains(marker)))
}

/// Whether it is ours to speak of: a gateway's, or a supervisor's.
fn concerns(verdict: &Verdict) -> bool {
    matches!(verdict.role, Role::Gateway | Role::Supervisor)
}

fn from_systemd(file: &UnitFile, scope: Scope, reader: Reader<'_>) -> Option<FoundUnit> {
    if FileKind::of(&file.name) != FileKind::Service {
        return None;
    }
    let texts: Vec<&str> = file.texts.iter().map(String::as_str).collect();
    let mut unit = Unit::read(&file.name, &texts, file.masked, reader);
    for path in unit.environment_files.clone() {
        if let Ok(Some(text)) = files::read(Path::new(&path)) {
            unit.environment_file(&text);
        }
    }
    let lines = unit.command_lines();
    let home = unit.environment.get("HOME").or(reader.home);
    let verdict = lines.iter().map(|argv| judged(argv, &unit.environment, unit.directory.as_deref(), home));
    let verdict = verdict.max_by_key(|verdict| (verdict.role == Role::Gateway, concerns(verdict)))?;
    concerns(&verdict).then(|| FoundUnit {
        name: file.name.clone(),
        scope,
        launchd: false,
        path: file.path.clone(),
        user: unit.user.clone().or_else(|| reader.user.map(str::to_owned)),
        enabled: file.enabled,
        masked: unit.masked,
        verdict,
    })
}

fn from_launchd(
    path: &Path,
    bytes: &[u8],
    scope: Scope,
    (user, home): (Option<&str>, Option<&str>),
) -> Option<FoundUnit> {
    // What is no property list runs nothing.
    let agent = Agent::read(bytes).ok()?;
    let home = home.filter(|_| agent.user.is_none());
    let verdict = judged(&agent.program, &agent.environment, agent.directory.as_deref(), home);
    concerns(&verdict).then(|| FoundUnit {
        name: agent.label,
        scope,
        launchd: true,
        path: path.to_path_buf(),
        user: agent.user.or_else(|| user.map(str::to_owned)),
        enabled: !agent.disabled,
        masked: false,
        verdict,
    })
}

/// What a command line is, its scripts read from the disk.
pub fn judged(
    argv: &[String],
    environment: &Environment,
    directory: Option<&str>,
    home: Option<&str>,
) -> Verdict {
    // A word without a folder is a command on PATH, no script of the service's own.
    let read =
        |path: &str| path.starts_with('/').then(|| files::read(Path::new(path)).ok().flatten()).flatten();
    verdict::judge(&Command { argv, environment: Some(environment), directory, home, read: &read })
}
