//! The methods: one file each, and one row each in the table of their family. A row says who may call the method and
//! what its parameters look like; the file says what it does. A family comes with the events that it tells.

mod agent;
pub mod approval;
pub mod channel;
mod chat;
mod device;
mod fleet;
mod info;
mod node;
mod own;
mod sessions;

pub mod health;
pub mod logs_tail;
pub mod models;
pub mod status;
pub mod system_presence;

use std::collections::HashMap;
use std::future::ready;
use std::pin::Pin;
use std::rc::Rc;

use serde_json::Value;

use super::connection::Connection;
use super::hub::Hub;
use super::options::Options;
use super::scope;
use super::shape::Shape;
use crate::wire::Fault;

/// A call that may go ahead.
#[derive(Clone, Debug)]
pub struct Call {
    /// The gateway.
    pub hub: Rc<Hub>,
    /// Who calls.
    pub connection: Rc<Connection>,
    /// Its id, chosen by the caller.
    pub id: String,
    /// The parameters; they fit the row's shape.
    pub params: Value,
}

impl Call {
    /// Whether the caller may see what only admins may.
    pub fn is_admin(&self) -> bool {
        self.connection.may(scope::ADMIN)
    }

    /// Answers that the call was accepted; its outcome follows as a second answer under the same id.
    pub fn accept(&self, payload: Value) {
        self.connection.answer(&self.id, payload);
    }

    /// A parameter that is a text; empty where it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.params[name].as_str().unwrap_or_default()
    }
}

/// What a method gives back, now or later.
pub type Answer = Pin<Box<dyn Future<Output = Result<Value, Fault>>>>;

/// A method that waits for something.
pub fn later(answer: impl Future<Output = Result<Value, Fault>> + 'static) -> Answer {
    Box::pin(answer)
}

/// A method that needs not wait.
pub fn now(result: Result<Value, Fault>) -> Answer {
    Box::pin(ready(result))
}

/// One row of the table.
#[derive(Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// The scope that it needs; none means that nodes may call it as well.
    pub scope: Option<&'static str>,
    /// Its parameters; none means that whatever comes is ignored.
    pub params: Option<Shape>,
    /// What it does.
    pub run: fn(Call) -> Answer,
}

/// Methods and events that belong together.
#[derive(Debug)]
pub struct Family {
    /// Whether a gateway with these options has them.
    pub here: fn(&Options) -> bool,
    /// The methods.
    pub methods: &'static [Method],
    /// The events that it tells.
    pub events: &'static [&'static str],
}

/// Every family; which of them a gateway has is decided when it starts.
const FAMILIES: &[Family] = &[
    agent::FAMILY,
    approval::FAMILY,
    chat::FAMILY,
    device::FAMILY,
    channel::FAMILY,
    fleet::FAMILY,
    info::FAMILY,
    models::FAMILY,
    node::FAMILY,
    own::FAMILY,
    sessions::FAMILY,
];

/// Methods that belong to nodes alone; an operator that calls one is told so.
const NODE_ONLY: &[&str] = &[
    "node.event",
    "node.invoke.progress",
    "node.invoke.result",
    "node.pending.ack",
    "node.pending.drain",
    "node.pending.pull",
    "node.pluginSurface.refresh",
    "node.pluginTools.update",
    "node.runnerInventory.update",
    "node.skills.update",
    "skills.bins",
];

/// What one gateway can be asked and what it tells.
#[derive(Debug)]
pub struct Table {
    rows: HashMap<&'static str, &'static Method>,
    methods: Vec<String>,
    events: Vec<String>,
}

impl Table {
    /// The table of a gateway with these options.
    pub fn of(options: &Options) -> Self {
        Table::with(|family| (family.here)(options))
    }

    fn with(is_here: impl Fn(&Family) -> bool) -> Self {
        let here = || FAMILIES.iter().filter(|family| is_here(family));
        let rows: HashMap<_, _> =
            here().flat_map(|family| family.methods).map(|method| (method.name, method)).collect();
        let sorted = |names: Vec<&str>| {
            let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            names.sort_unstable();
            names
        };
        let methods = sorted(rows.keys().copied().collect());
        let events = sorted(here().flat_map(|family| family.events).copied().collect());
        Table { rows, methods, events }
    }

    /// The table of a gateway that has every family.
    pub fn of_all() -> Self {
        Table::with(|_| true)
    }

    /// The method of that name.
    pub fn find(&self, name: &str) -> Option<&'static Method> {
        self.rows.get(name).copied()
    }

    /// The names of all methods, as `hello-ok` lists them.
    pub fn methods(&self) -> &[String] {
        &self.methods
    }

    /// The names of all events, as `hello-ok` lists them.
    pub fn events(&self) -> &[String] {
        &self.events
    }
}

/// Whether only nodes may call the method, be it here or not.
pub fn is_node_only(name: &str) -> bool {
    NODE_ONLY.contains(&name)
}
