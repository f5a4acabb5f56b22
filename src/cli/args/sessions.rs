//! `openclaw sessions …`: conversations that the gateway keeps.

use clap::{Args as ClapArgs, Subcommand};

use super::acting::Once;

/// `openclaw sessions …`
#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// List sessions
    List {
        /// How many at most
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// Only those that were active in the last N minutes
        #[arg(long, value_name = "N")]
        active: Option<u32>,
        /// Only those of this agent
        #[arg(long, value_name = "ID")]
        agent: Option<String>,
    },
    /// Print a session's messages
    History(History),
    /// Send a message to a session, and do not wait for what its agent says
    Send(SessionSend),
    /// Delete sessions
    Delete(Delete),
}

/// `openclaw sessions send`
#[derive(Debug, ClapArgs)]
pub struct SessionSend {
    /// The session's key
    pub key: String,
    /// The text
    #[arg(short, long, value_name = "TEXT")]
    pub message: String,
    /// The agent whose session it is
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// How much the agent thinks, for example low
    #[arg(long, value_name = "LEVEL")]
    pub thinking: Option<String>,
    /// What makes it safe to repeat
    #[command(flatten)]
    pub once: Once,
}

/// `openclaw sessions delete`
#[derive(Debug, ClapArgs)]
pub struct Delete {
    /// The sessions' keys
    #[arg(required = true, value_name = "KEY")]
    pub keys: Vec<String>,
    /// The agent whose sessions they are
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// Delete them; without it nothing is done
    #[arg(long)]
    pub yes: bool,
}

/// `openclaw sessions history`
#[derive(Debug, ClapArgs)]
pub struct History {
    /// The session's key
    #[arg(default_value = "main")]
    pub key: String,
    /// How many messages at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: Option<u32>,
}
