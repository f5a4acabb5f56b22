//! The supervisor process: one per user. It owns the lives of the gateways, takes orders on its control
//! socket and never serves a gateway's clients itself.
//!
//! `driver` is the loop with the clock; what it does is decided in `supervise`. `prepare` looks before a
//! gateway is spawned, `ready` probes it, `capture` keeps its output, `journal` its intent, `control` takes
//! the orders, `alert` tells people of incidents.

mod adoption;
mod after;
mod alert;
mod asked;
pub mod binding;
mod caller;
mod capture;
pub mod census;
mod confining;
mod control;
mod driver;
pub mod evidence;
mod exposing;
mod fallback;
mod handover;
pub mod holder;
mod journal;
mod kept;
pub mod kept_config;
mod known;
mod leftovers;
mod linked;
mod linking;
mod live;
mod locks;
mod mailbox;
mod member;
mod npm;
mod order;
mod outer;
mod prepare;
mod prerequisite;
mod ready;
mod real;
pub mod registered;
mod rehearsal;
mod repeats;
mod setup;
mod sharing;
mod survey;
mod trial;

use std::os::fd::AsFd;

use tokio::sync::{mpsc, watch};

use crate::base::record::SupervisorStatus;
use crate::base::{Error, Kind, Result};
use crate::host::lock::{self, Claim, Outcome};
use crate::host::{clock, crash, files, inherit, process};
use crate::link::{address, unix};

pub use adoption::is_orphaned;
pub use after::refusal as after_refusal;
pub use confining::{Held, foreseen, held};
pub use exposing::refusal as exposure_refusal;
pub use fallback::go_back;
pub use kept::kept;
pub use known::statuses;
pub use linking::{known_key, ssh_client, ssh_variables};
pub use locks::{Lock, LockVerdict, locks};
pub use prepare::{Cleared, DISK, Occasion, clear, port_taken, refused_for};
pub use prerequisite::home as home_there;
pub use real::{
    Chosen, choose, command_line as real_command_line, find as find_real, version as installed_version,
};
pub use rehearsal::rehearse;
pub use setup::Setup;
pub use sharing::{allowed, as_conflicts, shared_channels, sharings};
pub use survey::look as look_at_host;

/// Claims the right to be this user's supervisor.
///
/// # Errors
/// [`Kind::Failed`] `supervisor_running` when there is one; what the file system says otherwise.
pub fn claim(setup: &Setup) -> Result<Claim> {
    let state_dir = &setup.paths.state_dir;
    files::private_dir(state_dir)?;
    let inherited = setup.inherited.claim.as_deref().and_then(|value| inherit::take_claim(value, state_dir));
    let claimed = match inherited {
        Some(file) => lock::claim_file(file, state_dir),
        None => lock::claim(state_dir),
    };
    match claimed? {
        Outcome::Held(claim) => Ok(claim),
        Outcome::Taken => Err(Error::new(
            Kind::Failed,
            "supervisor_running",
            format!("a supervisor of this user runs already (state {})", setup.paths.state_dir.display()),
        )
        .remedy("openclaw supervisor status")),
    }
}

/// Runs the supervisor until it is told to stop, on `stop` or by an order: a second word on `stop` shortens the end, a
/// third kills what still runs. `listening` is called once with its status when orders can come. `claim` is held for its whole life.
///
/// # Errors
/// When its directories, its socket or its signals cannot be had.
pub async fn run(
    setup: Setup,
    claim: Claim,
    listening: impl FnOnce(&SupervisorStatus),
    stop: mpsc::UnboundedReceiver<()>,
) -> Result<()> {
    process::become_subreaper();
    for directory in [&setup.paths.records_dir, &setup.run_dir()] {
        files::private_dir(directory)?;
    }
    // What cannot be kept for people to read is no reason to let gateways die.
    let unlogged = files::private_dir(&setup.paths.log_dir).err();
    let listener = unix::listen(&setup.socket, &setup.inherited.listeners)?;
    // A connection that comes while this process becomes another program waits in the queue.
    let door = listener.as_fd().try_clone_to_owned();
    crash::point("socket-made");
    let status = status(&setup, unlogged);
    address::publish(&setup.paths.state_dir, &setup.socket)?;
    crash::point("note-made");
    let (ending, ended) = watch::channel(false);
    let (leaving, farewell) = watch::channel(false);
    let (driver, orders) = driver::Driver::new(setup.clone(), status.clone())?;
    let control = tokio::spawn(control::serve(listener, orders, ended, farewell));
    tracing::info!(pid = status.pid, socket = %status.socket, "supervisor listening");
    listening(&status);
    fallback::begin_probation(&setup);
    let successor = driver.run(stop).await;
    if successor.is_none() {
        fallback::trust(&setup);
    }
    // Whoever sees this supervisor's last connection close must be able to start the next one: so the door
    // and the claim go first.
    let _ = ending.send(true);
    let connections = control.await.unwrap_or_default();
    let claim = match successor {
        None => {
            // One that the service manager opened is its own, and wakes the next supervisor.
            if !setup.inherited.lent {
                files::remove(&setup.socket);
            }
            drop(claim);
            None
        }
        Some(successor) => Some((successor, claim)),
    };
    let _ = leaving.send(true);
    let _ = tokio::time::timeout(control::FAREWELL, connections.join_all()).await;
    if let (Some((successor, claim)), Ok(door)) = (claim, door) {
        return Err(successor.become_it(&setup, &claim, &door));
    }
    tracing::info!("supervisor ended");
    Ok(())
}

/// What it says of itself at its beginning; `unlogged` is why its logs cannot be kept.
fn status(setup: &Setup, unlogged: Option<Error>) -> SupervisorStatus {
    SupervisorStatus {
        pid: process::own_pid(),
        version: env!("CARGO_PKG_VERSION").into(),
        program: process::own_program().display().to_string(),
        socket: setup.socket.display().to_string(),
        started_at_ms: clock::epoch_ms(),
        profiles: 0,
        memory_bytes: process::own_memory(),
        on_demand: !setup.is_service(),
        warnings: unlogged
            .map(|error| format!("no logs are kept: {error}"))
            .into_iter()
            .chain(fallback::warning(setup))
            .collect(),
    }
}
