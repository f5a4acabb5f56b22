//! `supervisor reload`: the running supervisor becomes this program, for example after an upgrade. No gateway
//! is restarted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::supervisor_status::connected;
use crate::base::record::SupervisorStatus;
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::host::handle::Handle;
use crate::host::process;
use crate::wire::control::{SUPERVISOR_RELOAD, SUPERVISOR_STATUS};

/// How long the hand-over may take unless `--timeout` says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// Distance of two looks at whether the new supervisor answers.
const LOOK: Duration = Duration::from_millis(10);

/// Orders the hand-over and waits until the new supervisor answers.
pub async fn run(context: &Context, program: Option<PathBuf>) -> Result<()> {
    let program = program.unwrap_or_else(process::own_program);
    let patience = context.timeout.map_or(PATIENCE, |limit| limit.0);
    let late = |_| {
        Error::new(Kind::Deadline, "reload_timeout", "the new supervisor does not answer yet")
            .remedy("the gateways serve on; see openclaw supervisor status")
    };
    let (status, handed) = timeout(patience, hand_over(context, &program)).await.map_err(late)??;
    let kept = status.profiles;
    let sentence = format!(
        "supervisor {} is version {} now (it was {}); {kept} profiles go on",
        status.pid,
        status.version,
        handed["from"].as_str().unwrap_or("another")
    );
    context.render.done(json!({ "ok": true, "pid": status.pid, "from": handed["from"], "to": status.version, "profiles": kept }), &sentence);
    Ok(())
}

fn died(pid: u32) -> Error {
    Error::new(Kind::Failed, "reload_failed", format!("the supervisor {pid} died while it went over"))
        .remedy("its gateways serve on; the next command starts a supervisor: openclaw profile list")
}

async fn hand_over(context: &Context, program: &Path) -> Result<(SupervisorStatus, Value)> {
    let mut supervisor = connected(context).await?;
    let before: SupervisorStatus = supervisor.order(SUPERVISOR_STATUS, json!({}), |_| {}).await?;
    // It stays the same process, whatever it becomes; whoever started it may wait for this very answer before the next.
    let process = Handle::open(before.pid);
    let params = json!({ "program": program });
    let handed: Value = supervisor.order(SUPERVISOR_RELOAD, params, |_| {}).await?;
    supervisor.until_gone().await;
    loop {
        // Between the two, connections wait in the socket's queue; one that is cut is made again.
        let asked = async {
            connected(context).await?.order::<SupervisorStatus>(SUPERVISOR_STATUS, json!({}), |_| {}).await
        };
        match asked.await {
            Ok(status) if status.started_at_ms != before.started_at_ms => return Ok((status, handed)),
            _ if process.as_ref().is_ok_and(|process| !process.is_alive()) => return Err(died(before.pid)),
            _ => sleep(LOOK).await,
        }
    }
}
