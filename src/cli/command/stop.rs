//! `profile stop`: drains and ends the gateways. Stopping what does not run is a success; no supervisor is
//! started for it.

use std::path::Path;

use serde_json::json;

use super::start;
use crate::base::record::ProfileStatus;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::render::Progress;
use crate::cli::{Context, survey};
use crate::client::control::Supervisor;
use crate::host::lock::Record;
use crate::profile::SupervisorPaths;
use crate::wire::control::PROFILE_STOP;

/// Stops `names` one after the other.
pub async fn run(context: &Context, names: &[ProfileName]) -> Result<()> {
    let registry = survey::registry(context)?;
    let known = registry.names()?;
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        return Err(survey::unknown(name, &known));
    }
    let paths = SupervisorPaths::derive(&context.environment)?;
    let Some(mut supervisor) = Supervisor::connect(&paths).await? else {
        for name in names {
            if let Some(record) = running(&registry.load(name)?.paths.state_dir) {
                return Err(unsupervised(name, &record));
            }
        }
        let sentence = format!("{}: not running", join(names));
        context.render.done(json!({ "ok": true, "stopped": names, "supervisor": false }), &sentence);
        return Ok(());
    };
    let mut stopped = Vec::new();
    for name in names {
        let mut progress = Progress::new(context.render);
        progress.step(&format!("{name} stopping"));
        // Files that cannot be read must not keep a gateway from being stopped.
        let state_dir = registry.load(name).ok().map(|profile| profile.paths.state_dir);
        let before = state_dir.as_deref().and_then(running);
        stopped.push(one(context, &mut supervisor, name).await?);
        // What outlives its own stop was never the supervisor's: a gateway in a terminal, or an orphan.
        if let Some(record) =
            before.filter(|record| state_dir.as_deref().and_then(running).as_ref() == Some(record))
        {
            return Err(unsupervised(name, &record));
        }
    }
    context.render.done(start::several(&stopped), &format!("{}: stopped", join(names)));
    Ok(())
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

async fn one(context: &Context, supervisor: &mut Supervisor, name: &ProfileName) -> Result<ProfileStatus> {
    let stop = supervisor.order_profile(PROFILE_STOP, name, |_| {});
    match context.global.timeout {
        None => stop.await,
        Some(limit) => tokio::time::timeout(limit.0, stop).await.map_err(|_| {
            Error::new(Kind::Deadline, "stop_timeout", format!("`{name}` is still stopping after {limit}"))
                .profile(name)
                .remedy(format!("see how far it is: openclaw profile show {name}"))
        })?,
    }
}

fn join(names: &[ProfileName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
