//! `host.conflicts`: every gateway on the host and every conflict, as the command of that name tells them.

use super::ending;
use crate::conflict::host::HostReport;
use crate::conflict::verdict::Severity;
use crate::daemon::mailbox::Orders;
use crate::daemon::survey;
use crate::profile::rescue::{Rescue, Sight};
use crate::wire::{Frame, control};

/// The answer to the order, as far as `sight` reaches.
pub async fn answer(orders: &Orders, id: &str, sight: Option<&Rescue>) -> Frame {
    let setup = orders.setup();
    let looked = tokio::task::spawn_blocking(move || survey::look(&setup.environment)).await;
    match looked.map_err(|_| ending()).and_then(|report| report) {
        Ok(report) => {
            let report = within(report.without_reasons(), sight.map(|rescue| &rescue.profiles));
            Frame::success(id, serde_json::to_value(report).unwrap_or_default())
        }
        Err(error) => control::failure(id, &error),
    }
}

/// What concerns the profiles that are seen; what belongs to no known profile is seen by who sees all.
fn within(mut report: HostReport, sight: Option<&Sight>) -> HostReport {
    let Some(only @ Sight::Only(_)) = sight else { return report };
    report.gateways.retain(|gateway| gateway.profile.as_ref().is_some_and(|name| only.sees(name.as_str())));
    report
        .conflicts
        .retain(|conflict| conflict.profile.as_ref().is_some_and(|name| only.sees(name.as_str())));
    report.ok = report.conflicts.iter().all(|conflict| conflict.severity == Severity::Info);
    report
}
