//! `gateway.nodes`: which commands of a node may be called, and whether a device of this machine needs no approval
//! (OPENCLAW.md 5.3, 6.3).

use crate::base::Result;
use crate::profile::config::Node;

/// What holds for nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRules {
    /// `gateway.nodes.commands.allow`: commands beside those that a platform's nodes may offer anyway.
    pub allow: Vec<String>,
    /// `gateway.nodes.commands.deny`: commands that no node may offer.
    pub deny: Vec<String>,
    /// `gateway.nodes.pairing.autoApproveLocal`: whether a device of this machine that has the shared secret is paired
    /// without being asked about.
    pub auto_approve_local: bool,
}

impl Default for NodeRules {
    fn default() -> Self {
        NodeRules { allow: Vec::new(), deny: Vec::new(), auto_approve_local: true }
    }
}

impl NodeRules {
    pub(super) fn read(gateway: &Node<'_>) -> Result<NodeRules> {
        let nodes = gateway.child("nodes").object()?;
        let commands = nodes.child("commands").object()?;
        let pairing = nodes.child("pairing").object()?;
        Ok(NodeRules {
            allow: commands.child("allow").texts()?,
            deny: commands.child("deny").texts()?,
            auto_approve_local: pairing.child("autoApproveLocal").boolean()?.unwrap_or(true),
        })
    }
}
