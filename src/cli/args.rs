//! What can be typed, as clap sees it. No logic: a parsed value says exactly what was written.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::base::{ProfileName, Span};

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
    /// How long the command may take, for example 30s or 5m
    #[arg(long, global = true, value_name = "DURATION")]
    pub timeout: Option<Span>,
    /// Say more about what is done and why
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start, stop and look after profiles
    #[command(subcommand)]
    Profile(Profile),
    /// The background process that keeps gateways alive
    #[command(subcommand)]
    Supervisor(Supervisor),
    /// Run or ask the selected profile's gateway
    #[command(subcommand)]
    Gateway(Gateway),
    /// Every gateway on this host, whoever started it
    #[command(subcommand)]
    Host(Host),
    /// Ask the selected profile's gateway how it is
    Health,
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// `openclaw profile …`
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// Start profiles, creating those that do not exist, and wait until they are ready
    Start(Start),
    /// Stop profiles
    Stop(Names),
    /// Stop and start profiles as one operation
    Restart(Names),
    /// List every profile of this user
    #[command(visible_alias = "ls")]
    List,
    /// Create a profile without starting it
    Create(Create),
    /// Create a profile like another one, with ports, paths and tokens of its own
    Clone(Clone),
    /// Remove what this program created of a profile; without --yes, show what that is
    Rm(Rm),
    /// Show everything about one profile
    Show(Name),
    /// Take an existing state directory under supervision
    Adopt(Adopt),
    /// Prove isolation without starting anything
    Check {
        /// Only what concerns this profile
        name: Option<ProfileName>,
    },
    /// Print the captured output of a profile's gateway
    Logs(Logs),
    /// Print the profile's environment for a shell
    Env(Name),
    /// Run a command in the profile's environment
    Exec(Exec),
}

/// One profile.
#[derive(Debug, ClapArgs)]
pub struct Name {
    /// The profile
    pub name: ProfileName,
}

/// Some profiles.
#[derive(Debug, ClapArgs)]
pub struct Names {
    /// The profiles
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<ProfileName>,
}

/// `openclaw profile start`
#[derive(Debug, ClapArgs)]
pub struct Start {
    /// The profiles
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<ProfileName>,
    /// What they may share
    #[command(flatten)]
    pub sharing: Sharing,
}

/// The one exception from isolation.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Sharing {
    /// Let another profile use the same bot; without CHANNEL those shared now, else any
    #[arg(long, value_name = "CHANNEL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub allow_shared_channel: Option<String>,
}

/// `openclaw profile clone`
#[derive(Debug, ClapArgs)]
pub struct Clone {
    /// The profile to copy; it is only read
    pub from: ProfileName,
    /// The new profile
    pub to: ProfileName,
    /// The new gateway's port; the 110 above it belong to the profile too
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Copy the workspace's plain files too
    #[arg(long)]
    pub with_workspace: bool,
}

/// `openclaw profile rm`
#[derive(Debug, ClapArgs)]
pub struct Rm {
    /// The profile
    pub name: ProfileName,
    /// Do it
    #[arg(short, long)]
    pub yes: bool,
}

/// `openclaw profile create`
#[derive(Debug, ClapArgs)]
pub struct Create {
    /// The new profile
    pub name: ProfileName,
    /// The template: default, work, rescue
    #[arg(long, value_name = "TEMPLATE")]
    pub from: Option<String>,
    /// What the gateway is made of
    #[arg(long, value_enum)]
    pub runtime: Option<RuntimeArg>,
    /// The gateway's port; the 110 above it belong to the profile too
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// What it may share
    #[command(flatten)]
    pub sharing: Sharing,
    /// For the runtime `command`: the program and its arguments, with {port}, {state_dir}, {profile}
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `openclaw profile adopt`
#[derive(Debug, ClapArgs)]
pub struct Adopt {
    /// The profile whose state directory exists
    pub name: ProfileName,
    /// What the gateway is made of
    #[arg(long, value_enum)]
    pub runtime: Option<RuntimeArg>,
    /// Another port than the one it has now
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// The runtimes that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeArg {
    /// The real OpenClaw where it is installed, else the embedded gateway
    Auto,
    /// The gateway of this program
    Embedded,
    /// The real OpenClaw
    Openclaw,
    /// Any other program
    Command,
}

/// `openclaw profile logs`
#[derive(Debug, ClapArgs)]
pub struct Logs {
    /// The profile
    pub name: ProfileName,
    /// Go on printing what comes
    #[arg(short, long)]
    pub follow: bool,
    /// How many lines to begin with
    #[arg(short = 'n', long, default_value_t = 200)]
    pub lines: usize,
}

/// `openclaw profile exec`
#[derive(Debug, ClapArgs)]
pub struct Exec {
    /// The profile
    pub name: ProfileName,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// `openclaw supervisor …`
#[derive(Debug, Subcommand)]
pub enum Supervisor {
    /// Run the supervisor in the foreground
    Run {
        /// Report on standard output once it listens, and log to its file only
        #[arg(long, hide = true)]
        background: bool,
    },
    /// Show the running supervisor
    Status,
    /// Become this program, for example after an upgrade; no gateway is restarted
    Reload,
    /// Stop every gateway and the supervisor; what was up comes back with the next one
    Stop,
}

/// `openclaw host …`
#[derive(Debug, Subcommand)]
pub enum Host {
    /// Show every gateway with its owner
    Status,
    /// Show what two gateways or services both want, and what to do; exit 4 when there is something
    Conflicts {
        /// Tell how each verdict was reached
        #[arg(long)]
        explain: bool,
    },
}

/// `openclaw gateway …`
#[derive(Debug, Subcommand)]
pub enum Gateway {
    /// Run the selected profile's gateway in the foreground
    Run {
        /// Another port than the profile's
        #[arg(long, value_name = "PORT")]
        port: Option<u16>,
    },
    /// Ask the gateway how it is
    Health,
    /// Call one method of the Gateway protocol
    Call {
        /// The method, for example status
        method: String,
        /// Its parameters, a JSON object
        #[arg(long, value_name = "JSON", default_value = "{}")]
        params: String,
    },
}
