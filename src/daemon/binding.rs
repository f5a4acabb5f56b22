//! On which addresses the gateway of a profile listens, looked at before anything is spawned or bound (INCIDENTS H2):
//! the bind, the host's own addresses and the credential together.

use std::net::IpAddr;

use super::{DISK, real};
use crate::access::bind::{self, Guard, Wanted};
use crate::access::{advisory, credential, lookup};
use crate::base::record::Runtime;
use crate::base::{Error, ProfileName, Reach, Result};
use crate::host::interface;
use crate::profile::config::{Bind, GatewayConfig};
use crate::profile::resolved::RuntimeChoice;
use crate::profile::{Profile, Registry, SecretSource};

/// The addresses on which `runtime` would listen for `profile`. What a command of the manifest's own binds is not
/// known.
///
/// # Errors
/// [`crate::base::Kind::Config`]: `bind_unsafe`, `bind_host_missing` or `bind_host_invalid`; for the real program
/// `gateway_outdated`.
pub fn addresses(registry: &Registry<'_>, profile: &Profile, runtime: Runtime) -> Result<Vec<IpAddr>> {
    let addresses = wanted(profile).map_err(|error| error.profile(&profile.name))?;
    let judge = || -> Result<()> {
        let exposure = Reach::farthest(&addresses);
        if exposure != Reach::Loopback {
            let config = registry.config(&profile.paths.config_path)?;
            let opaque = runtime == Runtime::Openclaw;
            bind::check(profile.bind, &addresses, &guard(registry, &config), opaque)?;
        }
        if let Some(warning) = outdated(registry, profile, runtime, exposure)? {
            tracing::warn!(profile = %profile.name, "{warning}");
        }
        Ok(())
    };
    match runtime {
        Runtime::Embedded | Runtime::Openclaw => judge().map_err(|error| error.profile(&profile.name))?,
        Runtime::Command | Runtime::Link => {}
    }
    Ok(addresses)
}

/// The addresses that the bind of `profile` comes to on this host now.
///
/// # Errors
/// `bind_host_missing` or `bind_host_invalid`.
pub fn wanted(profile: &Profile) -> Result<Vec<IpAddr>> {
    let own = if profile.bind == Bind::Tailnet { interface::own_addresses() } else { Vec::new() };
    let custom = profile.custom_bind_host.as_deref();
    Wanted { bind: profile.bind, custom, own: &own, container: interface::is_container() }.addresses()
}

/// What keeps others out of a gateway with this configuration.
pub fn guard(registry: &Registry<'_>, config: &GatewayConfig) -> Guard {
    let environment = registry.environment();
    let follow = |source: &SecretSource| lookup::look_up(source, config, environment, DISK.read);
    Guard::of(config, credential::for_local(config, environment, false, &follow))
}

/// What is to be said of a real program with known faults that others do not reach.
///
/// # Errors
/// `gateway_outdated` where they do.
pub fn outdated(
    registry: &Registry<'_>,
    profile: &Profile,
    runtime: Runtime,
    exposure: Reach,
) -> Result<Option<String>> {
    if runtime != Runtime::Openclaw {
        return Ok(None);
    }
    advisory::check(real::version(profile.program.as_deref(), registry.environment()).as_deref(), exposure)
}

/// The runtime that `profile` would have now, without running anything to find out.
pub fn likely_runtime(registry: &Registry<'_>, profile: &Profile) -> Runtime {
    match profile.runtime {
        _ if profile.remote.is_some() => Runtime::Link,
        RuntimeChoice::Embedded => Runtime::Embedded,
        RuntimeChoice::Command => Runtime::Command,
        RuntimeChoice::Openclaw => Runtime::Openclaw,
        RuntimeChoice::Auto => match real::version(profile.program.as_deref(), registry.environment()) {
            Some(_) => Runtime::Openclaw,
            None => Runtime::Embedded,
        },
    }
}

/// The refusal that a start of `name` would meet by its addresses, for `profile check`.
pub fn refusal(registry: &Registry<'_>, name: &ProfileName) -> Option<Error> {
    let profile = registry.load(name).ok()?;
    addresses(registry, &profile, likely_runtime(registry, &profile)).err()
}
