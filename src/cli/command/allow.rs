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
use crate::profile::isolation::Sharing;

/// Credentials of channels, by the code of what shares them.
const CODE: &str = "credential_shared";

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
    let shared = daemon::sharings(registry)?;
    let shared = shared.into_iter().filter(|sharing| is_channel_of(sharing, name));
    let mut channels: Vec<String> = shared.map(|sharing| sharing.what).collect();
    if channels.is_empty() {
        channels.push(ANY.into());
    }
    Ok(channels)
}

fn is_channel_of(sharing: &Sharing, name: &ProfileName) -> bool {
    sharing.code == CODE && sharing.concerns(name)
}

/// Refuses to start profiles that share a credential. Only this is looked at before the order: the supervisor
/// judges everything, but a variable that stands in front of a credential may be set in this shell alone.
///
/// # Errors
/// The refusal for the first one that is not up already.
pub async fn refuse_shared(context: &Context, names: &[ProfileName]) -> Result<()> {
    let registry = survey::registry(context)?;
    let shared = daemon::sharings(&registry)?;
    let refused = |name: &ProfileName| {
        let sharing = shared.iter().find(|sharing| !sharing.allowed && is_channel_of(sharing, name))?;
        Some(daemon::refused_for(name, sharing))
    };
    if !names.iter().any(|name| refused(name).is_some()) {
        return Ok(());
    }
    let up = match Supervisor::connect(registry.paths()).await? {
        Some(mut supervisor) => survey::supervised(&mut supervisor).await?,
        None => Vec::new(),
    };
    let is_up = |name: &&ProfileName| {
        let told = up.iter().find(|status| status.name == name.as_str());
        told.is_some_and(|status| status.intent == Intent::Up && status.state != State::Failed)
    };
    names.iter().filter(|name| !is_up(name)).find_map(refused).map_or(Ok(()), Err)
}
