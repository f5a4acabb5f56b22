//! Commands that read what the gateway knows: channels, models, jobs, configuration, log and web page.

use clap::{Args as ClapArgs, Subcommand};

use super::gateway::Port;
use crate::base::Span;
use crate::cli::limit::Limit;

/// `openclaw status`
#[derive(Debug, ClapArgs)]
pub struct Status {
    /// Show the host too: every gateway, conflicts, versions, and whether it outlives a logout
    #[arg(long)]
    pub deep: bool,
    /// Show it again and again, this far apart; at least 100 ms
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "2s")]
    pub watch: Option<Span>,
    /// Where it answers
    #[command(flatten)]
    pub at: Port,
}

/// `openclaw channels …`
#[derive(Debug, Subcommand)]
pub enum Channels {
    /// Show every channel's accounts
    Status {
        /// Ask the channels themselves
        #[arg(long)]
        probe: bool,
    },
}

/// `openclaw pairing …`
#[derive(Debug, Subcommand)]
pub enum Pairing {
    /// List who wrote to a channel and waits to be let in
    List {
        /// Of this channel only
        channel: Option<String>,
        /// Of this account only
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
    },
    /// Let somebody in by the code that the bot gave them; the first one becomes the owner
    Approve {
        /// Who
        #[command(flatten)]
        code: ChannelCode,
        /// Tell them
        #[arg(long)]
        notify: bool,
    },
    /// Turn somebody away, who may ask again
    Dismiss {
        /// Who
        #[command(flatten)]
        code: ChannelCode,
    },
}

/// Who waits with a code.
#[derive(Debug, ClapArgs)]
pub struct ChannelCode {
    /// The code, behind the channel that it is for
    #[arg(value_name = "[CHANNEL] CODE", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
    /// The channel, where it does not stand before the code
    #[arg(long)]
    pub channel: Option<String>,
    /// The account that was written to
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
}

/// `openclaw models …`
#[derive(Debug, Subcommand)]
pub enum Models {
    /// List the models that the gateway can use
    List {
        /// All that it knows, not only those configured
        #[arg(long)]
        all: bool,
    },
}

/// `openclaw cron …`
#[derive(Debug, Subcommand)]
pub enum Cron {
    /// List jobs
    List {
        /// Disabled ones too
        #[arg(long)]
        all: bool,
    },
    /// Run a job now
    Run {
        /// The job's id
        id: String,
        /// Only if it is due
        #[arg(long)]
        due: bool,
    },
}

/// `openclaw config …`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print the running gateway's configuration, or one value of it, without secrets
    Get {
        /// Where the value stands, for example gateway.port
        path: Option<String>,
    },
}

/// `openclaw logs`
#[derive(Debug, ClapArgs)]
pub struct GatewayLogs {
    /// Go on printing what comes
    #[arg(short, long)]
    pub follow: bool,
    /// How many lines to begin with
    #[arg(short = 'n', long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub limit: u32,
    /// How much of the log is looked at, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 250_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_bytes: u32,
    /// How often is asked for more
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    pub interval: Limit,
    /// Where it answers
    #[command(flatten)]
    pub at: Port,
}

/// `openclaw dashboard`
#[derive(Debug, ClapArgs)]
pub struct Dashboard {
    /// Only print the address
    #[arg(long)]
    pub no_open: bool,
    /// Where it answers
    #[command(flatten)]
    pub at: Port,
}

/// `openclaw gateway stability`
#[derive(Debug, ClapArgs)]
pub struct Stability {
    /// How many events at most
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Where it answers
    #[command(flatten)]
    pub at: Port,
}
