//! `profile show`: everything about one profile.

use crate::base::{ProfileName, Result};
use crate::cli::{Context, survey};

/// Looks and prints.
pub async fn run(context: &Context, name: &ProfileName) -> Result<()> {
    let profiles = survey::all(context).await?;
    match profiles.iter().find(|profile| profile.name == name.as_str()) {
        Some(profile) => {
            context.render.profile(profile);
            Ok(())
        }
        None => Err(survey::unknown(name, &survey::registry(context)?.names()?)),
    }
}
