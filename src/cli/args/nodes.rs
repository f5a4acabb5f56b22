//! `openclaw nodes …` and `openclaw devices …`: what is paired with the gateway.

use clap::{Args as ClapArgs, Subcommand};

/// `openclaw nodes …`
#[derive(Debug, Subcommand)]
pub enum Nodes {
    /// List the nodes that are paired and those that wait for it
    List,
    /// Show everything about one node
    Describe(Node),
    /// List the nodes that wait to be paired
    Pending,
}

/// One node.
#[derive(Debug, ClapArgs)]
pub struct Node {
    /// The node: its id, the beginning of it, or its name
    #[arg(value_name = "NODE", required_unless_present = "node")]
    pub name: Option<String>,
    /// The same, as an option
    #[arg(long, value_name = "NODE", conflicts_with = "name")]
    pub node: Option<String>,
}

/// `openclaw devices …`
#[derive(Debug, Subcommand)]
pub enum Devices {
    /// List the devices that are paired and those that wait for it
    List,
}
