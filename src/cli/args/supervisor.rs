//! `openclaw supervisor …`: the background process itself.

use clap::Subcommand;

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
