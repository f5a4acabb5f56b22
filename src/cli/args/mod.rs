//! What can be typed, as clap sees it. No logic: a parsed value says exactly what was written.

mod acting;
mod asking;
mod gateway;
mod host;
mod later;
mod link;
mod nodes;
mod profile;
mod service;
mod sessions;
mod supervisor;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use super::limit::Limit;

pub use acting::{Agent, Letter, Message, Once, Send};
pub use asking::{
    ChannelCode, Channels, Config, Cron, Dashboard, GatewayLogs, Models, Pairing, Stability, Status,
};
pub use gateway::{At, Gateway, Port, Probe};
pub use host::Host;
pub use later::Later;
pub use link::Link;
pub use nodes::{Devices, Invoke, Node, NodeHost, Nodes, Rename};
pub use profile::{
    Adopt, Clone, Create, Exec, Logs, PinArg, PolicyArg, Profile, Rm, RuntimeArg, Sharing, Start, There,
    TrustArgs, Use,
};
pub use service::{Consent, Install, ManagerArg, Place, Print, Repair, Service, Uninstall, UnitArg};
pub use sessions::{Delete, History, SessionSend, Sessions};
pub use supervisor::Supervisor;

/// Profile-isolated multi-gateway supervisor for OpenClaw.
#[derive(Debug, Parser)]
#[command(name = "openclaw", version, about, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Begin with: openclaw profile start work")]
pub struct Args {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options before or after any command.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Global {
    /// The profile that is meant (also OPENCLAW_PROFILE)
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Short for the profile `dev` on port 19001
    #[arg(long, global = true)]
    pub dev: bool,
    /// Print one JSON document and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// Print without colours (also NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// How long the command may take: 30s, 5m; 5000 to a gateway is 5 s
    #[arg(long, global = true, value_name = "DURATION")]
    pub timeout: Option<Limit>,
    /// Ask this gateway instead, with credentials given beside it
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// A file that holds the token
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["token", "password", "password_file"])]
    pub token_file: Option<PathBuf>,
    /// A file that holds the password
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["token", "password"])]
    pub password_file: Option<PathBuf>,
    /// The token; every process of this host can see it
    #[arg(long, global = true, value_name = "TOKEN", conflicts_with = "password")]
    pub token: Option<String>,
    /// The password; every process of this host can see it
    #[arg(long, global = true, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// The SHA-256 that a wss:// gateway's certificate must have
    #[arg(long, global = true, value_name = "FP")]
    pub tls_fingerprint: Option<String>,
    /// Say more about what is done and why
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start, stop and look after profiles
    #[command(subcommand)]
    Profile(Later<Profile>),
    /// The background process that keeps gateways alive
    #[command(subcommand)]
    Supervisor(Later<Supervisor>),
    /// The supervisor, or with --profile one gateway, as a service of systemd or launchd
    #[command(subcommand)]
    Service(Later<Service>),
    /// Run or ask the selected profile's gateway
    #[command(subcommand)]
    Gateway(Later<Gateway>),
    /// Every gateway on this host, whoever started it
    #[command(subcommand)]
    Host(Later<Host>),
    /// Ask the selected profile's gateway how it is
    Health(Later<Port>),
    /// Show the selected profile's gateway and what it does
    Status(Later<Status>),
    /// This machine as a node of the selected gateway
    Node(Later<At<NodeHost>>),
    /// Nodes of the selected gateway
    Nodes(Later<At<Nodes>>),
    /// Devices of the selected gateway
    Devices(Later<At<Devices>>),
    /// Sessions of the selected gateway
    Sessions(Later<At<Sessions>>),
    /// Tell the selected gateway's agent something, and print what it says as it comes
    Agent(Later<Agent>),
    /// Messages through the selected gateway's channels
    #[command(subcommand)]
    Message(Later<Message>),
    /// Channels of the selected gateway
    Channels(Later<At<Channels>>),
    /// People who wait to be let in to the selected gateway's channels
    Pairing(Later<At<Pairing>>),
    /// Models of the selected gateway
    Models(Later<At<Models>>),
    /// Scheduled jobs of the selected gateway
    Cron(Later<At<Cron>>),
    /// The selected gateway's log
    Logs(Later<GatewayLogs>),
    /// The selected gateway's page in the browser
    Dashboard(Later<Dashboard>),
    /// The selected gateway's configuration
    Config(Later<At<Config>>),
    /// The near end of a remote profile's link
    #[command(subcommand, hide = true)]
    Link(Later<Link>),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page: the program's, or that of one command
    #[command(hide = true)]
    Man {
        /// The command
        command: Option<String>,
        /// Print the names of the commands that have a page instead
        #[arg(long, conflicts_with = "command")]
        names: bool,
    },
}
