//! `pairing list|approve|dismiss`: people who wrote to a channel and wait to be let in. The real program keeps them in
//! files of its own, so for a gateway of that runtime its own CLI is asked.

use std::ffi::OsString;

use serde_json::{Value, json};

use super::pass;
use crate::access::scope;
use crate::base::record::Runtime;
use crate::base::{Error, Kind, Result};
use crate::cli::args::{ChannelCode, Pairing};
use crate::cli::line::{Asker, ask};
use crate::cli::render::{Listing, cell};
use crate::cli::{Context, block_on, chosen, survey};
use crate::client::gateway::CALL_TIMEOUT;
use crate::daemon::binding;

/// The channel that is meant where none is named.
const TELEGRAM: &str = "telegram";

/// Runs one of them.
pub fn run(context: &Context, command: &Pairing) -> Result<()> {
    if is_of_the_real_program(context)? {
        return pass::run(context, &typed(context, command), "pairing");
    }
    block_on(async {
        match command {
            Pairing::List { channel, account } => list(context, channel.as_deref(), account.as_deref()).await,
            Pairing::Approve { code, notify } => approve(context, code, *notify).await,
            Pairing::Dismiss { code } => dismiss(context, code).await,
        }
    })
}

/// Whether the gateway that is meant keeps such people where only its own CLI finds them. A place that is named by its
/// URL is asked itself, and no profile is read for it.
fn is_of_the_real_program(context: &Context) -> Result<bool> {
    if context.global.url.is_some() {
        return Ok(false);
    }
    let registry = survey::registry(context)?;
    let profile = registry.load_with(&chosen::selection(context)?.name, &chosen::flags(context))?;
    Ok(binding::likely_runtime(&registry, &profile) == Runtime::Openclaw)
}

/// The command line as the real CLI takes it.
fn typed(context: &Context, command: &Pairing) -> Vec<OsString> {
    let mut words: Vec<&str> = vec!["openclaw", "pairing"];
    let (account, notify) = match command {
        Pairing::List { channel, account } => {
            words.push("list");
            words.extend(channel.as_deref());
            (account, false)
        }
        Pairing::Approve { code, notify } => {
            words.extend(["approve", code.channel(), code.code()]);
            (&code.account, *notify)
        }
        Pairing::Dismiss { code } => {
            words.extend(["dismiss", code.channel(), code.code()]);
            (&code.account, false)
        }
    };
    if let Some(account) = account {
        words.extend(["--account", account]);
    }
    words.extend(notify.then_some("--notify"));
    words.extend(context.global.json.then_some("--json"));
    words.into_iter().map(OsString::from).collect()
}

async fn list(context: &Context, channel: Option<&str>, account: Option<&str>) -> Result<()> {
    let document = ask(context, "channels.pairing.list", place(channel, account)).await?;
    context.render.answer(&document, |document| {
        let headings = &["CODE", "CHANNEL", "ACCOUNT", "ID", "NAME", "ASKED", "UNTIL"];
        let mut listing = Listing::new(headings, "nobody waits to be let in");
        for request in document["requests"].as_array().into_iter().flatten() {
            let keys =
                ["requestId", "channel", "accountId", "senderId", "senderLabel", "createdAt", "expiresAt"];
            listing.row(keys.map(|key| cell::text(&request[key])));
        }
        listing
    });
    Ok(())
}

fn place(channel: Option<&str>, account: Option<&str>) -> Value {
    let mut params = json!({});
    for (key, value) in [("channel", channel), ("accountId", account)] {
        if let Some(value) = value {
            params[key] = json!(value);
        }
    }
    params
}

/// The call that means the request with that code; and what is known beside it.
async fn meant(context: &Context, code: &ChannelCode) -> Result<(Value, Value)> {
    let list =
        ask(context, "channels.pairing.list", place(Some(code.channel()), code.account.as_deref())).await?;
    let wanted = code.code();
    let found = list["requests"].as_array().into_iter().flatten().find(|request| {
        request["requestId"].as_str().is_some_and(|code| code.eq_ignore_ascii_case(wanted.trim()))
    });
    let Some(found) = found else {
        let what = format!("nobody waits with the code `{}`; a code counts for an hour", cell::clean(wanted));
        return Err(
            Error::new(Kind::Failed, "request_unknown", what).remedy("see who waits: openclaw pairing list")
        );
    };
    let call = json!({
        "channel": found["channel"], "accountId": found["accountId"], "requestId": found["requestId"],
    });
    Ok((call, list["commandOwnerConfigured"].clone()))
}

/// Lets somebody in. The first one becomes the owner, who may give orders, as in the real program.
async fn approve(context: &Context, code: &ChannelCode, notify: bool) -> Result<()> {
    let (mut call, has_owner) = meant(context, code).await?;
    call["notify"] = json!(notify);
    let mut more = Vec::new();
    if has_owner == false {
        call["bootstrapCommandOwner"] = json!(true);
        more = scope::named(&json!(["operator.admin"]));
    }
    let asker = Asker::new(context, CALL_TIMEOUT)?;
    let mut line = asker.open_for(&[("channels.pairing.approve", &call)], &more).await?;
    let answer = line.ask("channels.pairing.approve", call).await;
    line.close().await;
    let answer = answer?;
    let owner = if answer["commandOwnerBootstrap"] == "configured" { ", and is the owner now" } else { "" };
    let sentence = format!("{} is let in{owner}", cell::text(&answer["senderId"]));
    context.render.done(answer, &sentence);
    Ok(())
}

async fn dismiss(context: &Context, code: &ChannelCode) -> Result<()> {
    let (call, _) = meant(context, code).await?;
    let answer = ask(context, "channels.pairing.dismiss", call).await?;
    let sentence = format!("{} is turned away, and may ask again", cell::text(&answer["senderId"]));
    context.render.done(answer, &sentence);
    Ok(())
}

impl ChannelCode {
    fn channel(&self) -> &str {
        match self.words.as_slice() {
            [channel, _] => channel,
            _ => self.channel.as_deref().unwrap_or(TELEGRAM),
        }
    }

    fn code(&self) -> &str {
        self.words.last().map(String::as_str).unwrap_or_default()
    }
}
