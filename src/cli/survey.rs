//! What the commands see of all profiles: their files, the supervisor's word on those it looks after, and
//! the kernel's word on the rest.

use super::Context;
use super::command::gateway_access;
use crate::base::record::ProfileStatus;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::client::control::Supervisor;
use crate::daemon::{self, DISK};
use crate::profile::isolation::Sharing;
use crate::profile::status::described;
use crate::profile::{Profile, Registry, SupervisorPaths};

/// The profiles of this environment.
pub fn registry(context: &Context) -> Result<Registry<'_>> {
    Registry::new(DISK, &context.environment)
}

/// One profile that exists.
///
/// # Errors
/// Exit 3 with the names that exist when it does not; what is wrong with its files otherwise.
pub fn known(context: &Context, name: &ProfileName) -> Result<Profile> {
    let registry = registry(context)?;
    let names = registry.names()?;
    if !names.contains(name) {
        return Err(unknown(name, &names));
    }
    registry.load(name)
}

/// What is said of a name that nobody knows.
pub fn unknown(name: &ProfileName, known: &[ProfileName]) -> Error {
    let exist = match known {
        [] => "there are none yet".to_owned(),
        known => {
            format!("there are: {}", known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    };
    Error::new(Kind::NotRunning, "profile_unknown", format!("there is no profile `{name}`; {exist}"))
        .profile(name)
        .remedy(format!("create and start it: openclaw profile start {name}"))
}

/// Every profile with what it is doing, in order of name.
pub async fn all(context: &Context) -> Result<Vec<ProfileStatus>> {
    look(context, None).await
}

/// The same of one profile; `None` where there is none of this name.
pub async fn one(context: &Context, name: &ProfileName) -> Result<Option<ProfileStatus>> {
    Ok(look(context, Some(name)).await?.pop())
}

/// Those whose gateway is elsewhere; nobody is asked but the supervisor.
pub async fn links(context: &Context) -> Result<Vec<ProfileStatus>> {
    let (registry, supervised) = (registry(context)?, supervised(context, None).await?);
    let known = registry.all()?;
    let remote = known.iter().filter_map(|(_, profile)| profile.as_ref().ok().filter(|p| p.remote.is_some()));
    let told = |profile: &Profile| {
        supervised
            .iter()
            .find(|status| status.name == profile.name.as_str() && status.link.is_some())
            .cloned()
    };
    Ok(remote.map(|profile| told(profile).unwrap_or_else(|| described(profile))).collect())
}

/// What the supervisor says, where one runs.
async fn supervised(context: &Context, of: Option<&ProfileName>) -> Result<Vec<ProfileStatus>> {
    let paths = SupervisorPaths::derive(&context.environment)?;
    match Supervisor::connect(&paths).await? {
        Some(mut supervisor) => supervisor.profiles(of).await,
        None => Ok(Vec::new()),
    }
}

async fn look(context: &Context, of: Option<&ProfileName>) -> Result<Vec<ProfileStatus>> {
    let registry = registry(context)?;
    let supervised = supervised(context, of).await?;
    let known = registry.all()?;
    let mut profiles = daemon::statuses(&registry, &known, supervised, of).await;
    warn_of(&daemon::allowed(&registry, &known, of)?, &mut profiles);
    if let (Some(name), [status]) = (of, profiles.as_mut_slice())
        && let Some((_, Ok(profile))) = known.iter().find(|(known, _)| known == name)
    {
        status.warnings.extend(gateway_access::refusal(&registry, profile));
    }
    Ok(profiles)
}

/// Adds a warning for everything that a profile shares with permission.
pub fn warn_of_sharing(registry: &Registry<'_>, profiles: &mut [ProfileStatus]) {
    // Who has just started has passed the proof; a look that fails now takes nothing from that.
    let known = registry.all().unwrap_or_default();
    warn_of(&daemon::allowed(registry, &known, None).unwrap_or_default(), profiles);
}

fn warn_of(shared: &[Sharing], profiles: &mut [ProfileStatus]) {
    for sharing in shared {
        let both = [sharing.a.as_str(), sharing.b.as_str()];
        for profile in profiles.iter_mut().filter(|profile| both.contains(&profile.name.as_str())) {
            profile.warnings.push(sharing.message.clone());
        }
    }
}
