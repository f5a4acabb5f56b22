//! `openclaw nodes …` and `openclaw devices …`: what is paired with the gateway.

use clap::{Args as ClapArgs, Subcommand};

use super::acting::Once;

/// `openclaw nodes …`
#[derive(Debug, Subcommand)]
pub enum Nodes {
    /// List the nodes that are paired and those that wait for it
    List,
    /// Show everything about one node
    Describe(Node),
    /// List the nodes that wait to be paired
    Pending,
    /// Run a command on a node
    Invoke(Invoke),
    /// Let a node in that waits
    Approve(Request),
    /// Turn a node away that waits
    Reject(Request),
    /// Give a node another name
    Rename(Rename),
}

/// `openclaw node …`
#[derive(Debug, Subcommand)]
pub enum NodeHost {
    /// Serve the selected gateway as a node, in the foreground
    Run {
        /// A name for people; this machine's own where it is left out
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
    },
}

/// `openclaw nodes invoke`
#[derive(Debug, ClapArgs)]
pub struct Invoke {
    /// The node: its id, the beginning of it, or its name
    #[arg(long, value_name = "NODE")]
    pub node: String,
    /// The command, for example system.which
    #[arg(long, value_name = "COMMAND")]
    pub command: String,
    /// The command's parameters, a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub params: String,
    /// How long the node may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(1..=3_600_000))]
    pub invoke_timeout: u32,
    /// What makes it safe to repeat
    #[command(flatten)]
    pub once: Once,
}

/// A request to be paired.
#[derive(Debug, ClapArgs)]
pub struct Request {
    /// The request's id, as the list shows it
    #[arg(value_name = "REQUEST")]
    pub id: String,
}

/// `openclaw nodes rename`
#[derive(Debug, ClapArgs)]
pub struct Rename {
    /// The node: its id, the beginning of it, or its name
    #[arg(long, value_name = "NODE")]
    pub node: String,
    /// Its new name
    #[arg(long, value_name = "NAME")]
    pub name: String,
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
    /// Let a device in that waits
    Approve(Request),
    /// Turn a device away that waits
    Reject(Request),
}
