//! The whole host at one look: every gateway with its owner, and what more than one owner wants. Looks only; starts
//! nothing and asks no service manager. The commands `host status` and `host conflicts` tell it, and the order
//! `host.conflicts`.

use super::prepare::DISK;
use super::{census, registered, sharing};
use crate::base::Result;
use crate::base::exposure::ExposureRecord;
use crate::conflict::host::{FoundGateway, HostFacts, HostReport, survey as judge};
use crate::host::{files, process};
use crate::profile::{Environment, Registry};

/// Looks at the whole host, with the profiles of `environment`. It asks other programs and may take a tenth of a second.
///
/// # Errors
/// When the profiles of this user cannot be listed.
pub fn look(environment: &Environment) -> Result<HostReport> {
    let registry = Registry::new(DISK, environment)?;
    let user = process::user_name(process::own_user());
    let profiles = census::profiles(&registry)?;
    // Files on one thread, processes on the other: neither needs what the other finds.
    let (units, (gateways, in_the_way)) = std::thread::scope(|scope| {
        let units = scope.spawn(|| registered::units(environment, user.as_deref()));
        let seen = census::gateways_and_others(&profiles, environment);
        (units.join(), seen)
    });
    let units = units.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let shared = sharing::as_conflicts(&sharing::sharings(&registry, None)?);
    let mut report = judge(&HostFacts { gateways, units, profiles, in_the_way, shared, user });
    let own = process::user_name(process::own_user());
    let mine = |gateway: &&mut FoundGateway| gateway.embedded && gateway.user == own;
    report.gateways.iter_mut().filter(mine).for_each(exposed);
    Ok(report)
}

/// Adds what the gateway itself left written of its exposures.
fn exposed(gateway: &mut FoundGateway) {
    let (Some(pid), Some(folder)) = (gateway.pid, &gateway.state_dir) else { return };
    let text = files::read(&folder.join(ExposureRecord::NAME)).ok().flatten();
    gateway.exposure = text.map(|text| ExposureRecord::of(&text, pid)).unwrap_or_default();
}
