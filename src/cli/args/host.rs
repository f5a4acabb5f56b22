//! `openclaw host …`: what else is on this host.

use clap::Subcommand;

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
