//! `message send`: a message to somebody, by the channel's own action, as the real program does it.

use std::time::Duration;

use serde_json::json;

use super::{key, params};
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::Letter;
use crate::cli::line::ask_within;
use crate::cli::render::cell;

/// How long a channel may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends `letter` to `target` on `channel`.
pub async fn run(context: &Context, channel: &str, target: &str, letter: &Letter) -> Result<()> {
    let action = params(&[
        ("channel", json!(channel)),
        ("target", json!(target)),
        ("to", json!(target)),
        ("message", json!(letter.message)),
        ("accountId", json!(letter.account)),
        ("replyTo", json!(letter.reply_to)),
        ("threadId", json!(letter.thread_id)),
        ("silent", json!(letter.silent)),
    ]);
    let asked = params(&[
        ("channel", json!(channel)),
        ("action", json!("send")),
        ("params", action),
        ("accountId", json!(letter.account)),
        ("senderIsOwner", json!(true)),
        ("idempotencyKey", json!(key(&letter.once))),
    ]);
    let answer = ask_within(context, "message.action", asked, TIMEOUT).await?;
    let id = cell::first(&[&answer["messageId"], &answer["result"]["messageId"], &answer["runId"]]);
    let sentence = format!("sent to {} on {} ({id})", cell::clean(target), cell::clean(channel));
    context.render.done(answer, &sentence);
    Ok(())
}
