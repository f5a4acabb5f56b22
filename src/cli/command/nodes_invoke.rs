//! `nodes invoke`: a command on a node, which is found by its id, the beginning of it, or its name.

use std::time::Duration;

use serde_json::{Value, json};

use super::key;
use super::nodes::{TIMEOUT, resolve};
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Invoke;
use crate::cli::line::Asker;

/// What finding the node and the way there and back may take besides.
const MARGIN: Duration = Duration::from_secs(15);

/// Runs it, and prints what the node answered.
pub async fn run(context: &Context, invoke: &Invoke) -> Result<()> {
    let asked: Value =
        serde_json::from_str(&invoke.params).ok().filter(Value::is_object).ok_or_else(|| {
            Error::new(Kind::Usage, "params_invalid", "--params takes a JSON object").remedy(
                "openclaw nodes invoke --node NODE --command system.which --params '{\"bins\": [\"ls\"]}'",
            )
        })?;
    let usual = TIMEOUT.max(Duration::from_millis(u64::from(invoke.invoke_timeout)) + MARGIN);
    let asker = Asker::new(context, usual)?;
    let mut call = json!({ "nodeId": "", "command": invoke.command, "params": asked,
        "timeoutMs": invoke.invoke_timeout, "idempotencyKey": key(&invoke.once) });
    let mut line = asker.open_for(&[("node.invoke", &call), ("node.list", &Value::Null)], &[]).await?;
    let known = line.ask("node.list", json!({})).await?;
    call["nodeId"] = json!(resolve(&invoke.node, &known["nodes"])?);
    let answer = line.ask("node.invoke", call).await?;
    line.close().await;
    if context.render.is_json() {
        context.render.document(&answer);
        return Ok(());
    }
    // What a node answers is data in any case; older gateways give it as text only.
    let text = answer["payloadJSON"].as_str();
    let told = text.and_then(|text| serde_json::from_str(text).ok()).filter(|_| answer["payload"].is_null());
    context.render.document(told.as_ref().unwrap_or(&answer["payload"]));
    Ok(())
}
