//! What the supervisor is told when it begins: its environment, its directories and its socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::outer::EXIT_TIMEOUT;
use crate::base::Result;
use crate::base::span::Span;
use crate::host::inherit::{CLAIM_VARIABLE, LENT, LISTENER_VARIABLE, SERVING, STANDING_VARIABLE};
use crate::host::{inherit, process};
use crate::link::address;
use crate::profile::{Environment, SupervisorPaths};
use crate::service::notice::{self, Notice};

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
    /// Where its service manager wants to hear of it, and how often.
    pub notice: Option<Notice>,
    /// What it takes over from the program that this process was before.
    pub inherited: Inherited,
}

/// Numbers of descriptors, as the environment tells them; they are believed only after a look.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    /// The claim to be the supervisor.
    pub claim: Option<String>,
    /// What may be the control socket, the likeliest first.
    pub listeners: Vec<String>,
    /// Whether the control socket is the service manager's, which opened it.
    pub lent: bool,
    /// Whether the service manager has been told that the supervisor serves.
    pub serving: bool,
}

impl Inherited {
    fn of(environment: &Environment) -> Inherited {
        let told = |name: &str| environment.get(name).map(str::to_owned);
        let standing = |word: &str| {
            environment.get(STANDING_VARIABLE).is_some_and(|told| told.split(' ').any(|one| one == word))
        };
        let handed_over =
            notice::handed_over(environment, process::own_pid()).map(|number| number.to_string());
        let lent: Vec<String> =
            handed_over.filter(|number| inherit::listening_at(number).is_some()).collect();
        Inherited {
            claim: told(CLAIM_VARIABLE),
            lent: standing(LENT) || !lent.is_empty(),
            listeners: told(LISTENER_VARIABLE).into_iter().chain(lent).collect(),
            serving: standing(SERVING),
        }
    }
}

impl Setup {
    /// Reads the directories from `environment` and chooses the socket.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn new(environment: &Environment) -> Result<Setup> {
        let paths = SupervisorPaths::derive(environment)?;
        let inherited = Inherited::of(environment);
        // Where we listen already, or the service manager for us, is where we are.
        let there = inherited.listeners.iter().find_map(|number| inherit::listening_at(number));
        let socket = there.unwrap_or_else(|| address::choose(&paths.sockets));
        let exit_timeout = environment.get(EXIT_TIMEOUT).and_then(|text| text.parse::<Span>().ok());
        let exit_timeout = exit_timeout.map(|span| span.0);
        Ok(Setup {
            environment: Arc::new(environment.without_openclaw()),
            paths,
            socket,
            arguments: vec!["supervisor", "run"],
            notice: Notice::of(environment, process::own_pid()),
            inherited,
            exit_timeout,
        })
    }

    /// Whether it was begun for its own sake, by a service manager or a person, and not on demand of a command.
    pub fn is_service(&self) -> bool {
        !self.arguments.contains(&BACKGROUND)
    }

    /// Whether a service manager began it, as far as that shows: one that wants to hear of it, or whose file says how
    /// long a stop may take.
    pub fn is_managed(&self) -> bool {
        self.is_service() && (self.notice.is_some() || self.exit_timeout.is_some())
    }

    /// Directory of the socket and of the pipes.
    pub fn run_dir(&self) -> PathBuf {
        self.socket.parent().map(PathBuf::from).unwrap_or_default()
    }
}
