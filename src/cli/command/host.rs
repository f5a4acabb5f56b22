//! `host status` and `host conflicts`: every gateway on the host with its owner, and what more than one owner
//! wants. Looks only; starts nothing and asks no service manager.

use serde_json::json;

use crate::base::exposure::ExposureRecord;
use crate::base::{Error, Kind, Result};
use crate::cli::{Context, registered, survey};
use crate::conflict::host::{FoundGateway, HostFacts, HostReport, survey as judge};
use crate::daemon::{self, census};
use crate::host::{files, process};

/// Prints every gateway.
pub fn status(context: &Context) -> Result<()> {
    let report = look(context)?;
    if context.render.is_json() {
        context.render.document(&json!({ "ok": report.ok, "gateways": report.gateways }));
    } else {
        context.render.gateways(&report.gateways);
        if !report.ok {
            context.render.notice("there are conflicts: openclaw host conflicts");
        }
    }
    Ok(())
}

/// Prints every conflict.
///
/// # Errors
/// [`Kind::Conflicts`] when there is one that hurts.
pub fn conflicts(context: &Context, explain: bool) -> Result<()> {
    let report = look(context)?;
    let report = if explain { report } else { report.without_reasons() };
    if context.render.is_json() {
        context.render.document(&report);
    } else {
        context.render.host_report(&report);
    }
    if report.ok {
        return Ok(());
    }
    let found = report.conflicts.len();
    Err(Error::new(Kind::Conflicts, "host_conflicts", format!("{found} conflicts were found")))
}

/// Looks at the whole host.
///
/// # Errors
/// When the profiles of this user cannot be listed.
pub fn look(context: &Context) -> Result<HostReport> {
    let registry = survey::registry(context)?;
    let user = process::user_name(process::own_user());
    let profiles = census::profiles(&registry)?;
    let environment = &context.environment;
    // Files on one thread, processes on the other: neither needs what the other finds.
    let (units, (gateways, in_the_way)) = std::thread::scope(|scope| {
        let units = scope.spawn(|| registered::units(environment, user.as_deref()));
        let seen = census::gateways_and_others(&profiles, environment);
        (units.join(), seen)
    });
    let units = units.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let shared = daemon::as_conflicts(&daemon::sharings(&registry, None)?);
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

/// The gateways that the host has now, in one line.
pub fn in_one_line(gateways: &[FoundGateway]) -> String {
    let one = |gateway: &FoundGateway| {
        let name = gateway.profile.as_ref().map_or("an unnamed one".to_owned(), ToString::to_string);
        gateway.port.map_or(name.clone(), |port| format!("{name} (port {port})"))
    };
    gateways.iter().map(one).collect::<Vec<_>>().join(", ")
}
