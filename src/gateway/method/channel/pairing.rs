//! `channels.pairing.list`, `approve` and `dismiss`: who waits to be let in to private chats. A request's id is the code
//! that its sender was given, so whoever reads it out over the telephone can be let in by it.

use serde_json::{Value, json};

use crate::gateway::channel::telegram::send::{self, Place};
use crate::gateway::channel::{CHANNEL, LABEL, pairing};
use crate::gateway::date;
use crate::gateway::method::Call;
use crate::gateway::scope;
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::host::clock;
use crate::profile::embedded::telegram::DmPolicy;
use crate::wire::Fault;

/// Of which account.
pub const LIST: Shape = Shape::Object(&[optional("channel", WORD), optional("accountId", WORD)]);
/// Who, and what beyond letting in.
pub const APPROVE: Shape = Shape::Object(&[
    required("channel", WORD),
    required("accountId", WORD),
    required("requestId", WORD),
    optional("notify", Shape::Boolean),
    optional("bootstrapCommandOwner", Shape::Boolean),
]);
/// Who.
pub const DISMISS: Shape =
    Shape::Object(&[required("channel", WORD), required("accountId", WORD), required("requestId", WORD)]);

/// Who waits.
pub async fn list(call: Call) -> Result<Value, Fault> {
    let hub = &call.hub;
    let rules = hub.embedded();
    let fits = |channel: &str, account: &str| {
        let says = |key: &str, value: &str| call.params[key].as_str().is_none_or(|wanted| wanted == value);
        says("channel", channel) && says("accountId", account)
    };
    let accounts = rules.telegram.accounts.iter().filter(|account| {
        account.enabled && account.dm_policy == DmPolicy::Pairing && fits(CHANNEL, &account.id)
    });
    let accounts: Vec<Value> = accounts
        .map(|account| {
            json!({ "channel": CHANNEL, "channelLabel": LABEL, "accountId": account.id, "notifySupported": true })
        })
        .collect();
    let requests = pairing::list(&hub.store, clock::epoch_ms()).await?;
    let requests: Vec<Value> =
        requests.iter().filter(|request| fits(&request.channel, &request.account)).map(shown).collect();
    Ok(json!({
        "accounts": accounts,
        "requests": requests,
        "commandOwnerConfigured": has_owner(&call).await?,
        "limits": { "pendingPerAccount": pairing::PENDING_MAX, "ttlMs": pairing::TTL_MS },
    }))
}

fn shown(request: &pairing::Request) -> Value {
    let at = |ms| format!("{}Z", date::log_date(ms));
    let mut metadata = json!({ "name": request.label });
    if !request.username.is_empty() {
        metadata["username"] = json!(request.username);
    }
    json!({
        "requestId": request.code,
        "channel": request.channel,
        "channelLabel": LABEL,
        "accountId": request.account,
        "senderId": request.sender,
        "senderLabel": request.label,
        "metadata": metadata,
        "createdAt": at(request.created_at_ms),
        "lastSeenAt": at(request.seen_at_ms),
        "expiresAt": at(request.created_at_ms + pairing::TTL_MS),
        "notifySupported": true,
    })
}

/// Lets somebody in. To make an owner takes an admin, and happens only where there is none.
pub async fn approve(call: Call) -> Result<Value, Fault> {
    let wants_owner = call.params["bootstrapCommandOwner"] == true;
    if wants_owner {
        call.connection.need(scope::ADMIN)?;
    }
    let had_owner = has_owner(&call).await?;
    let request = end(&call, Some(wants_owner && !had_owner)).await?;
    let (account, sender) = (&request.account, &request.sender);
    tracing::info!(target: "gateway/telegram", account, sender, owner = wants_owner && !had_owner, "let in");
    let notification = match call.params["notify"] == true {
        false => "not-requested",
        true => match notify(&call, &request).await {
            true => "sent",
            false => "failed",
        },
    };
    let bootstrap = match (wants_owner, had_owner) {
        (false, _) => "not-requested",
        (true, true) => "already-configured",
        (true, false) => "configured",
    };
    Ok(json!({
        "requestId": request.code,
        "senderId": sender,
        "notification": notification,
        "commandOwnerBootstrap": bootstrap,
    }))
}

/// Turns somebody away, who may ask again.
pub async fn dismiss(call: Call) -> Result<Value, Fault> {
    let request = end(&call, None).await?;
    Ok(json!({ "requestId": request.code, "senderId": request.sender }))
}

async fn end(call: &Call, approve: Option<bool>) -> Result<pairing::Request, Fault> {
    let place = (call.text("channel").to_owned(), call.text("accountId").to_owned());
    let code = call.text("requestId").to_owned();
    let ended = pairing::end(&call.hub.store, place, code, approve, clock::epoch_ms()).await?;
    ended.ok_or_else(|| Fault::invalid("no such pairing request; it may have expired"))
}

async fn has_owner(call: &Call) -> Result<bool, Fault> {
    let configured = !call.hub.embedded().telegram.owners.ids.is_empty();
    Ok(configured || pairing::has_owner(&call.hub.store).await?)
}

async fn notify(call: &Call, request: &pairing::Request) -> bool {
    let Some(place) = Place::read(&request.sender) else { return false };
    let text = "You are let in. Send /help to see what you can ask for.";
    send::text(&call.hub, &request.account, &place, text, 0, async |_| {}).await.is_ok()
}
