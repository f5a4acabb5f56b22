//! `profile stop`: drains and ends the gateways. Stopping what does not run is a success, for which no supervisor
//! is started.

use std::path::Path;

use serde_json::json;

use super::start;
use crate::base::record::ProfileStatus;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::render::Progress;
use crate::cli::{Context, survey};
use crate::client::control::Supervisor;
use crate::client::launch;
use crate::daemon;
use crate::host::lock::Record;
use crate::profile::{Registry, SupervisorPaths};
use crate::wire::control::PROFILE_STOP;

/// Stops `names` one after the other.
pub async fn run(context: &Context, names: &[ProfileName]) -> Result<()> {
    let registry = survey::registry(context)?;
    let known = registry.names()?;
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        return Err(survey::unknown(name, &known));
    }
    let paths = SupervisorPaths::derive(&context.environment)?;
    let Some(mut supervisor) = at_hand(&paths, names).await? else {
        let mut failures = Vec::new();
        for name in names {
            match registry.load(name) {
                Ok(profile) => {
                    failures
                        .extend(running(&profile.paths.state_dir).map(|record| unsupervised(name, &record)));
                }
                Err(error) => failures.push(error),
            }
        }
        if let Some(error) = worst(context, failures, names.len()) {
            return Err(error);
        }
        let sentence = format!("{}: not running", join(names));
        context.render.done(json!({ "ok": true, "stopped": names, "supervisor": false }), &sentence);
        return Ok(());
    };
    let (mut stopped, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match watched(context, &registry, &mut supervisor, name).await {
            Ok(status) => stopped.push(status),
            Err(error) => failures.push(error),
        }
    }
    let sentence = format!("{}: stopped", names_of(&stopped));
    match worst(context, failures, names.len()) {
        None => {
            context.render.done(start::several(&stopped), &sentence);
            Ok(())
        }
        Some(error) => {
            if !stopped.is_empty() {
                context.render.notice(&sentence);
            }
            Err(error)
        }
    }
}

/// The supervisor that runs. Where one has died and left a gateway of `names`, a new one adopts and ends it.
async fn at_hand(paths: &SupervisorPaths, names: &[ProfileName]) -> Result<Option<Supervisor>> {
    let running = Supervisor::connect(paths).await?;
    if running.is_none() && names.iter().any(|name| daemon::is_orphaned(paths, name)) {
        return launch::connect_or_start(paths).await.map(Some);
    }
    Ok(running)
}

/// Stops one profile and looks whether its gateway is gone.
async fn watched(
    context: &Context,
    registry: &Registry<'_>,
    supervisor: &mut Supervisor,
    name: &ProfileName,
) -> Result<ProfileStatus> {
    let mut progress = Progress::new(context.render);
    progress.step(&format!("{name} stopping"));
    // Files that cannot be read must not keep a gateway from being stopped.
    let state_dir = registry.load(name).ok().map(|profile| profile.paths.state_dir);
    let before = state_dir.as_deref().and_then(running);
    let status = one(context, supervisor, name, &mut progress).await?;
    // What outlives its own stop was never the supervisor's: a gateway in a terminal, or an orphan.
    match before.filter(|record| state_dir.as_deref().and_then(running).as_ref() == Some(record)) {
        Some(record) => Err(unsupervised(name, &record)),
        None => Ok(status),
    }
}

/// The failure that decides the exit code, the one of the highest; the others are told before it. One trouble of one
/// profile keeps no other from being stopped.
fn worst(context: &Context, mut failures: Vec<Error>, asked: usize) -> Option<Error> {
    let all = failures.len();
    let place = (0..all).max_by_key(|place| (failures[*place].kind().exit_code(), all - place))?;
    let worst = failures.swap_remove(place);
    if all == 1 {
        return Some(worst);
    }
    for other in &failures {
        context.render.notice(&format!("error: {other}"));
        if let Some(remedy) = other.remedy_text() {
            context.render.notice(&format!("  try: {remedy}"));
        }
    }
    let others = failures.iter().filter_map(Error::profile_name).collect::<Vec<_>>().join(", ");
    Some(worst.caused_by(format!("{all} of {asked} could not be stopped, {others} too")))
}

/// The gateway that runs on `state_dir`, by the kernel's own account.
fn running(state_dir: &Path) -> Option<Record> {
    Record::read(state_dir).filter(|record| record.is_proved(state_dir))
}

/// What is said of a gateway that nobody here can end, instead of calling it stopped.
fn unsupervised(name: &ProfileName, record: &Record) -> Error {
    let message =
        format!("the gateway of `{name}` runs as pid {} and no supervisor looks after it", record.pid);
    Error::new(Kind::Failed, "gateway_unsupervised", message)
        .profile(name)
        .remedy(format!("end it: kill -TERM {}", record.pid))
}

async fn one(
    context: &Context,
    supervisor: &mut Supervisor,
    name: &ProfileName,
    progress: &mut Progress,
) -> Result<ProfileStatus> {
    let changed = |status: ProfileStatus| {
        let phase = status.phase.map(|phase| format!(": {phase}")).unwrap_or_default();
        progress.step(&format!("{name} {}{phase}", status.state.as_str()));
    };
    let stop = supervisor.order_profile(PROFILE_STOP, name, changed);
    match context.timeout {
        None => stop.await,
        Some(limit) => tokio::time::timeout(limit.0, stop).await.map_err(|_| {
            Error::new(Kind::Deadline, "stop_timeout", format!("`{name}` is still stopping after {limit}"))
                .profile(name)
                .remedy(format!("see how far it is: openclaw profile show {name}"))
        })?,
    }
}

fn names_of(stopped: &[ProfileStatus]) -> String {
    stopped.iter().map(|status| status.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn join(names: &[ProfileName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
