//! `supervisor stop`: stops every gateway and the supervisor; the intents stay.

use serde_json::{Value, json};

use super::supervisor_status::connected;
use crate::base::record::Intent;
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::wire::control::SUPERVISOR_STOP;

/// Orders the end and waits for it.
pub async fn run(context: &Context) -> Result<()> {
    let mut supervisor = connected(context).await?;
    let profiles = supervisor.profiles(None).await?;
    let up =
        profiles.iter().filter(|profile| profile.intent == Intent::Up).map(|profile| profile.name.as_str());
    let up: Vec<&str> = up.collect();
    let _: Value = supervisor.order(SUPERVISOR_STOP, json!({}), |_| {}).await?;
    let gone = supervisor.until_gone();
    match context.timeout {
        Some(limit) => tokio::time::timeout(limit.0, gone).await.map_err(|_| {
            Error::new(
                Kind::Deadline,
                "stop_timeout",
                format!("the supervisor is still stopping after {limit}"),
            )
            .remedy("see how far it is: openclaw profile list")
        })?,
        None => gone.await,
    }
    context.render.done(json!({ "ok": true, "comesBack": up }), &stopped(&up));
    Ok(())
}

fn stopped(up: &[&str]) -> String {
    if up.is_empty() {
        return "supervisor stopped".into();
    }
    format!("supervisor stopped; {} will come back with the next one", up.join(", "))
}
