//! `openclaw gateway …`: the selected profile's gateway, run or asked.

use clap::{Args, Subcommand};

/// `openclaw gateway …`
#[derive(Debug, Subcommand)]
pub enum Gateway {
    /// Run the selected profile's gateway in the foreground
    Run {
        /// Another port than the profile's
        #[arg(long, value_name = "PORT")]
        port: Option<u16>,
    },
    /// Stop the gateway, through whoever runs it
    Stop,
    /// Restart the gateway, through whoever runs it
    Restart,
    /// Ask the gateway how it is
    Health(Port),
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

/// Another port on this host than the profile's.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Port {
    /// Ask the gateway on this port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}
