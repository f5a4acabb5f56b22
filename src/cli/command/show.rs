//! `profile show`: everything about one profile.

use crate::base::{ProfileName, Result};
use crate::cli::{Context, survey};

/// Looks and prints.
pub async fn run(context: &Context, name: &ProfileName) -> Result<()> {
    match survey::one(context, name).await? {
        Some(profile) => {
            context.render.profile(&profile);
            Ok(())
        }
        None => Err(survey::unknown(name, &survey::registry(context)?.names()?)),
    }
}
