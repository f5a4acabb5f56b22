//! How all profiles are: the supervisor's word on those that it looks after, the kernel's and the files' word on the
//! rest. Told by the commands, and to a rescue gateway.

use std::time::Duration;

use tokio::time::timeout;

use super::holder;
use crate::base::record::{Owner, ProfileStatus, State};
use crate::base::{Error, ProfileName, Result};
use crate::host::lock::Record;
use crate::host::{files, process, socket};
use crate::link::http;
use crate::profile::status::described;
use crate::profile::{Profile, Registry};

/// How long a gateway that nobody supervises may take to say that it lives.
const LIVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The status of each of `known`, or of the one called `of`; `told` is what the supervisor says of its own.
pub async fn statuses(
    registry: &Registry<'_>,
    known: &[(ProfileName, Result<Profile>)],
    told: Vec<ProfileStatus>,
    of: Option<&ProfileName>,
) -> Vec<ProfileStatus> {
    let mut profiles = Vec::new();
    for (name, profile) in known.iter().filter(|(name, _)| of.is_none_or(|of| of == name)) {
        let told = told.iter().find(|status| status.name == name.as_str());
        profiles.push(match (profile, told) {
            // Until its first launch was prepared, the supervisor knows the name only.
            (Ok(profile), Some(told)) if told.state_dir.is_empty() => {
                let mut status = ProfileStatus {
                    state: told.state,
                    intent: told.intent,
                    phase: told.phase.clone(),
                    last_exit: told.last_exit.clone(),
                    ..described(profile)
                };
                status.warnings.extend(told.warnings.iter().cloned());
                status
            }
            (Ok(_), Some(told)) => told.clone(),
            (Err(error), Some(told)) => {
                let mut status = told.clone();
                status.warnings.push(error.to_string());
                status
            }
            (Ok(profile), None) if is_anothers(profile, known) => described(profile),
            (Ok(profile), None) => observed(profile).await,
            (Err(error), None) => broken(registry, name, error),
        });
    }
    profiles
}

/// Whether the gateway of another profile runs on this one's port: then what is seen there says nothing of this one.
fn is_anothers(profile: &Profile, known: &[(ProfileName, Result<Profile>)]) -> bool {
    let mut others = known.iter().filter_map(|(_, other)| other.as_ref().ok());
    others.any(|other| {
        let state_dir = &other.paths.state_dir;
        other.name != profile.name
            && other.port == profile.port
            && Record::read(state_dir).is_some_and(|record| record.is_proved(state_dir))
    })
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
    let holder = holder::of_listener(listener, record);
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
