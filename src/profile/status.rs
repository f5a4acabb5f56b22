//! What the files of a profile say of it, in the shape in which profiles leave the program (DESIGN 3.4).

use super::resolved::RuntimeChoice;
use super::{GatewayUrl, Profile};
use crate::base::Confinement;
use crate::base::record::{ProfileStatus, Runtime};

/// The status of a profile of which nothing but its files is known.
pub fn described(profile: &Profile) -> ProfileStatus {
    ProfileStatus {
        kind: profile.place,
        isolation: profile.isolation,
        runtime: match profile.runtime {
            RuntimeChoice::Embedded => Runtime::Embedded,
            RuntimeChoice::Command => Runtime::Command,
            RuntimeChoice::Openclaw => Runtime::Openclaw,
            RuntimeChoice::Auto if profile.managed => Runtime::Embedded,
            // A state directory that we did not make was made by the real program.
            RuntimeChoice::Auto => Runtime::Openclaw,
        },
        port: profile.port,
        url: GatewayUrl::loopback(profile.port, profile.tls && profile.remote.is_none()).as_str().to_owned(),
        port_block: (profile.block.base(), profile.block.last()),
        state_dir: profile.paths.state_dir.display().to_string(),
        config_path: profile.paths.config_path.display().to_string(),
        workspace: profile.paths.workspace.display().to_string(),
        managed: profile.managed,
        confine: Confinement { level: profile.confine.as_str().into(), ..Confinement::default() },
        warnings: profile.warnings.clone(),
        ..ProfileStatus::unknown(&profile.name)
    }
}
