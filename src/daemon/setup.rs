//! What the supervisor is told when it begins: its environment, its directories and its socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::outer::EXIT_TIMEOUT;
use crate::base::Result;
use crate::base::span::Span;
use crate::host::inherit::{CLAIM_VARIABLE, LISTENER_VARIABLE};
use crate::link::address;
use crate::profile::{Environment, SupervisorPaths};

/// The argument of a supervisor that a command begins on demand.
pub const BACKGROUND: &str = "--background";

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
    /// How long its service file says that a stop may take, where that cannot be asked for.
    pub exit_timeout: Option<Duration>,
    /// The arguments that make a program such a supervisor.
    pub arguments: Vec<&'static str>,
    /// What it takes over from the program that this process was before.
    pub inherited: Inherited,
}

/// Numbers of descriptors, as the environment tells them; they are believed only after a look.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    /// The claim to be the supervisor.
    pub claim: Option<String>,
    /// The control socket.
    pub listener: Option<String>,
}

impl Setup {
    /// Reads the directories from `environment` and chooses the socket.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn new(environment: &Environment) -> Result<Setup> {
        let paths = SupervisorPaths::derive(environment)?;
        let socket = address::choose(&paths.sockets);
        let told = |name: &str| environment.get(name).map(str::to_owned);
        let inherited = Inherited { claim: told(CLAIM_VARIABLE), listener: told(LISTENER_VARIABLE) };
        let exit_timeout = environment.get(EXIT_TIMEOUT).and_then(|text| text.parse::<Span>().ok());
        let exit_timeout = exit_timeout.map(|span| span.0);
        Ok(Setup {
            environment: Arc::new(environment.without_openclaw()),
            paths,
            socket,
            arguments: vec!["supervisor", "run"],
            inherited,
            exit_timeout,
        })
    }

    /// Whether it was begun for its own sake, by a service manager or a person, and not on demand of a command.
    pub fn is_service(&self) -> bool {
        !self.arguments.contains(&BACKGROUND)
    }

    /// Directory of the socket and of the pipes.
    pub fn run_dir(&self) -> PathBuf {
        self.socket.parent().map(PathBuf::from).unwrap_or_default()
    }
}
