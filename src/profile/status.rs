//! What the files of a profile say of it, in the shape in which profiles leave the program (DESIGN 3.4).

use super::remote::Remote;
use super::resolved::{HostKeyPolicy, RuntimeChoice};
use super::{GatewayUrl, Profile};
use crate::base::Confinement;
use crate::base::record::{LinkStatus, ProfileStatus, Runtime};

/// The status of a profile of which nothing but its files is known.
pub fn described(profile: &Profile) -> ProfileStatus {
    ProfileStatus {
        kind: profile.place,
        isolation: profile.isolation,
        runtime: match profile.runtime {
            _ if profile.remote.is_some() => Runtime::Link,
            RuntimeChoice::Embedded => Runtime::Embedded,
            RuntimeChoice::Command => Runtime::Command,
            RuntimeChoice::Openclaw => Runtime::Openclaw,
            RuntimeChoice::Auto if profile.managed => Runtime::Embedded,
            // A state directory that we did not make was made by the real program.
            RuntimeChoice::Auto => Runtime::Openclaw,
        },
        port: profile.port,
        url: GatewayUrl::loopback(profile.port, profile.speaks_tls_here()).to_string(),
        port_block: profile.remote.is_none().then_some((profile.block.base(), profile.block.last())),
        link: profile.remote.as_ref().map(|remote| link(profile, remote)),
        state_dir: profile.paths.state_dir.display().to_string(),
        config_path: profile.paths.config_path.display().to_string(),
        workspace: profile.paths.workspace.display().to_string(),
        managed: profile.managed,
        confine: Confinement { level: profile.confine.as_str().into(), ..Confinement::default() },
        warnings: profile.warnings.clone(),
        ..ProfileStatus::unknown(&profile.name)
    }
}

/// The link of a remote profile of which nothing but its files is known.
fn link(profile: &Profile, remote: &Remote) -> LinkStatus {
    let (target, trust) = match (&remote.url, &remote.tls_fingerprint) {
        (None, pins) => {
            let keys = match remote.host_key_policy {
                HostKeyPolicy::Strict => "host key, strict",
                HostKeyPolicy::OpenSsh => "host key, as the SSH configuration says",
            };
            let pin = pins.as_ref().map(|pins| format!("; pin {pins}")).unwrap_or_default();
            (remote.target.clone().unwrap_or_default(), format!("{keys}{pin}"))
        }
        (Some(url), Some(pins)) => (url.to_string(), format!("pin {pins}")),
        (Some(url), None) if url.is_tls() => (url.to_string(), "authorities of this system".into()),
        (Some(url), None) => (url.to_string(), "none; the network itself is trusted".into()),
    };
    LinkStatus {
        transport: remote.transport.as_str().into(),
        target,
        local_port: profile.port,
        remote_port: remote.url.as_ref().map_or(remote.remote_port, |url| url.port()),
        forwards: remote.forwards.clone(),
        trust,
        ..LinkStatus::default()
    }
}
