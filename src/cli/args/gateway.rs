//! `openclaw gateway …`: the selected profile's gateway, run or asked.

use clap::Subcommand;

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
