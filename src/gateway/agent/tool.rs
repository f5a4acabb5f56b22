//! What the model may use: each tool with its name, the schema of what it takes and who may have it used. A model is
//! told of no tool that the author may not use, and one that it names all the same is not there.

use std::rc::Rc;

use serde_json::{Value, json};

use super::Author;
use super::command::Said;
use crate::gateway::fleet;
use crate::gateway::hub::Hub;

/// A tool.
#[derive(Debug)]
pub struct Tool {
    /// Its name: small letters and underscores.
    pub name: &'static str,
    /// What it does, for the model.
    pub does: &'static str,
    /// The JSON schema of what it takes, an object.
    pub takes: fn() -> Value,
    /// Whether there is such a tool here for this author.
    pub here: fn(&Hub, &Author) -> bool,
    /// Uses it; what it gives back is for the model, the error as well.
    pub run: fn(Used) -> Said,
}

/// A tool as it is used.
#[derive(Clone, Debug)]
pub struct Used {
    /// The gateway.
    pub hub: Rc<Hub>,
    /// For whom.
    pub author: Author,
    /// The session, its full key.
    pub session_key: String,
    /// The run.
    pub run_id: String,
    /// The id of this use, of the model's choice.
    pub call_id: String,
    /// What it was given; not held against the schema yet.
    pub args: Value,
}

impl Used {
    /// An argument that is a text; empty where it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.args[name].as_str().unwrap_or_default()
    }
}

/// Every tool.
pub fn all() -> impl Iterator<Item = &'static Tool> {
    super::node::TOOLS.iter().chain(super::tool_session::TOOLS).chain(fleet::tool::TOOLS)
}

/// The tools of this author, as a provider is told of them.
pub fn offered(hub: &Hub, author: &Author) -> Vec<Value> {
    let here = all().filter(|tool| (tool.here)(hub, author));
    let offer = |tool: &Tool| {
        let function = json!({ "name": tool.name, "description": tool.does, "parameters": (tool.takes)() });
        json!({ "type": "function", "function": function })
    };
    here.map(offer).collect()
}

/// The tool of that name, where this author has it.
pub fn find(hub: &Hub, author: &Author, name: &str) -> Option<&'static Tool> {
    all().find(|tool| tool.name == name && (tool.here)(hub, author))
}
