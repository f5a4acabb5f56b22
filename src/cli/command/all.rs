//! `profile start|stop|restart --all`: one order for every profile, carried out side by side.

use serde_json::{Value, json};

use super::stop;
use crate::base::record::{Intent, ProfileStatus, State};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::render::{self, Progress};
use crate::cli::{Context, survey};
use crate::client::control::Supervisor;
use crate::client::launch;
use crate::profile::{Registry, SupervisorPaths};
use crate::wire::control::{AllVerb, PROFILE_ALL};

/// Code of the failure of some; its document was printed already.
pub const SOME_FAILED: &str = "profiles_failed";

/// Starts every profile of this machine that has a manifest.
pub async fn start(context: &Context) -> Result<()> {
    let names = with_manifest(&survey::registry(context)?)?;
    let mut supervisor = launch::connect_or_start(&SupervisorPaths::derive(&context.environment)?).await?;
    order(context, &mut supervisor, AllVerb::Start, names).await
}

/// Stops every profile that runs or is about to.
pub async fn stop(context: &Context) -> Result<()> {
    let registry = survey::registry(context)?;
    match Supervisor::connect(registry.paths()).await? {
        Some(mut supervisor) => {
            let names = chosen(&mut supervisor, |status| {
                status.intent == Intent::Up || status.state != State::Stopped
            });
            let names = names.await?;
            order(context, &mut supervisor, AllVerb::Stop, names).await
        }
        // What a supervisor left running is found one by one.
        None => stop::run(context, &with_manifest(&registry)?).await,
    }
}

/// Restarts every profile that is wanted up.
pub async fn restart(context: &Context) -> Result<()> {
    let mut supervisor = launch::connect_or_start(&SupervisorPaths::derive(&context.environment)?).await?;
    let names = chosen(&mut supervisor, |status| status.intent == Intent::Up).await?;
    order(context, &mut supervisor, AllVerb::Restart, names).await
}

fn with_manifest(registry: &Registry<'_>) -> Result<Vec<ProfileName>> {
    let mut names = registry.names()?;
    // One that cannot be read is asked for too, so that its error shows.
    names.retain(|name| match registry.manifest(name) {
        Ok(manifest) => manifest.is_some_and(|manifest| manifest.is_local()),
        Err(_) => true,
    });
    Ok(names)
}

async fn chosen(
    supervisor: &mut Supervisor,
    wanted: impl Fn(&ProfileStatus) -> bool,
) -> Result<Vec<ProfileName>> {
    let all = supervisor.profiles(None).await?;
    Ok(all.iter().filter(|status| wanted(status)).filter_map(|status| status.name.parse().ok()).collect())
}

async fn order(
    context: &Context,
    supervisor: &mut Supervisor,
    verb: AllVerb,
    names: Vec<ProfileName>,
) -> Result<()> {
    let mut progress = Progress::new(context.render);
    let asked = names.len();
    let changed =
        |status: ProfileStatus| progress.step(&format!("{} {}", status.name, status.state.as_str()));
    let ordered = supervisor.order(PROFILE_ALL, json!({ "verb": verb, "names": names }), changed);
    let mut answer: Value = match context.timeout {
        None => ordered.await?,
        Some(limit) => tokio::time::timeout(limit.0, ordered).await.map_err(|_| {
            Error::new(Kind::Deadline, "all_timeout", format!("not all are done after {limit}"))
                .remedy("it goes on in the background; see openclaw profile list")
        })??,
    };
    drop(progress);
    let failures: Vec<Error> = serde_json::from_value(answer["failures"].take()).unwrap_or_default();
    let profiles: Vec<ProfileStatus> = serde_json::from_value(answer["profiles"].take()).unwrap_or_default();
    if context.render.is_json() {
        context.render.document(&document(supervisor, &profiles, &failures).await?);
    } else if verb == AllVerb::Stop || profiles.is_empty() {
        let done = if verb == AllVerb::Stop { "stopped" } else { "ready" };
        context.render.text(&format!("{}: {done}\n", render::profiles_counted(profiles.len())));
    } else {
        context.render.started(&profiles);
    }
    for failure in failures.iter().filter(|_| !context.render.is_json()) {
        context.render.error(failure);
    }
    let Some(worst) = failures.iter().map(Error::kind).max_by_key(|kind| kind.exit_code()) else {
        return Ok(());
    };
    Err(Error::new(worst, SOME_FAILED, format!("{} of {asked} failed", failures.len())))
}

/// Every profile that was asked for, in order of name; one that failed with its error.
async fn document(
    supervisor: &mut Supervisor,
    profiles: &[ProfileStatus],
    failures: &[Error],
) -> Result<Value> {
    let now = supervisor.profiles(None).await.unwrap_or_default();
    let fresh = |name: &str| now.iter().find(|status| status.name == name);
    let mut all: Vec<Value> =
        profiles.iter().map(|status| json!(fresh(&status.name).unwrap_or(status))).collect();
    for failure in failures {
        let name = failure.profile_name().unwrap_or_default();
        let mut entry = fresh(name).map_or_else(|| json!({ "name": name }), |status| json!(status));
        entry["error"] = json!(failure);
        all.push(entry);
    }
    all.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    Ok(json!({ "profiles": all }))
}
