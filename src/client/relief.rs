//! A service's supervisor takes the place of one that a command began while the service was between two runs, or was
//! not there yet: that one leaves its gateways as they are and ends.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::control::{Supervisor, is_ending};
use crate::base::{Error, Result};
use crate::profile::SupervisorPaths;
use crate::wire::control::SUPERVISOR_YIELD;

/// How long all of it may take. One that drains its gateways takes longer; then the service begins anew by itself.
const LIMIT: Duration = Duration::from_secs(15);
/// Distance of two attempts while another supervisor begins or ends.
const LOOK: Duration = Duration::from_millis(20);

/// Claims by `claim` what a supervisor at `paths` holds, which is asked to give way as often as a command begins another.
///
/// # Errors
/// `running`, what the first attempt said, where the other one stays; what a later attempt says otherwise.
pub async fn instead<T>(paths: &SupervisorPaths, running: Error, claim: impl Fn() -> Result<T>) -> Result<T> {
    let relieved = async {
        loop {
            if !gives_way(paths).await {
                return None;
            }
            match claim() {
                Err(error) if error.code() == running.code() => sleep(LOOK).await,
                outcome => return Some(outcome),
            }
        }
    };
    timeout(LIMIT, relieved).await.ok().flatten().unwrap_or(Err(running))
}

/// Whether the supervisor that runs makes room, or none answers any more; waits until it has.
async fn gives_way(paths: &SupervisorPaths) -> bool {
    let Ok(Some(mut supervisor)) = Supervisor::connect(paths).await else { return true };
    let answer = supervisor.order::<serde_json::Value>(SUPERVISOR_YIELD, serde_json::json!({}), |_| {}).await;
    let gives_way = answer.as_ref().map_or_else(is_ending, |_| true);
    if gives_way {
        supervisor.until_gone().await;
    }
    gives_way
}
