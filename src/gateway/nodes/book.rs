//! Who is known and who is here. Memory leads, the store follows: a node's row is written from memory as it is at that
//! moment, so rows can come late but never in a wrong order.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::task::spawn_local;
use uuid::Uuid;

use super::surface::{Known, Surface};
use super::{calls, voice};
use crate::gateway::connection::Connection;
use crate::gateway::hub::{Announcement, Hub};
use crate::gateway::scope;
use crate::gateway::store::Store;
use crate::host::clock;
use crate::wire::{ConnectParams, Fault};

/// Nodes that are remembered; beyond that the one is forgotten that was away longest, those that were never let in first.
const KNOWN_MAX: usize = 512;

/// A node that is connected.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its connection, the newest of its device.
    pub connection: Rc<Connection>,
    /// What it claims, as far as the policy let it at its connect.
    pub claims: Surface,
    /// When it connected, milliseconds since the epoch.
    pub since_ms: u64,
    /// When its last sign of life was kept.
    pub alive_ms: Option<u64>,
    /// When its user did something last, and when it said so.
    pub active_ms: Option<(u64, u64)>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Book {
    known: BTreeMap<String, Known>,
    live: HashMap<String, Live>,
}

impl Book {
    /// Takes up what the store has; who came meanwhile and is not approved anew is what the store says.
    pub fn fill(&mut self, stored: Vec<Known>) {
        for stored in stored {
            match self.known.get_mut(&stored.node_id) {
                Some(known) if known.approved.is_none() => {
                    (known.approved, known.renamed) = (stored.approved, stored.renamed);
                }
                Some(_) => {}
                None => drop(self.known.insert(stored.node_id.clone(), stored)),
            }
        }
    }

    /// A node that was here once.
    pub fn known(&self, node_id: &str) -> Option<&Known> {
        self.known.get(node_id)
    }

    /// The same, to be changed.
    pub fn known_mut(&mut self, node_id: &str) -> Option<&mut Known> {
        self.known.get_mut(node_id)
    }

    /// Everyone who was here once.
    pub fn all(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }

    /// A node that is connected.
    pub fn live(&self, node_id: &str) -> Option<&Live> {
        self.live.get(node_id)
    }

    /// The same, to be changed.
    pub fn live_mut(&mut self, node_id: &str) -> Option<&mut Live> {
        self.live.get_mut(node_id)
    }

    /// The connections of the nodes that are here.
    pub fn connections(&self) -> Vec<Rc<Connection>> {
        self.live.values().map(|live| Rc::clone(&live.connection)).collect()
    }

    /// Forgets a node; gives back its connection, where it has one.
    pub fn remove(&mut self, node_id: &str) -> Option<Rc<Connection>> {
        self.known.remove(node_id);
        self.live.remove(node_id).map(|live| live.connection)
    }

    /// The node that waits under this request.
    pub fn waiting(&self, request_id: &str) -> Option<&Known> {
        self.all()
            .find(|known| known.pending.as_ref().is_some_and(|pending| pending.request_id == request_id))
    }

    /// The id of the one node of that id or that name.
    pub fn find(&self, wanted: &str) -> Option<&str> {
        if let Some(known) = self.known.get(wanted) {
            return Some(&known.node_id);
        }
        let mut named = self
            .all()
            .filter(|known| known.name().is_some_and(|name| name.trim().eq_ignore_ascii_case(wanted.trim())));
        match (named.next(), named.next()) {
            (Some(only), None) => Some(&only.node_id),
            _ => None,
        }
    }

    /// The entry of one node.
    pub fn entry(&self, node_id: &str) -> Option<Value> {
        let live = self.live.get(node_id);
        let mut entry = self.known.get(node_id)?.entry(live.map(|live| (&live.claims, live.since_ms)));
        if let Some((active, said)) = live.and_then(|live| live.active_ms) {
            (entry["lastActiveAtMs"], entry["presenceUpdatedAtMs"]) = (json!(active), json!(said));
        }
        Some(entry)
    }

    /// The entries of all, those that are here first, then by name.
    pub fn entries(&self) -> Vec<Value> {
        let mut all: Vec<&Known> = self.all().collect();
        all.sort_by_cached_key(|known| {
            let name = known.name().unwrap_or(&known.node_id).to_lowercase();
            (!self.live.contains_key(&known.node_id), name, known.node_id.clone())
        });
        all.into_iter().filter_map(|known| self.entry(&known.node_id)).collect()
    }

