//! `supervisor status`: the running supervisor; exit 3 when none runs.

use crate::base::record::SupervisorStatus;
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::skew::Versions;
use crate::client::control::Supervisor;
use crate::profile::SupervisorPaths;
use crate::wire::control::SUPERVISOR_STATUS;

/// Asks and prints; starts nothing.
pub async fn run(context: &Context) -> Result<()> {
    let mut supervisor = connected(context).await?;
    let status: SupervisorStatus = supervisor.order(SUPERVISOR_STATUS, serde_json::json!({}), |_| {}).await?;
    context.render.supervisor(&status, &Versions::beside(&status));
    Ok(())
}

/// The running supervisor, or exit 3.
pub async fn connected(context: &Context) -> Result<Supervisor> {
    let paths = SupervisorPaths::derive(&context.environment)?;
    Supervisor::connect(&paths).await?.ok_or_else(|| {
        Error::new(Kind::NotRunning, "supervisor_not_running", "no supervisor of this user runs")
            .remedy("it is started on demand: openclaw profile start work")
    })
}
