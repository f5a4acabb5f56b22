//! `openclaw sessions …`: conversations that the gateway keeps.

use clap::{Args as ClapArgs, Subcommand};

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