    /// Makes room for one more.
    fn make_room(&mut self) -> Option<String> {
        if self.known.len() < KNOWN_MAX {
            return None;
        }
        let away = self.all().filter(|known| !self.live.contains_key(&known.node_id));
        let oldest = away.min_by_key(|known| (known.approved.is_some(), known.last_seen_at_ms))?;
        let node_id = oldest.node_id.clone();
        self.known.remove(&node_id);
        Some(node_id)
    }
}

/// A node's connection, for as long as it is open.
#[derive(Debug)]
pub struct Attached {
    hub: Rc<Hub>,
    connection: Rc<Connection>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        let node_id = self.connection.grant.device.as_deref().unwrap_or_default();
        {
            let mut book = self.hub.nodes.book.borrow_mut();
            if book.live.get(node_id).is_some_and(|live| live.connection.id == self.connection.id) {
                book.live.remove(node_id);
            }
        }
        calls::disconnected(&self.hub, &self.connection.id);
    }
}

/// Takes up a node that has just connected. What it claims beyond its approval is announced as a request; a node that was
/// connected before under the same device is not spoken to any more.
pub fn attach(hub: &Rc<Hub>, connection: &Rc<Connection>, params: &ConnectParams) -> Attached {
    let node_id = connection.grant.device.clone().unwrap_or_default();
    let claims = Surface::claimed(params, &hub.embedded().nodes);
    let now = clock::epoch_ms();
    let (request, before, dropped) = {
        let mut book = hub.nodes.book.borrow_mut();
        let dropped = if book.known(&node_id).is_none() { book.make_room() } else { None };
        let known =
            book.known.entry(node_id.clone()).or_insert_with(|| Known::new(&node_id, &params.client, now));
        let asks =
            known.connects(&params.client, &claims, connection.peer.local, now, &Uuid::new_v4().to_string());
        let request = if asks { known.request() } else { None };
        let live = Live {
            connection: Rc::clone(connection),
            claims,
            since_ms: now,
            alive_ms: None,
            active_ms: None,
        };
        (request, book.live.insert(node_id.clone(), live), dropped)
    };
    if let Some(before) = before {
        calls::disconnected(hub, &before.connection.id);
    }
    if let Some(request) = request {
        tracing::info!(target: "gateway/nodes", node = node_id, "a node waits for its approval");
        hub.announce(Announcement::new("node.pair.requested", Some(scope::PAIRING), &request));
    }
    voice::greet(hub, connection);
    for node_id in dropped.into_iter().chain([node_id]) {
        save_later(hub, node_id);
    }
    Attached { hub: Rc::clone(hub), connection: Rc::clone(connection) }
}

/// Writes a node's row without anyone waiting for it.
pub fn save_later(hub: &Rc<Hub>, node_id: String) {
    let hub = Rc::clone(hub);
    spawn_local(async move {
        if let Err(fault) = save(&hub, &node_id).await {
            tracing::error!(target: "gateway/nodes", node = node_id, "not written down: {}", fault.message);
        }
    });
}

/// Writes a node's row as memory has it now, or deletes it where memory has none.
///
/// # Errors
/// What the store says.
pub async fn save(hub: &Rc<Hub>, node_id: &str) -> Result<(), Fault> {
    super::try_recall(hub).await?;
    let record = hub.nodes.book.borrow().known(node_id).and_then(|known| serde_json::to_string(known).ok());
    let node_id = node_id.to_owned();
    hub.store
        .write(move |tx| match record {
            Some(record) => {
                let upsert = "INSERT INTO nodes (node_id, record) VALUES (?1, ?2)
                              ON CONFLICT (node_id) DO UPDATE SET record = excluded.record";
                tx.execute(upsert, [&node_id, &record])
            }
            None => tx.execute("DELETE FROM nodes WHERE node_id = ?1", [&node_id]),
        })
        .await?;
    Ok(())
}

/// Every node that the store has; a row that cannot be read is as good as none, and its node asks anew.
///
/// # Errors
/// What the store says.
pub async fn recall(store: &Store) -> Result<Vec<Known>, Fault> {
    let rows = store
        .read(|db| {
            let mut rows = db.prepare("SELECT record FROM nodes")?;
            rows.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
        })
        .await?;
    Ok(rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect())
}
