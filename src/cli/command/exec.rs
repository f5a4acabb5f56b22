//! `profile exec`: one command in the profile's environment; this process becomes the command.

use std::collections::BTreeMap;

use super::pass::GUARD;
use crate::base::{Error, Kind, Result};
use crate::cli::args::Exec;
use crate::cli::{Context, survey};
use crate::host::process;
use crate::profile::child_env;

/// Replaces this process; returns only when that failed.
pub fn run(context: &Context, exec: &Exec) -> Result<()> {
    let profile = survey::known(context, &exec.name)?;
    let inherited =
        context.environment.iter().filter(|(name, _)| !name.starts_with("OPENCLAW_") || *name == GUARD);
    let mut environment: BTreeMap<String, String> =
        inherited.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    environment.extend(child_env::selectors(&profile));
    let error = process::exec(&exec.command, &environment);
    let program = exec.command.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    Err(Error::new(Kind::Unavailable, "program_missing", format!("`{program}` cannot be run"))
        .caused_by(error)
        .remedy("check its name and PATH"))
}
