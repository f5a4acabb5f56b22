//! Finding the real OpenClaw on this machine: pinned by the manifest, or on PATH past this very program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::npm;
use crate::base::record::Runtime;
use crate::base::{Error, Kind, Result};
use crate::host::confine::Ruleset;
use crate::host::{files, process};
use crate::profile::launch::{RealOpenclaw, node_version_ok, repair_line};
use crate::profile::resolved::RuntimeChoice;
use crate::profile::{Environment, Profile};

/// How long a program may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the real program may take to repair its configuration.
const REPAIR_TIMEOUT: Duration = Duration::from_secs(120);

/// What a profile runs.
pub enum Chosen {
    /// The gateway of this program.
    Embedded,
    /// The npm program.
    Openclaw(RealOpenclaw),
    /// The manifest's own command.
    Command,
}

impl Chosen {
    /// The word for it.
    pub fn runtime(&self) -> Runtime {
        match self {
            Chosen::Embedded => Runtime::Embedded,
            Chosen::Openclaw(_) => Runtime::Openclaw,
            Chosen::Command => Runtime::Command,
        }
    }

    /// The npm program, where it was chosen.
    pub fn installed(&self) -> Option<&RealOpenclaw> {
        match self {
            Chosen::Openclaw(installed) => Some(installed),
            Chosen::Embedded | Chosen::Command => None,
        }
    }
}

/// Decides what `profile` runs here and now.
///
/// # Errors
/// [`Kind::Unavailable`] `openclaw_missing` or `node_missing`, [`Kind::Config`] `node_too_old`.
pub fn choose(profile: &Profile, environment: &Environment) -> Result<Chosen> {
    match profile.runtime {
        RuntimeChoice::Embedded => Ok(Chosen::Embedded),
        RuntimeChoice::Command => Ok(Chosen::Command),
        RuntimeChoice::Openclaw => installed(profile, environment).map(Chosen::Openclaw),
        // A machine with an OpenClaw that cannot run is told so instead of silently getting another gateway.
        RuntimeChoice::Auto => match find_program(profile.program.as_deref(), environment) {
            Some(_) => installed(profile, environment).map(Chosen::Openclaw),
            None => Ok(Chosen::Embedded),
        },
    }
}

fn installed(profile: &Profile, environment: &Environment) -> Result<RealOpenclaw> {
    find(profile.program.as_deref(), profile.node.as_deref(), environment)
        .map_err(|error| error.profile(&profile.name))
}

/// The real OpenClaw with a Node.js that runs it: the pinned ones, else those on PATH.
///
/// # Errors
/// As [`choose`].
pub fn find(program: Option<&Path>, node: Option<&Path>, environment: &Environment) -> Result<RealOpenclaw> {
    let program = find_program(program, environment).ok_or_else(missing)?;
    let node = node_for(node, environment)?;
    let version = process::output_of(&[node.clone().into(), "--version".into()], None, None, VERSION_TIMEOUT)
        .map_err(|error| {
            Error::new(Kind::Unavailable, "node_missing", format!("{} cannot be run", node.display()))
                .caused_by(error)
        })?;
    node_version_ok(&version)?;
    Ok(RealOpenclaw { node, program })
}

/// Lets the real program repair its own configuration, once (OPENCLAW.md 2.5).
///
/// # Errors
/// [`Kind::Config`] `repair_failed` when it cannot be run or does not end in time.
pub fn repair(
    profile: &Profile,
    real: &RealOpenclaw,
    environment: &BTreeMap<String, String>,
    confined: Option<Ruleset>,
) -> Result<()> {
    let line = repair_line(profile, real);
    let said = process::output_of(&line, Some(environment), confined, REPAIR_TIMEOUT);
    let said = said.map_err(|error| {
        let name = &profile.name;
        Error::new(Kind::Config, "repair_failed", format!("the repair of `{name}` could not be run"))
            .profile(name)
            .caused_by(error)
            .remedy(format!("openclaw profile exec {name} -- openclaw doctor --fix"))
    })?;
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        tracing::info!(profile = %profile.name, line, "doctor");
    }
    Ok(())
}

fn find_program(pinned: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    if let Some(pinned) = pinned {
        return Some(pinned.to_path_buf());
    }
    let named = on_path(environment, "openclaw").find_map(|path| npm::entry(&path));
    // Whoever puts this program where the other one's link was has not removed the other one.
    named.or_else(|| folders(environment).find_map(|folder| npm::installed_beside(&folder)))
}

/// The version that the program's own package states: of the one that is pinned, else of the one on PATH. Nothing is
/// run for it.
pub fn version(pinned: Option<&Path>, environment: &Environment) -> Option<String> {
    let program = files::real_path(&find_program(pinned, environment)?);
    program.ancestors().skip(1).take(3).find_map(|folder| {
        let text = files::read(&folder.join("package.json")).ok()??;
        let package: serde_json::Value = serde_json::from_str(&text).ok()?;
        package["version"].as_str().map(str::to_owned)
    })
}

/// The command line's beginning that runs the real CLI for `profile`: the program that its manifest pins, else the one
/// that is installed, with its Node.js.
///
/// # Errors
/// [`Kind::Unavailable`] `openclaw_missing`, `node_missing`, or `openclaw_is_this` when this very program is pinned.
pub fn command_line(profile: &Profile, environment: &Environment) -> Result<Vec<OsString>> {
    let program = find_program(profile.program.as_deref(), environment).ok_or_else(missing)?;
    if files::identity(&program) == files::identity(&process::own_program()) {
        let what = format!("the manifest of `{}` names this very program as the real OpenClaw", profile.name);
        return Err(Error::new(Kind::Unavailable, "openclaw_is_this", what)
            .profile(&profile.name)
            .remedy("correct or remove [runtime] program in the manifest"));
    }
    let is_script = program.extension().is_some_and(|ending| ending == "mjs" || ending == "js");
    if !is_script {
        return Ok(vec![program.into()]);
    }
    Ok(vec![node_for(profile.node.as_deref(), environment)?.into(), program.into()])
}

fn missing() -> Error {
    Error::new(Kind::Unavailable, "openclaw_missing", "the real OpenClaw is not installed")
        .remedy("npm install -g openclaw, or put its path into [runtime] program of the manifest")
}

fn node_for(pinned: Option<&Path>, environment: &Environment) -> Result<PathBuf> {
    pinned.map(Path::to_path_buf).or_else(|| on_path(environment, "node").next()).ok_or_else(|| {
        Error::new(Kind::Unavailable, "node_missing", "the real OpenClaw needs Node.js, which is not on PATH")
            .remedy("install Node.js 24.16 or newer, or put its path into [runtime] node of the manifest")
    })
}

/// The executables called `name` on PATH, in its order.
pub fn on_path(environment: &Environment, name: &str) -> impl Iterator<Item = PathBuf> {
    let name = name.to_owned();
    folders(environment).map(move |folder| folder.join(&name)).filter(|path| files::is_executable(path))
}

/// The folders of PATH; relative ones are nobody's.
fn folders(environment: &Environment) -> impl Iterator<Item = PathBuf> {
    let path = environment.path().unwrap_or_default();
    path.split(':').filter(|dir| dir.starts_with('/')).map(PathBuf::from).collect::<Vec<_>>().into_iter()
}
