//! `profile restart`: stop and start as one operation; concurrent ones share one new run.

use super::start;
use crate::base::{ProfileName, Result};
use crate::cli::{Context, survey};
use crate::wire::control::PROFILE_RESTART;

/// Restarts `names` one after the other; what does not run is started.
pub async fn run(context: &Context, names: &[ProfileName]) -> Result<()> {
    let known = survey::registry(context)?.names()?;
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        return Err(survey::unknown(name, &known));
    }
    start::bring_up(context, names, PROFILE_RESTART, "restart").await
}
