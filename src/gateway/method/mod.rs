//! The methods: one file each, and one row each in the table below. A row says who may call the method and
//! what its parameters look like; the file says what it does.

pub mod health;
pub mod logs_tail;
pub mod status;
pub mod system_presence;

use std::future::ready;
use std::pin::Pin;
use std::rc::Rc;

use serde_json::Value;

use super::admission::Grant;
use super::hub::Hub;
use super::scope;
use super::shape::Shape;
use crate::wire::Fault;

/// A call that may go ahead.
#[derive(Clone, Debug)]
pub struct Call {
    /// The gateway.
    pub hub: Rc<Hub>,
    /// Who calls.
    pub grant: Rc<Grant>,
    /// The parameters; they fit the row's shape.
    pub params: Value,
}

impl Call {
    /// Whether the caller may see what only admins may.
    pub fn is_admin(&self) -> bool {
        scope::covers(&self.grant.scopes, scope::ADMIN)
    }
}

/// What a method gives back, now or later.
pub type Answer = Pin<Box<dyn Future<Output = Result<Value, Fault>>>>;

/// A method that needs not wait.
fn now(result: Result<Value, Fault>) -> Answer {
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

/// Every method of this gateway.
const METHODS: &[Method] = &[
    Method { name: "health", scope: None, params: None, run: |call| now(Ok(health::answer(&call))) },
    Method {
        name: "status",
        scope: Some(scope::READ),
        params: Some(status::PARAMS),
        run: |call| now(Ok(status::answer(&call))),
    },
    Method {
        name: "system-presence",
        scope: Some(scope::READ),
        params: Some(Shape::Object(&[])),
        run: |call| now(Ok(system_presence::answer(&call))),
    },
    Method {
        name: "logs.tail",
        scope: Some(scope::READ),
        params: Some(logs_tail::PARAMS),
        run: |call| now(logs_tail::answer(&call)),
    },
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

/// The method of that name.
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// Whether only nodes may call the method, be it here or not.
pub fn is_node_only(name: &str) -> bool {
    NODE_ONLY.contains(&name)
}

/// The names of all methods, as `hello-ok` lists them.
pub fn names() -> Vec<String> {
    METHODS.iter().map(|method| method.name.to_owned()).collect()
}
