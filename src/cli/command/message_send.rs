//! `message send`: a message to somebody, by the channel's own action, as the real program does it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{key, params};
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Letter;
use crate::cli::line::{ask, ask_within};
use crate::cli::render::cell;

/// How long a channel may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends `letter` to `target` on `channel`, or on the only channel that is configured.
///
/// # Errors
/// Code `channel_missing` where none is configured, `channel_ambiguous` where there are several; else as [`ask`].
pub async fn run(context: &Context, channel: Option<&str>, target: &str, letter: &Letter) -> Result<()> {
    let channel = match channel {
        Some(channel) => channel.to_owned(),
        None => only(&ask(context, "channels.status", json!({ "probe": false })).await?)?,
    };
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
    let sentence = format!("sent to {} on {} ({id})", cell::clean(target), cell::clean(&channel));
    context.render.done(answer, &sentence);
    Ok(())
}

/// The one channel that has an account which is configured and not turned off.
fn only(status: &Value) -> Result<String> {
    let is_usable = |account: &Value| account["configured"] == true && account["enabled"] != false;
    let channels = status["channelAccounts"].as_object().into_iter().flatten();
    let usable: Vec<&str> = channels
        .filter(|(_, accounts)| accounts.as_array().into_iter().flatten().any(is_usable))
        .map(|(channel, _)| channel.as_str())
        .collect();
    match usable[..] {
        [one] => Ok(one.to_owned()),
        [] => {
            let what = "nothing was sent: the gateway has no configured channel";
            Err(Error::new(Kind::Failed, "channel_missing", what)
                .remedy("configure one: openclaw channels add"))
        }
        _ => {
            let what = format!("nothing was sent: several channels are configured, {}", usable.join(", "));
            Err(Error::new(Kind::Usage, "channel_ambiguous", what).remedy("name one with --channel"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_usable_channel_is_meant() {
        let (on, off) = (json!([{"configured": true}]), json!([{"configured": true, "enabled": false}]));
        let among = |channels: Value| only(&json!({ "channelAccounts": channels }));
        let one = json!({"telegram": &on, "signal": &off, "slack": [{"configured": false}], "irc": []});
        assert_eq!(among(one).unwrap(), "telegram");
        assert_eq!(among(json!({"telegram": &on, "irc": &on})).unwrap_err().code(), "channel_ambiguous");
        assert_eq!(among(json!({"telegram": &off})).unwrap_err().code(), "channel_missing");
        assert_eq!(only(&Value::Null).unwrap_err().code(), "channel_missing");
    }
}
