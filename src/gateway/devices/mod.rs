//! Devices: who is known by its own key, and what was approved for it. Decided in `book`, `pairing`, `token`,
//! `judge` and `manage`, which are pure; here decisions become rows in the store, events and closed connections.
//! Memory leads and the store follows before anything is answered; one thread changes both.

mod book;
pub mod judge;
mod manage;
mod pairing;
mod rows;
#[cfg(test)]
mod tests;
mod token;

use std::cell::{OnceCell, Ref, RefCell};
use std::rc::Rc;

use serde_json::json;
use uuid::Uuid;

pub use book::{Book, Card, Change, Paired, Pending, Token, Via};
pub use manage::Manager;
pub use pairing::{Refused, leave, reject, remove};
pub use token::{Denied, Wrong, check, revoke, rotate};

use judge::Reason;

use super::admission::{By, Grant, Pairing, Peer};
use super::hub::{Announcement, Hub};
use super::nodes;
use super::scope;
use super::store::Store;
use crate::base::Secret;
use crate::host::clock;
use crate::wire::connect::ConnectParams;
use crate::wire::device::{self, DeviceKey};
use crate::wire::{Fault, fault};

/// Distance of the times at which it is written down that a device was seen, in milliseconds.
const SEEN_EVERY_MS: u64 = 60_000;
/// Told to a connection whose device or token counts no more.
const REVOKED: &str = "device removed";

/// All devices of one gateway.
#[derive(Default)]
pub struct Devices {
    book: RefCell<Book>,
    key: OnceCell<DeviceKey>,
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Devices({} paired)", self.book.borrow().paired.len())
    }
}

/// Why a device does not come in.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The answer.
    pub fault: Box<Fault>,
    /// The close reason.
    pub close: String,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal { close: fault.message.clone(), fault: Box::new(fault) }
    }
}

impl Devices {
    /// Reads what the store knows, once, and makes the gateway's own key where it has none yet.
    ///
    /// # Errors
    /// `UNAVAILABLE`: the store cannot be used now; it is tried again with the next call.
    pub async fn ready(&self, store: &Store) -> Result<(), Fault> {
        if self.key.get().is_some() {
            return Ok(());
        }
        let mut fresh = rows::Seed::default();
        getrandom::fill(&mut fresh).map_err(|_| no_randomness())?;
        let seed = store.write(move |db| rows::seed(db, fresh)).await?;
        let book = store.read(rows::read).await?;
        // Whoever waited at the same time has read the same.
        if self.key.set(DeviceKey::from_seed(&seed)).is_ok() {
            self.book.replace(book);
        }
        Ok(())
    }

    /// The book as it is now.
    pub fn book(&self) -> Ref<'_, Book> {
        self.book.borrow()
    }

    /// The gateway's own key.
    pub fn key(&self) -> Option<&DeviceKey> {
        self.key.get()
    }

    /// 32 bytes that follow from the gateway's own key and are good for `purpose` alone; `None` before that is known.
    pub fn secret(&self, purpose: &[u8]) -> Option<[u8; 32]> {
        Some(self.key.get()?.derived(purpose))
    }

    /// Carries out a change and writes it down.
    ///
    /// # Errors
    /// `UNAVAILABLE`: it could not be written, and is undone.
    pub async fn commit(&self, store: &Store, change: Change) -> Result<(), Fault> {
        self.ready(store).await?;
        let undo = self.book.borrow_mut().apply(&change);
        let written = store.write(move |db| rows::write(db, &change)).await;
        if written.is_err() {
            self.book.borrow_mut().apply(&undo);
        }
        written
    }

    /// Notes that a device was seen; the store learns of it now and then.
    fn seen(&self, store: &Store, device_id: &str, reason: &str, role: Option<&str>, now_ms: u64) {
        let mut book = self.book.borrow_mut();
        let Some(device) = book.paired.get_mut(device_id) else { return };
        let before = device.last_seen_at_ms.replace(now_ms);
        device.last_seen_reason = Some(reason.into());
        if let Some(token) = role.and_then(|role| device.tokens.get_mut(role)) {
            token.last_used_at_ms = Some(now_ms);
        }
        if before.is_some_and(|before| before / SEEN_EVERY_MS == now_ms / SEEN_EVERY_MS) {
            return;
        }
        let (store, change) = (store.clone(), Change::of_device(device.clone()));
        tokio::task::spawn_local(async move { store.write(move |db| rows::write(db, &change)).await });
    }
}

