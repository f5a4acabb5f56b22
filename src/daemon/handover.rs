//! Going on as another program in this very process: its claim, its socket and its children stay, and with them the
//! connections that wait.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use super::Setup;
use crate::base::{Error, Kind};
use crate::host::inherit::{CLAIM_VARIABLE, LENT, LISTENER_VARIABLE, SERVING, STANDING_VARIABLE};
use crate::host::lock::Claim;
use crate::host::process;
use crate::host::turnover::{self, Passed};

/// The program to go on as.
pub struct Handover {
    /// Its file.
    pub program: PathBuf,
    /// Whether the service manager knows that this supervisor serves.
    pub serving: bool,
}

impl Handover {
    /// Becomes the program; where that cannot be, this very program once more, so that somebody watches on. Returns
    /// only when neither could be.
    pub fn become_it(&self, setup: &Setup, claim: &Claim, door: &OwnedFd) -> Error {
        let program = &self.program;
        tracing::info!(program = %program.display(), "becoming another program");
        let words = [(self.serving, SERVING), (setup.inherited.lent, LENT)];
        let standing: Vec<&str> = words.into_iter().filter_map(|(so, word)| so.then_some(word)).collect();
        let passed = Passed {
            open: &[(CLAIM_VARIABLE, claim.as_fd()), (LISTENER_VARIABLE, door.as_fd())],
            told: &[(STANDING_VARIABLE, &standing.join(" "))],
        };
        let error = turnover::become_program(program, &setup.arguments, &passed);
        tracing::error!(program = %program.display(), %error, "it cannot be run");
        let again = turnover::become_program(&process::own_program(), &setup.arguments, &passed);
        Error::new(
            Kind::Failed,
            "reload_failed",
            "the supervisor could become no program; its gateways serve on",
        )
        .caused_by(format!("{error}; {again}"))
    }
}
