//! `channels status`: every channel's accounts, as the gateway sees them.

use serde_json::{Value, json};

use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::Channels;
use crate::cli::line::ask;
use crate::cli::render::{Listing, cell};
use crate::client::gateway::CALL_TIMEOUT;

/// Runs one of them.
pub async fn run(context: &Context, command: &Channels) -> Result<()> {
    let Channels::Status { probe } = command;
    let limit = context.timeout.map_or(CALL_TIMEOUT, |limit| limit.0);
    // The gateway gives its channels less time than we give it, so that it can tell of a silent one.
    let inner = (limit.as_millis() as u64 * 4 / 5).max(1);
    let document = ask(context, "channels.status", json!({ "probe": probe, "timeoutMs": inner })).await?;
    context.render.answer(&document, table);
    Ok(())
}

fn table(document: &Value) -> Listing {
    let mut listing = Listing::new(&["CHANNEL", "ACCOUNT", "STATE", "LAST ERROR"], "no channels");
    for channel in document["channelOrder"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let label = cell::first(&[&document["channelLabels"][channel], &json!(channel)]);
        for account in document["channelAccounts"][channel].as_array().into_iter().flatten() {
            let error = cell::text(&account["lastError"]);
            listing.row([label.clone(), cell::text(&account["accountId"]), state(account).into(), error]);
        }
    }
    listing
}

/// How far an account came.
fn state(account: &Value) -> &'static str {
    let says = |key: &str| account[key].as_bool();
    match () {
        () if says("enabled") == Some(false) => "disabled",
        () if says("configured") == Some(false) => "not configured",
        () if says("connected") == Some(true) => "connected",
        () if says("running") == Some(true) && says("connected") == Some(false) => "running, not connected",
        () if says("running") == Some(true) => "running",
        () => "stopped",
    }
}