/// Lets a device in that was admitted: asks for what it lacks, approves that itself where it may, and gives the token
/// that `hello-ok` tells.
///
/// # Errors
/// The refusal, with the request that waits now.
pub async fn admit(
    hub: &Rc<Hub>,
    params: &ConnectParams,
    grant: &Grant,
    peer: &Peer,
    pairing: Pairing,
) -> Result<Option<Token>, Refusal> {
    let (Some(id), Some(key)) = (&grant.device, public_key(params)) else { return Ok(None) };
    if let Err(fault) = hub.devices.ready(&hub.store).await {
        tracing::warn!(target: "gateway/devices", "nothing is known of devices now: {}", fault.message);
    }
    let lacking = || {
        let reason = judge::lacks(&hub.devices.book(), grant, &key, &params.client);
        reason.filter(|reason| match pairing {
            Pairing::Needed => true,
            Pairing::IfKnown => *reason != Reason::NotPaired,
            Pairing::Waived => false,
        })
    };
    let mut last = None;
    loop {
        let Some(reason) = lacking() else { return Ok(token_for(hub, grant).await?) };
        let known = hub.devices.book().paired.get(id).cloned();
        let allowed = hub.embedded().nodes.auto_approve_local;
        let silent = judge::is_silent(reason, known.is_some(), grant, &params.client, peer, allowed);
        let request = match ask(hub, card(params, grant, peer, &key), silent).await {
            // A disk without room must not keep the owner of the secret out of what shall make that room.
            Err(fault) if silent => {
                tracing::warn!(target: "gateway/devices", device = id, "let in and not remembered: {}", fault.message);
                return Ok(None);
            }
            asked => asked?,
        };
        // What was approved and is still lacking is never approved by asking again.
        let decided = request.silent && last != Some(reason);
        let approved = decided && approve_silently(hub, grant, &request).await?;
        // Another connection of the same device may have come before, and got it approved.
        if !approved && lacking() == Some(reason) {
            if request.silent {
                announce_requested(hub, &request);
            }
            let (fault, close) = judge::refusal(reason, &request, grant, known.as_ref());
            return Err(Refusal { fault, close });
        }
        last = Some(reason);
    }
}

/// The token that `hello-ok` tells.
async fn token_for(hub: &Rc<Hub>, grant: &Grant) -> Result<Option<Token>, Fault> {
    let Some(id) = &grant.device else { return Ok(None) };
    let (now, role) = (clock::epoch_ms(), grant.role.as_str());
    let fresh = fresh()?;
    let found = token::ensure(&hub.devices.book(), id, role, &grant.scopes, &fresh, now);
    let Some((token, change)) = found else { return Ok(None) };
    if let Some(change) = change
        && let Err(fault) = hub.devices.commit(&hub.store, change).await
    {
        tracing::warn!(target: "gateway/devices", device = id, "gets no token now: {}", fault.message);
        return Ok(None);
    }
    let by_token = grant.by == By::DeviceToken;
    let reason = if by_token { "device-token-auth" } else { "connect" };
    hub.devices.seen(&hub.store, id, reason, by_token.then_some(role), now);
    Ok(Some(token))
}

/// Asks, and tells whoever may approve.
async fn ask(hub: &Rc<Hub>, card: Card, silent: bool) -> Result<Pending, Fault> {
    let (id, now) = (Uuid::new_v4().to_string(), clock::epoch_ms());
    let asked = pairing::ask(&hub.devices.book(), card, silent, &id, now);
    hub.devices.commit(&hub.store, asked.change).await?;
    for superseded in &asked.superseded {
        resolved(hub, superseded, &asked.request.card.device_id, "rejected");
    }
    if asked.created && !asked.request.silent {
        announce_requested(hub, &asked.request);
    }
    Ok(asked.request)
}

fn announce_requested(hub: &Hub, request: &Pending) {
    let device = &request.card.device_id;
    tracing::warn!(target: "gateway/devices", device, request = request.request_id, "asks to be paired");
    hub.announce(Announcement::new("device.pair.requested", Some(scope::PAIRING), &request.shown()));
}

/// Tells that a request was decided.
pub fn resolved(hub: &Hub, request_id: &str, device_id: &str, decision: &str) {
    let payload = json!({
        "requestId": request_id, "deviceId": device_id, "decision": decision, "ts": clock::epoch_ms(),
    });
    hub.announce(Announcement::new("device.pair.resolved", Some(scope::PAIRING), &payload));
}

