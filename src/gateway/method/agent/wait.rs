//! `agent.wait`: waits until a run has ended. One that nobody knows may still begin, so that is waited for as well.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::word;
use crate::gateway::agent;
use crate::gateway::method::Call;
use crate::gateway::sessions::run;
use crate::gateway::sessions::run::Status;
use crate::gateway::shape::{COUNT, Shape, WORD, optional, required};
use crate::wire::Fault;

/// How long is waited where nothing is said.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long is waited whatever is said.
const PATIENCE_MAX: Duration = Duration::from_secs(3600);

/// Which run, and for how long.
pub const PARAMS: Shape = Shape::Object(&[required("runId", WORD), optional("timeoutMs", COUNT)]);

/// The answer: how the run ended, or that it has not.
///
/// # Errors
/// What the store says.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let id = call.text("runId").to_owned();
    let patience = match call.params["timeoutMs"].as_f64() {
        Some(millis) => Duration::from_millis(millis as u64).min(PATIENCE_MAX),
        None => PATIENCE,
    };
    match timeout(patience, ended(&call, &id)).await {
        Ok(ended) => ended,
        Err(_) => Ok(json!({ "runId": id, "status": "timeout" })),
    }
}

async fn ended(call: &Call, id: &str) -> Result<Value, Fault> {
    loop {
        let changed = call.hub.agent.changed();
        tokio::pin!(changed);
        // What changes while the store is asked is seen all the same.
        changed.as_mut().enable();
        if let Some(run) = call.hub.agent.find(id) {
            run.outcome().await;
        }
        let wanted = id.to_owned();
        let found = call.hub.store.read(move |db| run::find(db, &wanted)).await?;
        if let Some(past) = found.filter(|past| past.status != Status::Open) {
            let mut answer = json!({
                "runId": id,
                "status": word(past.status),
                "startedAt": past.started_at,
                "endedAt": past.ended_at,
            });
            match agent::past(&past) {
                agent::Outcome::Failed(words) => answer["error"] = json!(words),
                agent::Outcome::Aborted => answer["stopReason"] = json!("rpc"),
                agent::Outcome::Answered(_) => {}
            }
            return Ok(answer);
        }
        changed.await;
    }
}
