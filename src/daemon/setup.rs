//! What the supervisor is told when it begins: its environment, its directories and its socket.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Result;
use crate::link::address;
use crate::profile::{Environment, SupervisorPaths};

/// Everything that the supervisor needs to know from outside.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The environment that profiles are resolved with: their own files decide, never a variable of the
    /// shell that happened to start the supervisor.
    pub environment: Arc<Environment>,
    /// Its directories.
    pub paths: SupervisorPaths,
    /// Where it listens.
    pub socket: PathBuf,
}

impl Setup {
    /// Reads the directories from `environment` and chooses the socket.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn new(environment: &Environment) -> Result<Setup> {
        let paths = SupervisorPaths::derive(environment)?;
        let socket = address::choose(&paths.sockets);
        Ok(Setup { environment: Arc::new(environment.without_openclaw()), paths, socket })
    }

    /// Directory of the socket and of the pipes.
    pub fn run_dir(&self) -> PathBuf {
        self.socket.parent().map(PathBuf::from).unwrap_or_default()
    }
}
