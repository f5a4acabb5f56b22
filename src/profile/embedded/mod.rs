//! What `openclaw.json` says of the embedded gateway's own work, beside who may come in: nodes, the agent, channels.
//! One file for each part; the keys are the real program's. A wrong value is an error that names its key, and a change
//! that has one is not taken over.

pub mod agent;
pub mod hooks;
pub mod nodes;
pub mod page;
pub mod telegram;

use std::path::Path;

use serde_json::Value;

use super::config::{Node, SecretSource};
use crate::base::{Result, Secret};

pub use agent::AgentRules;
pub use hooks::HookRules;
pub use nodes::NodeRules;
pub use page::PageRules;
pub use telegram::Telegram;

/// Follows a reference to a secret; `None` where there is nothing.
pub type Follow<'a> = dyn Fn(&SecretSource) -> Result<Option<Secret>> + 'a;

/// The parts; the default stands for "there is no such file".
#[derive(Clone, Debug, Default)]
pub struct Embedded {
    /// `models.providers` and `agents.defaults`.
    pub agent: AgentRules,
    /// `gateway.nodes`.
    pub nodes: NodeRules,
    /// `gateway.controlUi`.
    pub page: PageRules,
    /// `channels.telegram`.
    pub telegram: Telegram,
    /// `hooks`.
    pub hooks: HookRules,
}

impl Embedded {
    /// Reads the tree of an `openclaw.json`; `file` is how errors speak of it, `follow` leads to its secrets.
    ///
    /// # Errors
    /// [`crate::base::Kind::Config`], code `config_invalid`, with the key; or what is wrong with a secret.
    pub fn read(root: &Value, file: &Path, follow: &Follow<'_>) -> Result<Embedded> {
        let gateway = Node::root(file, "gateway", root).object()?;
        Ok(Embedded {
            agent: AgentRules::read(root, file, follow)?,
            nodes: NodeRules::read(&gateway)?,
            page: PageRules::read(&gateway)?,
            telegram: Telegram::read(root, file, follow)?,
            hooks: HookRules::read(root, file, follow)?,
        })
    }
}
