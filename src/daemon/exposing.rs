//! What a profile wants of Tailscale against its own files and against the other profiles', read before a launch and
//! refused where it makes no sense.

use crate::base::{Error, ProfileName, Result};
use crate::profile::tailscale::{self, Tailnet};
use crate::profile::{Profile, Registry};

/// Refuses a start of `profile` that cannot be shown as its files want it.
///
/// # Errors
/// [`crate::base::Kind::Config`], as [`refusal`] tells it.
pub fn refuse(registry: &Registry<'_>, profile: &Profile) -> Result<()> {
    refusal(registry, profile)?.map_or(Ok(()), Err)
}

/// Why `profile` cannot be shown as its files want it, as the refusal of its start.
///
/// # Errors
/// When its configuration, or the directories, cannot be read.
pub fn refusal(registry: &Registry<'_>, profile: &Profile) -> Result<Option<Error>> {
    if !tailscale::concerns(profile) {
        return Ok(None);
    }
    let config = registry.config(&profile.paths.config_path)?;
    if let Some(error) = tailscale::contradiction(profile, &config.auth) {
        return Ok(Some(error));
    }
    let all = registry.all()?.into_iter().filter_map(|(name, other)| Some((name, other.ok()?)));
    let others: Vec<(ProfileName, Tailnet)> = all
        .filter(|(_, other)| tailscale::concerns(other))
        .map(|(name, other)| (name, other.tailnet))
        .collect();
    Ok(tailscale::clash(profile, &others))
}
