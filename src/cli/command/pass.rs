//! What this program does not speak itself: the real OpenClaw CLI gets the command line as it was typed, in the
//! environment of the selected profile. This process becomes it, so signals, terminal and exit code are its own.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::base::{Error, Kind, Result};
use crate::cli::{Context, chosen, survey};
use crate::daemon;
use crate::host::process;
use crate::profile::{Environment, Profile, child_env, own_env};

/// Says to a later process of ours that it was reached through a command line handed over: by which process, and as
/// the how many-th in a row.
pub const GUARD: &str = "OPENCLAW_HANDED_OVER";
/// How often a command line may be handed over inside one that was. The real CLI runs agents, and those may call us.
const DEPTH_MAX: u32 = 8;

/// Hands `argv` over; returns only when that failed. An error calls the command `name`.
///
/// # Errors
/// [`Kind::Unavailable`] when there is no real CLI, its Node.js is missing, or it leads back to this program.
pub fn run(context: &Context, argv: &[OsString], name: &str) -> Result<()> {
    let profile = meant(context)?;
    let depth = depth(&context.environment, process::own_pid())?;
    let mut line = daemon::real_command_line(&profile, &context.environment)
        .map_err(|error| not_ours(name, error).profile(&profile.name))?;
    let program = line.last().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    line.extend(argv.iter().skip(1).cloned());
    let mut environment = environment(&profile, &context.environment);
    environment.insert(GUARD.to_owned(), format!("{} {}", process::own_pid(), depth + 1));
    let error = process::exec(&line, &environment);
    Err(Error::new(Kind::Unavailable, "program_missing", format!("{program} cannot be run")).caused_by(error))
}

/// The selected profile. It need not exist, nor its configuration be whole: the real CLI can set up and repair.
fn meant(context: &Context) -> Result<Profile> {
    let selection = chosen::selection(context)?;
    let registry = survey::registry(context)?;
    let loaded = registry.load_with(&selection.name, &chosen::flags(context));
    loaded.or_else(|_| registry.outline(&selection.name))
}

/// How deep in command lines handed over this process is.
fn depth(environment: &Environment, own_pid: u32) -> Result<u32> {
    let Some((pid, depth)) = environment.get(GUARD).and_then(|text| text.split_once(' ')) else {
        return Ok(0);
    };
    let depth = depth.parse().unwrap_or(0);
    // The same process again: what was taken for the real CLI has become us.
    if pid == own_pid.to_string() || depth >= DEPTH_MAX {
        let what = "what was taken for the real OpenClaw CLI leads back to this program";
        return Err(Error::new(Kind::Unavailable, "openclaw_loops", what)
            .remedy("put the path of OpenClaw's own openclaw.mjs into [runtime] program of the manifest"));
    }
    Ok(depth)
}

/// That of the shell, less what was exported for another profile, and with what selects this one.
fn environment(profile: &Profile, shell: &Environment) -> BTreeMap<String, String> {
    let shell = if own_env(&profile.name, shell) { shell.clone() } else { shell.without_openclaw() };
    let mut vars: BTreeMap<String, String> =
        shell.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    vars.extend(child_env::selectors(profile));
    vars
}

/// Names the command in the error that the real CLI is missing.
fn not_ours(name: &str, error: Error) -> Error {
    if error.code() != "openclaw_missing" {
        return error;
    }
    let what = format!("`{name}` is for the real OpenClaw CLI, which is not installed");
    let remedy = error.remedy_text().unwrap_or_default().to_owned();
    Error::new(error.kind(), "openclaw_missing", what).remedy(remedy)
}
