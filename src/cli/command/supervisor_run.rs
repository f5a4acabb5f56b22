//! `supervisor run`: the supervisor itself, in the foreground or, detached by `profile start`, in the
//! background.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::base::{Error, Kind, Result};
use crate::cli::{Context, block_on};
use crate::client::{launch, relief};
use crate::daemon::{self, Setup};
use crate::host::lock::Claim;
use crate::host::{settle, trace};

/// Runs until SIGTERM, SIGINT or `supervisor stop`.
pub fn run(context: &Context, background: bool) -> Result<()> {
    settle::settle();
    let outcome = block_on(supervise(context, background));
    match outcome {
        Err(error) if background => {
            // The waiting command prints it; here it would only be lost.
            context.render.report(&launch::report(&Err(error.clone())));
            Err(error)
        }
        outcome => outcome,
    }
}

/// Shows how this program would do as the supervisor; changes nothing.
pub fn rehearse(context: &Context) -> Result<()> {
    let shown = daemon::rehearse(&Setup::new(&context.environment)?)?;
    context.render.document(&shown);
    Ok(())
}

async fn supervise(context: &Context, background: bool) -> Result<()> {
    let mut setup = Setup::new(&context.environment)?;
    setup.arguments.extend(background.then_some("--background"));
    daemon::home_there(&setup, |waiting| context.render.notice(waiting)).await?;
    let claim = claimed(&setup).await?;
    trace::to_file(&setup.paths.log_dir.join("supervisor.log"), !background);
    daemon::go_back(&setup, &claim);
    let stop = wishes_to_stop()?;
    let listening = |status: &crate::base::record::SupervisorStatus| {
        if background {
            context.render.report(&launch::report(&Ok(())));
            settle::leave_terminal();
        } else {
            context.render.notice(&format!("supervisor {} listens on {}", status.pid, status.socket));
        }
    };
    daemon::run(setup, claim, listening, stop).await
}

/// The claim to be the supervisor. One that a command began on demand leaves it to a service.
async fn claimed(setup: &Setup) -> Result<Claim> {
    match daemon::claim(setup) {
        Err(running) if running.code() == "supervisor_running" && setup.is_managed() => {
            relief::instead(&setup.paths, running, || daemon::claim(setup)).await
        }
        outcome => outcome,
    }
}

/// One word for each SIGTERM and SIGINT. A terminal that is closed says it once and in several ways, so its hangup
/// counts only where nobody asked yet.
fn wishes_to_stop() -> Result<mpsc::UnboundedReceiver<()>> {
    let (mut terminate, mut interrupt) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    let mut hangup = catch(SignalKind::hangup())?;
    let (wish, wishes) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut first = true;
        loop {
            let hung_up = tokio::select! {
                _ = terminate.recv() => false,
                _ = interrupt.recv() => false,
                _ = hangup.recv() => true,
            };
            if (first || !hung_up) && wish.send(()).is_err() {
                return;
            }
            first = false;
        }
    });
    Ok(wishes)
}

fn catch(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(|error| {
        Error::new(Kind::Failed, "signals_unavailable", "signals cannot be watched").caused_by(error)
    })
}

/// Completes on SIGTERM or SIGINT, and when the terminal that it runs in is closed.
pub fn stop_signal() -> Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    let mut hangup = catch(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
