//! `--allow-shared-channel`: the one deliberate exception from isolation, written into the profile's manifest so
//! that it stays visible; and the refusal of a start that has no such permission.

use super::create::turn;
use crate::base::record::{Intent, State};
use crate::base::{ProfileName, Result};
use crate::cli::{Context, survey};
use crate::client::control::Supervisor;
use crate::daemon;
use crate::host::files;
use crate::profile::Registry;
use crate::profile::channels::ANY;
use crate::profile::create::{Fill, manifest_text};

/// Permits in the manifest of `name` that `channel` is shared; without a name, the channels that are shared now,
/// or all of them while none is.
pub async fn allow(context: &Context, name: &ProfileName, channel: &str) -> Result<()> {
    let registry = survey::registry(context)?;
    let _turn = turn(&registry).await?;
    let mut allowed =
        registry.manifest(name)?.and_then(|manifest| manifest.allow_shared_channels).unwrap_or_default();
    let before = allowed.len();
    for wanted in wanted(&registry, name, channel)? {
        if !allowed.contains(&wanted) {
            allowed.push(wanted);
        }
    }
    if allowed.len() == before {
        return Ok(());
    }
    // The file itself, not a link to it, is what is written anew.
    let file = files::real_path(&registry.paths().manifest(name));
    let text = registry.text(&file)?.unwrap_or_default();
    let fill = Fill { allow_shared_channels: Some(allowed), ..Fill::default() };
    files::write_atomic(&file, &manifest_text(&text, &fill)?)
}

fn wanted(registry: &Registry<'_>, name: &ProfileName, channel: &str) -> Result<Vec<String>> {
    if !channel.is_empty() {
        return Ok(vec![channel.to_owned()]);
    }
    let shared = daemon::shared_channels(registry, Some(name))?;
    let mut channels: Vec<String> = shared.into_iter().map(|sharing| sharing.what).collect();
    if channels.is_empty() {
        channels.push(ANY.into());
    }
    Ok(channels)
}

/// Refuses to start profiles that share a credential. Only this is looked at before the order: the supervisor
/// judges everything, but a variable that stands in front of a credential may be set in this shell alone.
///
/// # Errors
/// The refusal for the first one that is not up already.
pub async fn refuse_shared(context: &Context, names: &[ProfileName]) -> Result<()> {
    let registry = survey::registry(context)?;
    let mut refused = Vec::new();
    for name in names {
        let shared = daemon::shared_channels(&registry, Some(name))?;
        let sharing = shared.iter().find(|sharing| !sharing.allowed);
        refused.extend(sharing.map(|sharing| (name, daemon::refused_for(name, sharing))));
    }
    if refused.is_empty() {
        return Ok(());
    }
    let up = match Supervisor::connect(registry.paths()).await? {
        Some(mut supervisor) => supervisor.profiles(None).await?,
        None => Vec::new(),
    };
    let is_up = |name: &&ProfileName| {
        let told = up.iter().find(|status| status.name == name.as_str());
        told.is_some_and(|status| status.intent == Intent::Up && status.state != State::Failed)
    };
    refused.into_iter().find(|(name, _)| !is_up(name)).map_or(Ok(()), |(_, error)| Err(error))
}
