//! `openclaw gateway …`: the selected profile's gateway, run or asked.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::acting::{Agent, Send};
use super::asking::Stability;
use crate::profile::config::Bind;

/// `openclaw gateway …`
#[derive(Debug, Subcommand)]
pub enum Gateway {
    /// Run the selected profile's gateway in the foreground
    Run {
        /// Another port than the profile's
        #[arg(long, value_name = "PORT")]
        port: Option<u16>,
        /// Listen elsewhere than the profile says
        #[arg(long, value_name = "MODE", value_parser = modes())]
        bind: Option<Bind>,
    },
    /// Stop the gateway, through whoever runs it
    Stop,
    /// Restart the gateway, through whoever runs it
    Restart,
    /// Ask the gateway how it is
    Health(Port),
    /// Show the gateway's place, who listens there, and whether it lets us in
    Status {
        /// Ask for its state too, and fail when it does not tell
        #[arg(long)]
        require_rpc: bool,
        /// Do not connect
        #[arg(long)]
        no_probe: bool,
        /// Where it answers
        #[command(flatten)]
        port: Port,
    },
    /// Try every configured way to the gateway
    Probe(Probe),
    /// Show what the models cost
    UsageCost {
        /// Of how many days
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        /// Where it answers
        #[command(flatten)]
        port: Port,
    },
    /// Show what the gateway recorded of its own health
    Stability(Stability),
    /// Send a message to somebody on a channel
    Send(Send),
    /// Tell the agent something, and print what it says as it comes
    Agent(Agent),
    /// Call one method of the Gateway protocol
    Call {
        /// The method, for example status
        method: String,
        /// Its parameters, a JSON object
        #[arg(long, value_name = "JSON", default_value = "{}")]
        params: String,
        /// Wait for the last answer of a method that first says that it has begun
        #[arg(long)]
        expect_final: bool,
        /// Where it answers
        #[command(flatten)]
        port: Port,
    },
}

/// `openclaw gateway probe`
#[derive(Debug, Args)]
pub struct Probe {
    /// Try it through SSH too: user@host, with or without a port, or a host of the SSH configuration
    #[arg(long, value_name = "TARGET", allow_hyphen_values = true)]
    pub ssh: Option<String>,
    /// The key file for that
    #[arg(long, value_name = "FILE")]
    pub ssh_identity: Option<PathBuf>,
    /// Try it through SSH to the host that the configuration names
    #[arg(long)]
    pub ssh_auto: bool,
    /// Where it answers, here and at the far end of SSH
    #[command(flatten)]
    pub at: Port,
}

/// Another port on this host than the profile's.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Port {
    /// Ask the gateway on this port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// Verbs that may ask on another port than the profile's.
#[derive(Debug, Args)]
pub struct At<T: Subcommand> {
    /// Ask the gateway on this port
    #[arg(long, value_name = "PORT", global = true)]
    pub port: Option<u16>,
    /// The verb.
    #[command(subcommand)]
    pub verb: T,
}

/// The words of `gateway.bind`.
fn modes() -> impl TypedValueParser<Value = Bind> {
    PossibleValuesParser::new(Bind::WORDS.map(|(word, _)| word)).try_map(|word| {
        let found = Bind::WORDS.iter().find(|(known, _)| *known == word);
        found.map(|(_, bind)| *bind).ok_or("no bind mode")
    })
}
