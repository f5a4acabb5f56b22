//! `gateway send`: a message to somebody, through the gateway's own method for it.

use serde_json::json;

use super::{key, params};
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::Send;
use crate::cli::line::ask;
use crate::cli::render::cell;

/// Sends it.
pub async fn run(context: &Context, send: &Send) -> Result<()> {
    let letter = &send.letter;
    let asked = params(&[
        ("to", json!(send.to)),
        ("message", json!(letter.message)),
        ("channel", json!(send.channel)),
        ("accountId", json!(letter.account)),
        ("replyToId", json!(letter.reply_to)),
        ("threadId", json!(letter.thread_id)),
        ("silent", json!(letter.silent.then_some(true))),
        ("idempotencyKey", json!(key(&letter.once))),
    ]);
    let answer = ask(context, "send", asked).await?;
    let id = cell::first(&[&answer["messageId"], &answer["runId"]]);
    let sentence = format!("sent to {} ({id})", cell::clean(&send.to));
    context.render.done(answer, &sentence);
    Ok(())
}
