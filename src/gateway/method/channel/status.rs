//! `channels.status`: every account of every channel, and with `probe` whether Telegram knows its bot now.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::channel::telegram::api::Bot;
use crate::gateway::channel::{CHANNEL, LABEL, standing};
use crate::gateway::hub::Hub;
use crate::gateway::method::Call;
use crate::gateway::shape::{COUNT, Shape, WORD, optional};
use crate::host::clock;
use crate::wire::Fault;

/// What may be asked for.
pub const PARAMS: Shape = Shape::Object(&[
    optional("probe", Shape::Boolean),
    optional("timeoutMs", COUNT),
    optional("channel", WORD),
]);
/// How long a look may take that names no time.
const PROBE: Duration = Duration::from_secs(10);

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let hub = &call.hub;
    let meant = call.params["channel"].as_str().is_none_or(|channel| channel == CHANNEL);
    let mut accounts = if meant { standing::accounts(hub) } else { Vec::new() };
    let mut partial = false;
    if call.params["probe"] == true {
        let within = call.params["timeoutMs"].as_u64().map_or(PROBE, Duration::from_millis);
        let looks = accounts.iter_mut().map(|account| probe(&call, account, within));
        partial = futures_util::future::join_all(looks).await.contains(&false);
    }
    let is_there = !accounts.is_empty();
    let order: &[&str] = if is_there { &[CHANNEL] } else { &[] };
    let only = |value: Value| if is_there { json!({ CHANNEL: value }) } else { json!({}) };
    let (channels, _, _) = standing::summary(hub);
    let mut status = json!({
        "ts": clock::epoch_ms(),
        "channelOrder": order,
        "channelLabels": only(json!(LABEL)),
        "channelDetailLabels": only(json!("Telegram bot")),
        "channelSystemImages": {},
        "channelMeta": order.iter().map(|id| json!({ "id": id, "label": LABEL, "detailLabel": "Telegram bot" })).collect::<Vec<_>>(),
        "eventLoop": event_loop(hub),
        "channels": if is_there { channels } else { json!({}) },
        "channelDefaultAccountId": only(json!(hub.embedded().telegram.default_account)),
        "channelAccounts": only(Value::Array(accounts)),
    });
    let warnings = if is_there { standing::warnings(hub) } else { Vec::new() };
    if !warnings.is_empty() {
        status["warnings"] = json!(warnings);
    }
    if partial {
        status["partial"] = json!(true);
    }
    Ok(status)
}

/// How busy the gateway is, in the form that the published schema has here.
fn event_loop(hub: &Hub) -> Value {
    let mut shown = json!(hub.load.borrow().show());
    shown["intervalMs"] = json!(shown["intervalMs"].as_f64().unwrap_or_default() as u64);
    shown
}

/// Asks Telegram about one account; false where it said nothing in time.
async fn probe(call: &Call, account: &mut Value, within: Duration) -> bool {
    let rules = call.hub.embedded();
    let found = account["accountId"].as_str().and_then(|id| rules.telegram.account(id));
    let Some(Ok(bot)) = found.map(Bot::of) else { return true };
    let nothing = json!({});
    let me = bot.ask(&call.hub.channels.web, "getMe", &nothing, Duration::ZERO);
    let (probe, in_time) = match tokio::time::timeout(within, me).await {
        Ok(Ok(me)) => (json!({ "ok": true, "bot": { "id": me["id"], "username": me["username"] } }), true),
        Ok(Err(trouble)) => (json!({ "ok": false, "error": trouble.sentence(&bot.account) }), true),
        Err(_) => (json!({ "ok": false, "error": "Telegram did not answer in time" }), false),
    };
    account["probe"] = probe;
    account["lastProbeAt"] = json!(clock::epoch_ms());
    in_time
}