/// Approves in the gateway's own name what a device of this machine asks for: that, and what it had.
async fn approve_silently(hub: &Rc<Hub>, grant: &Grant, request: &Pending) -> Result<bool, Fault> {
    let mut approver = grant.scopes.clone();
    if let Some(device) = hub.devices.book().paired.get(&request.card.device_id) {
        approver.extend(device.card.scopes.iter().cloned());
    }
    match approve(hub, &request.request_id, &approver, Via::Silent).await? {
        Ok(device) => {
            prune(hub, &device.card.device_id).await?;
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

/// Approves a request in the name of someone with these scopes, and tells it.
///
/// # Errors
/// `UNAVAILABLE` from the store; inside, why it is not approved.
pub async fn approve(
    hub: &Rc<Hub>,
    request_id: &str,
    approver: &[String],
    via: Via,
) -> Result<Result<Paired, Refused>, Fault> {
    let now = clock::epoch_ms();
    let roles = hub.devices.book().waiting(request_id, now).map_or(0, |pending| pending.card.roles.len());
    let tokens = (0..roles).map(|_| fresh()).collect::<Result<Vec<_>, _>>()?;
    let outcome = pairing::approve(&hub.devices.book(), request_id, approver, via, &tokens, now);
    let (device, change) = match outcome {
        Ok(approved) => approved,
        Err(refused) => return Ok(Err(refused)),
    };
    hub.devices.commit(&hub.store, change).await?;
    let (id, roles) = (&device.card.device_id, device.card.roles.join(","));
    tracing::info!(target: "gateway/devices", device = id, roles, ?via, "paired");
    resolved(hub, request_id, id, "approved");
    Ok(Ok(device))
}

/// Ends silent pairings that the newest one takes the place of.
async fn prune(hub: &Rc<Hub>, device_id: &str) -> Result<(), Fault> {
    let is_connected = |id: &str| is_connected(hub, id);
    let over = pairing::superseded(&hub.devices.book(), device_id, is_connected, clock::epoch_ms());
    for id in over {
        let change = pairing::remove(&hub.devices.book(), &id);
        if let Some(change) = change {
            hub.devices.commit(&hub.store, change).await?;
            nodes::forget(hub, &id);
            tracing::info!(target: "gateway/devices", device = id, "a silent pairing ends: a newer one took its place");
        }
    }
    Ok(())
}

/// Whether a connection of the device is open.
pub fn is_connected(hub: &Hub, device_id: &str) -> bool {
    hub.connections().iter().any(|connection| connection.grant.device.as_deref() == Some(device_id))
}

/// Ends the connections of a device whose credential counts no more; of one role, where it is named. From here on they
/// are served nothing. The connection `asker` hears first that it is done.
pub fn disconnect(hub: &Hub, device_id: &str, role: Option<&str>, asker: &str) {
    for connection in hub.connections() {
        let grant = &connection.grant;
        let meant = role.is_none_or(|role| grant.role.as_str() == role);
        if meant && grant.device.as_deref() == Some(device_id) {
            connection.revoke(REVOKED, connection.id == asker);
        }
    }
}

/// A new token.
///
/// # Errors
/// `UNAVAILABLE`: the system gives no randomness.
pub fn fresh() -> Result<String, Fault> {
    Secret::generate().map(|secret| secret.expose().to_owned()).map_err(|_| no_randomness())
}

fn no_randomness() -> Fault {
    Fault::new(fault::UNAVAILABLE, "the system gives no randomness")
}

fn card(params: &ConnectParams, grant: &Grant, peer: &Peer, key: &str) -> Card {
    let client = &params.client;
    let role = grant.role.as_str().to_owned();
    Card {
        device_id: grant.device.clone().unwrap_or_default(),
        public_key: key.to_owned(),
        display_name: client.display_name.clone(),
        platform: Some(client.platform.clone()),
        device_family: client.device_family.clone(),
        client_id: Some(client.id.clone()),
        client_mode: Some(client.mode.clone()),
        roles: vec![role.clone()],
        role: Some(role),
        scopes: grant.scopes.clone(),
        remote_ip: (!peer.local).then(|| peer.ip.to_string()),
    }
}

/// The device's public key, however it was written.
fn public_key(params: &ConnectParams) -> Option<String> {
    device::canonical_key(&params.device.as_ref()?.public_key)
}
