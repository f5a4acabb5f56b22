//! What all connections of one gateway share: who is there, what was announced, who failed to log in, whether
//! the gateway is going down. One thread owns it, so plain cells are enough.

mod counted;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast, watch};
use uuid::Uuid;

pub use counted::{Admitted, Opened, Stranger};

use super::access::{Access, Reload, Settings};
use super::agent::Agent;
use super::approvals::Approvals;
use super::budget::Budget;
use super::channel::Channels;
use super::connection::Connection;
use super::devices::Devices;
use super::load::Load;
use super::machine;
use super::method::Table;
use super::nodes::Nodes;
use super::options::Options;
use super::presence::Presence;
use super::scope;
use super::sessions::Sessions;
use super::settings;
use super::store::Store;
use super::tailnet::Front;
use super::throttle::Throttle;
use crate::base::Moment;
use crate::host::clock::{self, Stopwatch};
use crate::link::web::Web;
use crate::profile::Embedded;
use crate::wire::Fault;
use crate::wire::frame::StateVersion;

/// Announcements that a connection may lag behind before it misses some; a gap in `seq` tells its client.
const BACKLOG: usize = 64;
/// Wakes every connection, so that it sees that its credential counts no more; told to no client.
pub const AUTH_CHANGED: &str = "auth.changed";
/// The event that tells clients of the end.
pub const SHUTDOWN: &str = "shutdown";

/// Something told to every connection that may hear it.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// The event's name.
    pub event: &'static str,
    /// What happened, as JSON: written once, however many hear it.
    pub payload: Box<str>,
    /// The scope needed to hear it.
    pub scope: Option<&'static str>,
    /// The session that it concerns; who asked for chosen sessions only is spared the others.
    pub session: Option<Box<str>>,
    /// Whether it carries the versions of presence and health.
    pub versioned: bool,
}

impl Announcement {
    /// An event for everybody who has `scope`; for all where it is `None`.
    pub fn new(event: &'static str, scope: Option<&'static str>, payload: &Value) -> Self {
        let payload = payload.to_string().into_boxed_str();
        Announcement { event, payload, scope, session: None, versioned: false }
    }

    /// The same, with the versions of presence and health.
    pub fn versioned(self) -> Self {
        Announcement { versioned: true, ..self }
    }

    /// The same, concerning one session.
    pub fn of_session(self, key: &str) -> Self {
        Announcement { session: Some(key.into()), ..self }
    }
}

/// What of the configuration is not in force.
#[derive(Debug, Default)]
struct Reloading {
    /// Keys that wait for a start.
    waiting: Vec<&'static str>,
    /// Why the newest form was refused.
    refused: Option<String>,
}

/// What all connections share.
#[derive(Debug)]
pub struct Hub {
    /// What the gateway was told when it started.
    pub options: Options,
    /// What it can be asked and what it tells.
    pub table: Table,
    /// What it remembers.
    pub store: Store,
    /// Who hears of sessions.
    pub sessions: Sessions,
    /// Who answers.
    pub agent: Agent,
    /// How it asks servers of the web.
    pub web: Web,
    /// The devices that it knows.
    pub devices: Devices,
    /// This life of the process.
    pub boot_id: String,
    /// Its side towards the tailnet, where it has one.
    pub front: Option<Front>,
    /// Its nodes.
    pub nodes: Nodes,
    /// What waits for somebody to decide, and what was decided.
    pub approvals: Approvals,
    /// The other profiles, where it is a rescue profile's.
    pub fleet: Option<super::fleet::Fleet>,
    /// How busy it is.
    pub load: RefCell<Load>,
    /// Its channels.
    pub channels: Channels,
    started: Stopwatch,
    health_version: Cell<u64>,
    presence: RefCell<Presence>,
    throttle: RefCell<Throttle>,
    budget: RefCell<Budget>,
    applied: RefCell<Option<String>>,
    access: RefCell<Rc<Access>>,
    embedded: RefCell<Rc<Embedded>>,
    reload: RefCell<Option<Reload>>,
    reloading: RefCell<Reloading>,
    epoch: Cell<u64>,
    strangers: RefCell<HashMap<IpAddr, usize>>,
    connections: RefCell<HashMap<String, Rc<Connection>>>,
    announcements: broadcast::Sender<Rc<Announcement>>,
    draining: watch::Sender<bool>,
    open: Cell<usize>,
    changed: Notify,
}

