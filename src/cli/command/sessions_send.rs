//! `sessions send`: a message to a session; what its agent says is not waited for.

use serde_json::json;

use super::{key, params};
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::SessionSend;
use crate::cli::line::ask;
use crate::cli::render::cell;

/// Sends it.
pub async fn run(context: &Context, send: &SessionSend) -> Result<()> {
    let asked = params(&[
        ("key", json!(send.key)),
        ("message", json!(send.message)),
        ("agentId", json!(send.agent)),
        ("thinking", json!(send.thinking)),
        ("idempotencyKey", json!(key(&send.once))),
    ]);
    let answer = ask(context, "sessions.send", asked).await?;
    let sentence = format!(
        "sent to {}: {} (run {})",
        cell::clean(&send.key),
        cell::first(&[&answer["status"], &json!("taken")]),
        cell::text(&answer["runId"])
    );
    context.render.done(answer, &sentence);
    Ok(())
}
