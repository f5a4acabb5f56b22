//! `profile restart`: stop and start as one operation; concurrent ones share one new run.

use super::start;
use crate::base::{ProfileName, Result};
use crate::cli::{Context, survey, turned};
use crate::wire::control::PROFILE_RESTART;

/// Restarts `names` one after the other; what does not run is started.
pub async fn run(context: &Context, names: &[ProfileName]) -> Result<()> {
    let known = survey::registry(context)?.names()?;
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        return Err(survey::unknown(name, &known));
    }
    let registry = survey::registry(context)?;
    for name in names {
        // What is wrong with its files, the supervisor says better.
        registry.load(name).map_or(Ok(()), |profile| turned::refuse(&profile))?;
    }
    start::bring_up(context, names, PROFILE_RESTART, "restart").await
}
