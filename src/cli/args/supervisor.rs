//! `openclaw supervisor …`: the background process itself.

use std::path::PathBuf;

use clap::Subcommand;

/// `openclaw supervisor …`
#[derive(Debug, Subcommand)]
pub enum Supervisor {
    /// Run the supervisor in the foreground
    Run {
        /// Report on standard output once it listens, and log to its file only
        #[arg(long, hide = true)]
        background: bool,
        /// Show how this program would do as the supervisor, and change nothing
        #[arg(long, hide = true)]
        rehearse: bool,
    },
    /// Show the running supervisor
    Status,
    /// Become this program, for example after an upgrade; no gateway is restarted
    Reload {
        /// Become this program instead, for example the version before
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
    /// Stop every gateway and the supervisor; what was up comes back with the next one
    Stop,
}