impl Hub {
    /// The hub of a gateway that begins now.
    pub fn new(mut options: Options, store: Store) -> Rc<Self> {
        let own = own_entry(&options);
        Rc::new(Hub {
            table: Table::of(&options),
            store,
            sessions: Sessions::default(),
            agent: Agent::default(),
            web: Web::default(),
            devices: Devices::default(),
            boot_id: Uuid::new_v4().to_string(),
            front: options.tailnet.clone().map(Front::new),
            nodes: Nodes::default(),
            approvals: Approvals::default(),
            fleet: super::fleet::Fleet::of(&options),
            load: RefCell::default(),
            channels: Channels::default(),
            started: Stopwatch::start(),
            health_version: Cell::new(1),
            presence: RefCell::new(Presence::new(own)),
            throttle: RefCell::new(Throttle::new(options.limits.penalty, options.access.fence.rate_limit)),
            budget: RefCell::default(),
            applied: RefCell::default(),
            access: RefCell::new(Rc::new(options.access.clone())),
            embedded: RefCell::new(Rc::new(options.embedded.clone())),
            reload: RefCell::new(options.reload.take()),
            reloading: RefCell::default(),
            epoch: Cell::new(0),
            strangers: RefCell::default(),
            connections: RefCell::default(),
            announcements: broadcast::Sender::new(BACKLOG),
            draining: watch::Sender::new(false),
            open: Cell::new(0),
            changed: Notify::new(),
            options,
        })
    }

    /// Age of the gateway in milliseconds.
    pub fn uptime_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Now, for decisions that take a [`Moment`].
    pub fn moment(&self) -> Moment {
        Moment::new(self.started.elapsed())
    }

    /// Versions of what is published.
    pub fn versions(&self) -> StateVersion {
        StateVersion { presence: self.presence.borrow().version(), health: self.health_version.get() }
    }

    /// Counts a new health snapshot.
    pub fn health_changed(&self) {
        self.health_version.set(self.health_version.get() + 1);
    }

    /// Tells every connection that may hear it.
    pub fn announce(&self, announcement: Announcement) {
        // Nobody listening is no failure.
        let _ = self.announcements.send(Rc::new(announcement));
    }

    /// Hears what is announced from here on.
    pub fn listen(&self) -> broadcast::Receiver<Rc<Announcement>> {
        self.announcements.subscribe()
    }

    /// The open connections.
    pub fn connections(&self) -> Vec<Rc<Connection>> {
        self.connections.borrow().values().cloned().collect()
    }

    /// The open connection of that id.
    pub fn connection(&self, id: &str) -> Option<Rc<Connection>> {
        self.connections.borrow().get(id).cloned()
    }

    /// Who is there.
    pub fn presence(&self) -> Vec<Value> {
        self.presence.borrow().list(clock::epoch_ms())
    }

    /// Changes the list of who is there with `change`; tells everyone when that returns true.
    pub fn change_presence(&self, change: impl FnOnce(&mut Presence, u64) -> bool) {
        if change(&mut self.presence.borrow_mut(), clock::epoch_ms()) {
            let payload = json!({ "presence": self.presence() });
            self.announce(Announcement::new("presence", Some(scope::READ), &payload).versioned());
        }
    }

    /// Who may come in now.
    pub fn access(&self) -> Rc<Access> {
        Rc::clone(&self.access.borrow())
    }

