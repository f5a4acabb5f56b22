//! `profile start`: creates what does not exist, starts the supervisor on demand, and waits until every
//! profile is ready. A second call joins the first.

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{allow, create, host};
use crate::base::record::{ProfileStatus, State};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::args::Start;
use crate::cli::render::Progress;
use crate::cli::{Context, survey};
use crate::client::control::{Supervisor, is_ending};
use crate::client::launch;
use crate::daemon::census;
use crate::host::signal as own;
use crate::profile::SupervisorPaths;
use crate::wire::control::PROFILE_START;

/// Starts profiles one after the other.
pub async fn run(context: &Context, start: &Start) -> Result<()> {
    for name in &start.names {
        create::ensure(context, name).await?;
        if let Some(channel) = &start.sharing.allow_shared_channel {
            allow::allow(context, name, channel).await?;
        }
    }
    allow::refuse_shared(context, &start.names).await?;
    bring_up(context, &start.names, PROFILE_START, "start").await
}

/// Gives the order `method` for each of `names` and shows how they come up.
pub async fn bring_up(context: &Context, names: &[ProfileName], method: &str, verb: &str) -> Result<()> {
    let paths = SupervisorPaths::derive(&context.environment)?;
    let mut supervisor = launch::connect_or_start(&paths).await?;
    let mut started = Vec::new();
    for name in names {
        let mut status = one(context, &mut supervisor, name, method, verb).await;
        if status.as_ref().is_err_and(is_ending) {
            // That one was on its way out; what is wanted is a gateway that runs, so the next one is asked.
            supervisor = launch::connect_or_start(&paths).await?;
            status = one(context, &mut supervisor, name, method, verb).await;
        }
        started.push(status?);
    }
    // The figures of memory come from a fresh look, not from the moment of readiness.
    let sampled = supervisor.profiles(None).await.unwrap_or_default();
    for status in &mut started {
        if let Some(fresh) =
            sampled.iter().find(|fresh| fresh.name == status.name && fresh.state == State::Ready)
        {
            status.clone_from(fresh);
        }
    }
    survey::warn_of_sharing(&survey::registry(context)?, &mut started);
    context.render.started(&started);
    if !context.render.is_json() {
        let registry = survey::registry(context)?;
        let gateways = census::gateways(&census::profiles(&registry)?, &context.environment);
        context.render.notice(&format!("this host now has: {}", host::in_one_line(&gateways)));
    }
    Ok(())
}

async fn one(
    context: &Context,
    supervisor: &mut Supervisor,
    name: &ProfileName,
    method: &str,
    verb: &str,
) -> Result<ProfileStatus> {
    let mut progress = Progress::new(context.render);
    let changed = |status: ProfileStatus| {
        let phase = status.phase.map(|phase| format!(": {phase}")).unwrap_or_default();
        progress.step(&format!("{} {}{phase}", status.name, status.state.as_str()));
    };
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        Error::new(Kind::Failed, "signals_unavailable", "signals cannot be watched").caused_by(error)
    })?;
    let limit = context.timeout;
    let deadline = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit.0).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        status = supervisor.order_profile(method, name, changed) => status,
        _ = interrupts.recv() => {
            context.render.notice(&format!(
                "\n`{name}` goes on starting in the background; stop it with: openclaw profile stop {name}"
            ));
            own::die_of_interrupt();
            Err(Error::new(Kind::Failed, "interrupted", "interrupted"))
        }
        () = deadline => Err(Error::new(
            Kind::Deadline,
            "start_timeout",
            format!("`{name}` is not ready yet; the {verb} goes on in the background"),
        )
        .profile(name)
        .remedy(format!("watch it: openclaw profile logs {name} -f"))),
    }
}

/// The document of several stopped profiles.
pub fn several(profiles: &[ProfileStatus]) -> serde_json::Value {
    match profiles {
        [one] => json!(one),
        several => json!({ "profiles": several }),
    }
}
