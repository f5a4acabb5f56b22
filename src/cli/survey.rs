//! What the commands see of all profiles: their files, the supervisor's word on those it looks after, and
//! the kernel's word on the rest.

use std::time::Duration;

use tokio::time::timeout;

use super::Context;
use super::command::gateway_access;
use crate::base::record::{Owner, ProfileStatus, State};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::client::control::Supervisor;
use crate::daemon::{self, DISK};
use crate::host::lock::Record;
use crate::host::{files, process, socket};
use crate::link::http;
use crate::profile::isolation::Sharing;
use crate::profile::status::described;
use crate::profile::{Profile, Registry, SupervisorPaths};

/// How long a gateway that nobody supervises may take to say that it lives.
const LIVE_TIMEOUT: Duration = Duration::from_secs(1);

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
    let (known, mut profiles) = (registry.all()?, Vec::new());
    for (name, profile) in known.iter().filter(|(name, _)| of.is_none_or(|of| of == name)) {
        let told = supervised.iter().find(|status| status.name == name.as_str());
        let status = match (profile, told) {
            // Until its first launch was prepared, the supervisor knows the name only.
            (Ok(profile), Some(told)) if told.state_dir.is_empty() => ProfileStatus {
                state: told.state,
                intent: told.intent,
                phase: told.phase.clone(),
                last_exit: told.last_exit.clone(),
                ..described(profile)
            },
            (Ok(_), Some(told)) => told.clone(),
            (Err(error), Some(told)) => {
                let mut status = told.clone();
                status.warnings.push(error.to_string());
                status
            }
            (Ok(profile), None) => observed(profile).await,
            (Err(error), None) => broken(&registry, name, error),
        };
        profiles.push(status);
    }
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

/// A profile that nobody supervises, as the kernel and its port show it.
async fn observed(profile: &Profile) -> ProfileStatus {
    let mut status = described(profile);
    let listeners = socket::listeners_on(profile.port).unwrap_or_default();
    let Some(listener) = listeners.first() else { return status };
    let live = timeout(LIVE_TIMEOUT, http::get(profile.port, "/healthz")).await;
    let lives = match live {
        Ok(Ok(answer)) => answer.status == 200,
        // What speaks TLS cannot be asked this way; that somebody accepts has to do.
        Ok(Err(_)) | Err(_) => profile.tls,
    };
    if !lives {
        return status;
    }
    let record = Record::read(&profile.paths.state_dir).map(|record| record.pid);
    let holder = daemon::holder::of_listener(listener, record);
    status.state = State::Ready;
    status.pid = holder.pid;
    status.memory_bytes = holder.pid.map(|pid| process::usage_of_tree(pid).memory_bytes);
    status.owner = Owner { kind: "unmanaged".into(), unit: holder.unit };
    status
}

/// A profile whose files cannot be read: what its name and, where that one is whole, its manifest say of it.
fn broken(registry: &Registry<'_>, name: &ProfileName, error: &Error) -> ProfileStatus {
    let mut status = registry.outline(name).map_or_else(|_| ProfileStatus::unknown(name), |p| described(&p));
    status.managed = files::identity(&registry.paths().manifest(name)).is_some();
    status.state = State::Failed;
    status.warnings.push(error.to_string());
    status
}
