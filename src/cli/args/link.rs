//! `openclaw link …`: what the supervisor runs for a remote profile without SSH.

use clap::Subcommand;

/// `openclaw link …`
#[derive(Debug, Subcommand)]
pub enum Link {
    /// Pass connections to the profile's port on to its gateway elsewhere
    Run,
}
