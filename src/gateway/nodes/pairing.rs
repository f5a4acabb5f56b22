//! Letting nodes in: what waits and who is in, approving, rejecting, forgetting and naming. What is approved holds at once,
//! also on the connection that is open.

use std::rc::Rc;

use serde_json::{Value, json};

use super::book::{self, Book};
use super::surface::Known;
use super::{calls, policy};
use crate::gateway::admission::Role;
use crate::gateway::connection::Connection;
use crate::gateway::devices::{self, Manager};
use crate::gateway::hub::{Announcement, Hub};
use crate::gateway::scope;
use crate::host::clock;
use crate::wire::{Fault, fault};

/// Longest name that an operator gives a node, in characters.
const NAME_MAX: usize = 128;

/// What waits and who is in, as far as `asker` reaches.
pub fn list(hub: &Hub, asker: &Connection) -> Value {
    let manager = Manager::of(&asker.grant);
    let book = hub.nodes.book.borrow();
    let seen = || book.all().filter(|known| manager.reaches(&known.node_id));
    let mut pending: Vec<Value> = seen().filter_map(Known::request).collect();
    pending.sort_by_key(|request| std::cmp::Reverse(request["ts"].as_u64()));
    let paired: Vec<Value> = seen().filter_map(Known::pairing).collect();
    json!({ "pending": pending, "paired": paired })
}

/// Lets in what waits under `request_id`, for `approver`.
///
/// # Errors
/// `INVALID_REQUEST` where nothing waits under it, `FORBIDDEN` where the approver lacks what these commands need, or what
/// the store says; nothing is approved then.
pub async fn approve(hub: &Rc<Hub>, request_id: &str, approver: &Connection) -> Result<Value, Fault> {
    let before = {
        let mut book = hub.nodes.book.borrow_mut();
        let known = waiting(&book, request_id, approver, "approval")?;
        let commands = known.pending.as_ref().map(|pending| pending.surface.commands.as_slice());
        let needed = policy::approve_scopes(commands.unwrap_or_default());
        if let Some(missing) = needed.iter().find(|scope| !approver.may(scope)) {
            return Err(short_of(missing, &needed));
        }
        let node = book.known_mut(&known.node_id).ok_or_else(unknown_request)?;
        node.approve(clock::epoch_ms());
        known
    };
    let node_id = before.node_id.clone();
    if let Err(fault) = book::save(hub, &node_id).await {
        if let Some(known) = hub.nodes.book.borrow_mut().known_mut(&node_id) {
            (known.approved, known.pending) = (before.approved, before.pending);
        }
        return Err(fault);
    }
    tracing::info!(target: "gateway/nodes", node = node_id, by = approver.id, "a node is let in");
    let resolved = resolved(hub, request_id, &node_id, "approved");
    if let Some(live) = hub.nodes.book.borrow().live(&node_id) {
        live.connection.tell("node.pair.resolved", resolved);
    }
    let pairing = hub.nodes.book.borrow().known(&node_id).and_then(Known::pairing);
    Ok(json!({ "requestId": request_id, "node": pairing.unwrap_or_default() }))
}

/// Turns away what waits under `request_id`; what was approved earlier stays.
///
/// # Errors
/// `INVALID_REQUEST` where nothing waits under it, or what the store says.
pub async fn reject(hub: &Rc<Hub>, request_id: &str, asker: &Connection) -> Result<Value, Fault> {
    let node_id = {
        let mut book = hub.nodes.book.borrow_mut();
        let node_id = waiting(&book, request_id, asker, "rejection")?.node_id;
        if let Some(known) = book.known_mut(&node_id) {
            known.pending = None;
        }
        node_id
    };
    book::save(hub, &node_id).await?;
    resolved(hub, request_id, &node_id, "rejected");
    Ok(json!({ "requestId": request_id, "nodeId": node_id }))
}

