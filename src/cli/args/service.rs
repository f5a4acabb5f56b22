//! `openclaw service …`: the supervisor, or with `--profile` one gateway, as a service of the host.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

/// `openclaw service …`
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Write the service file, switch it on and start it
    Install(Install),
    /// Stop the service and remove what `install` wrote
    Uninstall(Uninstall),
    /// Show the service, what it outlives, and what else would run the same
    Status(Place),
    /// Print the service file and change nothing
    Print(Print),
    /// Write anew what is outdated, and switch on what is off
    Repair(Repair),
}

/// Which service is meant; `--profile NAME` names a gateway, otherwise it is the supervisor.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Place {
    /// A service of the system's manager, for a machine where nobody logs in
    #[arg(long, requires = "user_account")]
    pub system: bool,
    /// The user as whom the system's manager runs it
    #[arg(long, value_name = "USER", requires = "system")]
    pub user_account: Option<String>,
    /// The service manager, where it is not the one of this system
    #[arg(long, value_enum, value_name = "MANAGER")]
    pub manager: Option<ManagerArg>,
}

/// Service managers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ManagerArg {
    /// systemd
    Systemd,
    /// launchd
    Launchd,
}

/// What may be done without asking further.
#[derive(Clone, Copy, Debug, Default, ClapArgs)]
pub struct Consent {
    /// Switch off what would run the same, and set a foreign file aside; shows the plan unless --yes
    #[arg(long)]
    pub replace: bool,
    /// Do what needs consent: --replace, and going over from a supervisor that runs already
    #[arg(long)]
    pub yes: bool,
    /// Show what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// `openclaw service install`
#[derive(Debug, ClapArgs)]
pub struct Install {
    /// Which service
    #[command(flatten)]
    pub place: Place,
    /// Keep the user's service manager running without a login
    #[arg(long, conflicts_with = "system")]
    pub enable_linger: bool,
    /// What may be done
    #[command(flatten)]
    pub consent: Consent,
    /// Do not start it now
    #[arg(long)]
    pub no_start: bool,
}

/// `openclaw service repair`
#[derive(Debug, ClapArgs)]
pub struct Repair {
    /// Which service
    #[command(flatten)]
    pub place: Place,
    /// What may be done
    #[command(flatten)]
    pub consent: Consent,
}

/// `openclaw service uninstall`
#[derive(Debug, ClapArgs)]
pub struct Uninstall {
    /// Which service
    #[command(flatten)]
    pub place: Place,
    /// Also when somebody has edited the file
    #[arg(long)]
    pub yes: bool,
    /// Show what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// `openclaw service print`
#[derive(Debug, ClapArgs)]
pub struct Print {
    /// Which service
    #[command(flatten)]
    pub place: Place,
    /// The file as it is shipped, for any user
    #[arg(long)]
    pub generic: bool,
    /// Which file
    #[arg(long, value_enum, default_value_t = UnitArg::Service)]
    pub unit: UnitArg,
}

/// The files that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UnitArg {
    /// The service
    Service,
    /// The supervisor's control socket (systemd)
    Socket,
    /// A template for the gateways of all profiles (systemd)
    Template,
}
