//! `openclaw profile …`: the registry, and the lives of what is in it.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use crate::base::ProfileName;

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
    /// Put back the files with which the gateway last worked, when a change keeps it from booting
    Rollback(Name),
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
    /// Show which certificate a gateway elsewhere shows and which one is trusted; trust it on your word
    Trust(TrustArgs),
    /// Set which profile is meant when nothing else says so, or show which one is
    Use(Use),
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
    #[arg(required_unless_present = "all", value_name = "NAME")]
    pub names: Vec<ProfileName>,
    /// Every profile, side by side
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
}

/// `openclaw profile start`
#[derive(Debug, ClapArgs)]
pub struct Start {
    /// The profiles
    #[arg(required_unless_present = "all", value_name = "NAME")]
    pub names: Vec<ProfileName>,
    /// Every profile that has a manifest, side by side
    #[arg(long, conflicts_with_all = ["names", "allow_shared_channel"])]
    pub all: bool,
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

/// `openclaw profile trust`
#[derive(Debug, ClapArgs)]
pub struct TrustArgs {
    /// The profile
    pub name: ProfileName,
    /// What is trusted from now on
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = PinArg::Leaf)]
    pub pin: PinArg,
    /// Go on trusting what was trusted last as well, while a certificate is being replaced
    #[arg(long)]
    pub keep_old: bool,
    /// Trust it without a question
    #[arg(short, long, requires = "fingerprint")]
    pub yes: bool,
    /// The fingerprint that the gateway's administrator told you; nothing else is trusted
    #[arg(long, value_name = "SHA256")]
    pub fingerprint: Option<String>,
}

/// What a certificate is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PinArg {
    /// The certificate itself
    Leaf,
    /// Its public key, which may outlive it
    Key,
    /// The highest certificate that is shown above it
    Authority,
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
    /// How a gateway on another machine is reached
    #[command(flatten)]
    pub there: There,
    /// For the runtime `command`: the program and its arguments, with {port}, {state_dir}, {profile}
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// How a gateway on another machine is reached.
#[derive(Debug, Default, ClapArgs)]
pub struct There {
    /// Where it is: ssh://user@host:port, wss://host, or ws://host:port on a private network
    #[arg(long, value_name = "URL", conflicts_with_all = ["from", "runtime", "command", "allow_shared_channel"])]
    pub remote: Option<String>,
    /// The gateway's port at the far end of the tunnel
    #[arg(long, value_name = "PORT", requires = "remote", value_parser = clap::value_parser!(u16).range(1..))]
    pub remote_port: Option<u16>,
    /// The SSH key file
    #[arg(long, value_name = "FILE", requires = "remote")]
    pub identity: Option<PathBuf>,
    /// The file of known SSH host keys
    #[arg(long, value_name = "FILE", requires = "remote")]
    pub known_hosts: Option<PathBuf>,
    /// Who decides about an unknown SSH host key: strict refuses it, openssh asks the SSH configuration
    #[arg(long, value_enum, requires = "remote")]
    pub host_key_policy: Option<PolicyArg>,
}

/// Who decides about an unknown SSH host key.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum PolicyArg {
    /// It is refused
    Strict,
    /// The SSH configuration decides
    Openssh,
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

/// `openclaw profile use`
#[derive(Debug, ClapArgs)]
pub struct Use {
    /// The profile
    pub name: Option<ProfileName>,
    /// Go back to the default profile
    #[arg(long, conflicts_with = "name")]
    pub clear: bool,
}