/// Forgets a node and everything that was approved of it; its device is none any more, and its connection ends.
///
/// # Errors
/// `INVALID_REQUEST` where there is none of that id or the asker may not, or what the store says.
pub async fn remove(hub: &Rc<Hub>, node_id: &str, asker: &Connection) -> Result<Value, Fault> {
    hub.devices.ready(&hub.store).await?;
    let change = {
        let devices = hub.devices.book();
        if !Manager::of(&asker.grant).may_change(node_id, devices.paired.get(node_id)) {
            return Err(denied("removal", node_id));
        }
        devices::leave(&devices, node_id, Role::Node.as_str())
    };
    if change.is_none() && hub.nodes.book.borrow().known(node_id).is_none() {
        return Err(unknown_node());
    }
    if let Some(change) = change {
        hub.devices.commit(&hub.store, change).await?;
    }
    end(hub, node_id);
    devices::disconnect(hub, node_id, Some(Role::Node.as_str()), &asker.id);
    book::save(hub, node_id).await?;
    resolved(hub, "", node_id, "removed");
    Ok(json!({ "nodeId": node_id }))
}

/// Forgets a node without a word to operators: its device is paired no more.
pub fn forget(hub: &Rc<Hub>, node_id: &str) {
    end(hub, node_id);
    book::save_later(hub, node_id.to_owned());
}

/// Ends everything that is under way with a node; its calls fail at once.
fn end(hub: &Rc<Hub>, node_id: &str) {
    let connection = hub.nodes.book.borrow_mut().remove(node_id);
    hub.nodes.work.borrow_mut().forget(node_id);
    if let Some(connection) = connection {
        calls::disconnected(hub, &connection.id);
    }
}

/// Gives a node a name of the operator's own.
///
/// # Errors
/// `INVALID_REQUEST` where the name is empty or too long, the node was never let in or the asker may not, or what the
/// store says.
pub async fn rename(hub: &Rc<Hub>, node_id: &str, name: &str, asker: &Connection) -> Result<Value, Fault> {
    if !Manager::of(&asker.grant).reaches(node_id) {
        tracing::warn!(target: "gateway/nodes", node = node_id, "node rename denied");
        return Err(Fault::invalid("node rename denied"));
    }
    let name = name.trim();
    if name.is_empty() {
        return Err(Fault::invalid("displayName required"));
    }
    if name.chars().count() > NAME_MAX {
        return Err(Fault::invalid(format!("displayName must not have more than {NAME_MAX} characters")));
    }
    match hub.nodes.book.borrow_mut().known_mut(node_id) {
        Some(known) if known.approved.is_some() => known.renamed = Some(name.to_owned()),
        _ => return Err(unknown_node()),
    }
    book::save(hub, node_id).await?;
    Ok(json!({ "nodeId": node_id, "displayName": name }))
}

/// Tells operators how a request ended; gives back what was told.
fn resolved(hub: &Hub, request_id: &str, node_id: &str, decision: &str) -> Value {
    let payload = json!({
        "requestId": request_id,
        "nodeId": node_id,
        "decision": decision,
        "ts": clock::epoch_ms(),
    });
    hub.announce(Announcement::new("node.pair.resolved", Some(scope::PAIRING), &payload));
    payload
}

/// The answer where there is no such node.
pub fn unknown_node() -> Fault {
    Fault::invalid("unknown nodeId")
}

/// The node that waits under this request, where `asker` reaches it.
fn waiting(book: &Book, request_id: &str, asker: &Connection, what: &str) -> Result<Known, Fault> {
    let manager = Manager::of(&asker.grant);
    match book.waiting(request_id) {
        Some(known) if manager.reaches(&known.node_id) => Ok(known.clone()),
        Some(known) => Err(denied(what, &known.node_id)),
        // Who is bound to one device learns nothing of the others' requests.
        None if manager.is_bound() => Err(denied(what, "")),
        None => Err(unknown_request()),
    }
}

fn denied(what: &str, node_id: &str) -> Fault {
    tracing::warn!(target: "gateway/nodes", node = node_id, "node pairing {what} denied");
    Fault::invalid(format!("node pairing {what} denied"))
}

fn unknown_request() -> Fault {
    Fault::invalid("unknown requestId")
}

fn short_of(missing: &str, needed: &[&str]) -> Fault {
    Fault::new(fault::FORBIDDEN, format!("missing scope: {missing}")).details(json!({
        "code": "MISSING_SCOPE",
        "missingScope": missing,
        "requiredScopes": needed,
    }))
}
