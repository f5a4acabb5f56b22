//! `channels.start`, `channels.stop` and `channels.logout`: what runs, until the configuration says otherwise.

use serde_json::{Value, json};

use crate::gateway::channel::{CHANNEL, pairing};
use crate::gateway::method::Call;
use crate::gateway::shape::{Shape, TEXT, WORD, optional, required};
use crate::wire::Fault;

/// Which account; without one, all of the channel.
pub const PARAMS: Shape = Shape::Object(&[required("channel", WORD), optional("accountId", TEXT)]);

/// Starts, and asks anew where it runs already.
pub async fn start(call: Call) -> Result<Value, Fault> {
    each(&call, |account| call.hub.channels.start(account), "started", true)
}

/// Stops until it is started again.
pub async fn stop(call: Call) -> Result<Value, Fault> {
    each(&call, |account| call.hub.channels.stop(account), "stopped", false)
}

/// Stops and forgets whom approvals let in. The token stands in a file that is not this program's to write.
pub async fn logout(call: Call) -> Result<Value, Fault> {
    let accounts = accounts(&call)?;
    for account in &accounts {
        call.hub.channels.stop(account);
        pairing::forget(&call.hub.store, CHANNEL, account.clone()).await?;
    }
    let account = accounts.into_iter().next();
    Ok(json!({ "channel": CHANNEL, "accountId": account, "cleared": false, "loggedOut": true }))
}

fn each(call: &Call, change: impl Fn(&str), word: &str, running: bool) -> Result<Value, Fault> {
    let accounts = accounts(call)?;
    accounts.iter().for_each(|account| change(account));
    let account = accounts.first();
    Ok(json!({ "channel": CHANNEL, "accountId": account, word: true, "running": running }))
}

/// The accounts that a call means.
fn accounts(call: &Call) -> Result<Vec<String>, Fault> {
    let rules = call.hub.embedded();
    let known = &rules.telegram.accounts;
    if call.text("channel") != CHANNEL || known.is_empty() {
        return Err(Fault::invalid(format!("channel is not configured: {}", shown(call.text("channel")))));
    }
    match call.text("accountId") {
        "" => Ok(known.iter().map(|account| account.id.clone()).collect()),
        id if rules.telegram.account(id).is_some() => Ok(vec![id.to_owned()]),
        id => Err(Fault::invalid(format!("unknown account of {CHANNEL}: {}", shown(id)))),
    }
}

/// A name out of a call, as it may be repeated.
fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}