    /// How it does its work now.
    pub fn embedded(&self) -> Rc<Embedded> {
        Rc::clone(&self.embedded.borrow())
    }

    /// How often the credential has changed; a connection of an earlier one has to log in anew.
    pub fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Takes over what the configuration says now, if it has changed and may be.
    pub fn look_again(&self) {
        let found = self.reload.borrow_mut().as_mut().and_then(Reload::look);
        match found {
            None => {}
            Some(Err(error)) => {
                tracing::warn!(target: "gateway", code = error.code(), "the changed configuration is refused, what it had stays: {error}");
                self.reloading.borrow_mut().refused = Some(error.to_string());
            }
            Some(Ok(Settings { access, embedded, waiting })) => {
                // What waits for a start is not what the gateway works by.
                if waiting.is_empty() {
                    self.note_config();
                }
                self.reloading.replace(Reloading { waiting, refused: None });
                self.embedded.replace(Rc::new(embedded));
                self.channels.look_again();
                let before = self.access.replace(Rc::new(access));
                let now = self.access();
                self.throttle().set_limit(now.fence.rate_limit);
                if !before.auth.is_same(&now.auth) {
                    self.epoch.set(self.epoch.get() + 1);
                    let auth = now.auth.mode();
                    tracing::info!(target: "gateway", auth, "the credential has changed; everyone logs in anew");
                    self.announce(Announcement::new(AUTH_CHANGED, None, &Value::Null));
                }
            }
        }
    }

    /// What of the configuration is not in force, for `health`.
    pub fn config_reload(&self) -> Value {
        let reloading = self.reloading.borrow();
        let active = self.reload.borrow().is_some();
        let mut shown = json!({ "hotReloadStatus": if active { "active" } else { "disabled" } });
        if !reloading.waiting.is_empty() {
            shown["restartNeeded"] = json!(reloading.waiting);
        }
        if let Some(refused) = &reloading.refused {
            shown["refused"] = json!(refused);
        }
        shown
    }

    /// Notes that the gateway works by the configuration as it is written now.
    pub fn note_config(&self) {
        let mark = settings::mark_of(self, &settings::read(self));
        self.applied.replace(mark);
    }

    /// The mark of the configuration that the gateway works by.
    pub fn applied_config(&self) -> Option<String> {
        self.applied.borrow().clone()
    }

    /// Notes a call of `method` on a connection.
    ///
    /// # Errors
    /// The answer, where its party has called it too often.
    pub fn spend(&self, method: &'static str, connection: &Connection) -> Result<(), Box<Fault>> {
        let device = connection.grant.device.clone();
        let party = device.unwrap_or_else(|| connection.peer.ip.to_string());
        self.budget.borrow_mut().spend(method, party, self.moment())
    }

    /// The record of failed logins.
    pub fn throttle(&self) -> std::cell::RefMut<'_, Throttle> {
        self.throttle.borrow_mut()
    }

    /// Begins the end: nothing new is taken, and what is being answered ends.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Tells every connection that this is the end; each closes by itself.
    pub fn part(&self) {
        self.announce(Announcement::new(SHUTDOWN, None, &json!({ "reason": "gateway stopping" })));
    }

    /// Whether the end has begun.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits for the end to begin.
    pub async fn drained(&self) {
        let mut draining = self.draining.subscribe();
        // The sender lives as long as the hub: this cannot fail.
        let _ = draining.wait_for(|draining| *draining).await;
    }
}

fn own_entry(options: &Options) -> Value {
    let host = machine::hostname();
    json!({
        "text": format!("Gateway: {host} (127.0.0.1) · app {} · mode gateway · reason self", options.version),
        "host": host,
        "ip": "127.0.0.1",
        "version": options.version,
        "platform": machine::platform(),
        "deviceFamily": machine::device_family(),
        "mode": "gateway",
        "reason": "self",
        "instanceId": Uuid::new_v4().to_string(),
    })
}
