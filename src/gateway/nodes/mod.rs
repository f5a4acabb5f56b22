//! Nodes: the devices that do something for whoever uses the gateway. One that connects is known by its device; what it
//! may do has to be approved, and what is called on it is bounded in number and in time.
//!
//! | file | its part |
//! | --- | --- |
//! | `policy`, `surface` | the decisions, pure |
//! | `book` | who is known, who is here, in memory and in the store |
//! | `pairing` | letting them in, renaming, forgetting |
//! | `invoke`, `calls`, `order` | calls on a node: their way, the open ones, what is sent |
//! | `presence` | signs of life |
//! | `work` | what waits for a node to ask for it |
//! | `voice` | the words that wake the assistant by voice |

mod book;
mod calls;
mod invoke;
mod order;
pub mod pairing;
pub mod policy;
pub mod presence;
mod surface;
pub mod voice;
pub mod work;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Value, json};

pub use book::{Attached, attach};
pub use calls::{Told, progress, result};
pub use invoke::{Invoke, invoke};
pub use pairing::forget;

use super::connection::Connection;
use super::hub::Hub;
use crate::wire::Fault;

/// What the gateway knows of its nodes.
#[derive(Debug, Default)]
pub struct Nodes {
    recalled: Cell<bool>,
    book: RefCell<book::Book>,
    calls: RefCell<calls::Calls>,
    work: RefCell<work::Work>,
    voice: RefCell<voice::Voice>,
}

/// Takes up what an earlier life of the gateway knew. Where the store cannot be read now, that is tried again before
/// anything is written to it; until then every node counts as one that was never let in.
pub async fn recall(hub: &Hub) {
    if let Err(fault) = try_recall(hub).await {
        tracing::error!(target: "gateway/nodes", "no node is known for now: {}", fault.message);
    }
}

async fn try_recall(hub: &Hub) -> Result<(), Fault> {
    if !hub.nodes.recalled.get() {
        let (known, voice) = (book::recall(&hub.store).await?, voice::recall(&hub.store).await?);
        hub.nodes.recalled.set(true);
        hub.nodes.book.borrow_mut().fill(known);
        hub.nodes.voice.replace(voice);
    }
    Ok(())
}

/// The entries of all nodes, the connected ones first and then by name, as `node.list` has them.
pub fn list(hub: &Hub) -> Vec<Value> {
    hub.nodes.book.borrow().entries()
}

/// The entry of one node.
pub fn entry(hub: &Hub, node_id: &str) -> Option<Value> {
    hub.nodes.book.borrow().entry(node_id)
}

/// The id of a node, by its id or its name where only one has it.
pub fn id_of(hub: &Hub, name: &str) -> Option<String> {
    hub.nodes.book.borrow().find(name).map(str::to_owned)
}

/// The node that a connection of this device may speak for now: its surface is approved and it is the newest connection
/// of its device.
///
/// # Errors
/// `UNAVAILABLE` with `PAIRING_CHANGED`.
pub fn speaks_for(hub: &Hub, connection: &Rc<Connection>) -> Result<String, Fault> {
    let book = hub.nodes.book.borrow();
    let node_id = connection.grant.device.as_deref().unwrap_or_default();
    let here = book.live(node_id).is_some_and(|live| live.connection.id == connection.id);
    let approved = book.known(node_id).is_some_and(|known| known.approved.is_some());
    if here && approved { Ok(node_id.to_owned()) } else { Err(pairing_changed()) }
}

/// The answer where a node is unknown, not let in, or not let in any more.
pub fn pairing_changed() -> Fault {
    let mut fault =
        Fault::new(crate::wire::fault::UNAVAILABLE, "node pairing changed while invocation was active")
            .details(json!({ "code": "PAIRING_CHANGED" }));
    fault.retryable = Some(true);
    fault
}
