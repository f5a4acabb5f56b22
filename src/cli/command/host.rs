//! `host status` and `host conflicts`: every gateway on the host with its owner, and what more than one owner wants.

use serde_json::json;

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::conflict::host::{FoundGateway, HostReport};
use crate::daemon;

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
    daemon::look_at_host(&context.environment)
}

/// The gateways that the host has now, in one line.
pub fn in_one_line(gateways: &[FoundGateway]) -> String {
    let one = |gateway: &FoundGateway| {
        let name = gateway.profile.as_ref().map_or("an unnamed one".to_owned(), ToString::to_string);
        gateway.port.map_or(name.clone(), |port| format!("{name} (port {port})"))
    };
    gateways.iter().map(one).collect::<Vec<_>>().join(", ")
}
