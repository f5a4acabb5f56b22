//! What `status --deep` shows of the host: every gateway with its owner, conflicts, versions that differ, what the
//! gateway outlives, and the links of this user.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::host;
use crate::base::Result;
use crate::base::record::{ProfileStatus, Runtime, SupervisorStatus};
use crate::cli::render::{age, cell, size};
use crate::cli::service::asked;
use crate::cli::{Context, guarded, survey};
use crate::client::control::Supervisor;
use crate::conflict::cgroup::{Manager, ManagerKind};
use crate::conflict::host::{FoundUnit, Scope};
use crate::daemon::{self, census, registered};
use crate::host::clock::epoch_ms;
use crate::host::lock::Record;
use crate::host::{files, process};
use crate::profile::resolved::RuntimeChoice;
use crate::profile::{Profile, SupervisorPaths};
use crate::service::durability::{self, Facts, Keeper, Linger};
use crate::wire::control::SUPERVISOR_STATUS;

/// How long the supervisor may take to say who it is.
const KEEPER_TIMEOUT: Duration = Duration::from_secs(1);

/// Who looks after the supervisor of this user: whoever ends that one ends its gateways.
pub async fn keeper(context: &Context) -> Option<Manager> {
    let paths = SupervisorPaths::derive(&context.environment).ok()?;
    let mut supervisor = Supervisor::connect(&paths).await.ok()??;
    let status = supervisor.order::<SupervisorStatus>(SUPERVISOR_STATUS, json!({}), |_| {});
    let pid = timeout(KEEPER_TIMEOUT, status).await.ok()?.ok()?.pid;
    Some(census::manager_of(pid))
}

/// A profile's link as JSON has it, with whose it is and how the profile is; `None` for a gateway of this host.
pub fn link(status: &ProfileStatus) -> Option<Value> {
    let mut document = serde_json::to_value(status.link.as_ref()?).ok()?;
    document["profile"] = json!(status.name);
    document["state"] = json!(status.state);
    Some(document)
}

/// The host, with the profile's own gateway, which told `version`, in the middle; `keeper` looks after the supervisor,
/// and `links` are the profiles of which the links are shown.
///
/// # Errors
/// When the profiles of this user cannot be listed.
pub fn host(
    context: &Context,
    profile: &Profile,
    version: Option<&str>,
    keeper: Option<Manager>,
    links: &[ProfileStatus],
) -> Result<Value> {
    let report = host::look(context)?.without_reasons();
    let own = report.gateways.iter().find(|gateway| gateway.profile.as_ref() == Some(&profile.name));
    // Of a gateway that is not ours its own manager says it.
    let durability = own.map(|gateway| {
        let keeper = keeper.as_ref().filter(|_| gateway.ours);
        outlives(context, keeper.unwrap_or(&gateway.manager))
    });
    Ok(json!({
        "ok": report.ok, "gateways": report.gateways, "conflicts": report.conflicts,
        "versions": versions(context, profile, version),
        "durability": durability,
        "links": links.iter().filter_map(link).collect::<Vec<_>>(), "warnings": guarded::warning(&survey::registry(context)?, profile).into_iter().collect::<Vec<_>>(),
    }))
}

/// What runs, what is installed, and whether they are the same. The embedded gateway is this very program.
pub fn versions(context: &Context, profile: &Profile, running: Option<&str>) -> Value {
    let cli = env!("CARGO_PKG_VERSION");
    let state_dir = files::real_path(&profile.paths.state_dir);
    let record = Record::read(&state_dir).filter(|record| record.is_proved(&state_dir));
    let is_embedded = match (record, profile.runtime) {
        (Some(record), _) => record.runtime == Runtime::Embedded,
        (None, choice) => choice == RuntimeChoice::Embedded,
    };
    // What a gateway elsewhere would be restarted with is known there alone.
    let is_unknown = profile.runtime == RuntimeChoice::Command || profile.remote.is_some();
    let installed = if is_embedded {
        Some(cli.to_owned())
    } else {
        let looked = (!is_unknown)
            .then(|| daemon::installed_version(profile.program.as_deref(), &context.environment));
        looked.flatten()
    };
    let skew = differs(running, installed.as_deref());
    json!({ "cli": cli, "gateway": running, "installed": installed, "skew": skew })
}

/// Whether what runs is known to be another version than what would be started now.
fn differs(running: Option<&str>, installed: Option<&str>) -> bool {
    matches!((running, installed), (Some(running), Some(installed)) if running != installed)
}

/// What a gateway outlives that `manager` looks after, by the same judge as `service status`. logind itself is not asked.
fn outlives(context: &Context, manager: &Manager) -> Value {
    let user = process::user_name(process::own_user()).unwrap_or_default();
    let keeper = match manager.kind {
        ManagerKind::SystemdUser => Keeper::UserManager,
        ManagerKind::SystemdSystem => Keeper::SystemManager,
        ManagerKind::Launchd => Keeper::Launchd,
        ManagerKind::Container => Keeper::Container,
        ManagerKind::None => Keeper::Nobody,
        ManagerKind::Unknown => Keeper::Unknown,
    };
    let scope = if keeper == Keeper::SystemManager { Scope::System } else { Scope::User };
    let units = registered::units(&context.environment, Some(&user)).unwrap_or_default();
    let is_its = |unit: &&FoundUnit| unit.scope == scope && Some(&unit.name) == manager.unit.as_ref();
    let booted = asked::is_booted();
    let linger = match asked::lingers_on_disk(&user) {
        // Where logind is, it leaves a file for each user who lingers.
        Linger::Unknown if booted => Linger::No,
        told => told,
    };
    let enabled = units.iter().find(is_its).map(|unit| unit.enabled);
    let judged = durability::judge(&Facts { keeper, installed: true, enabled, booted, linger, user: &user });
    let mut document = json!(judged);
    document["manager"] = manager.kind.as_str().into();
    document
}

/// The same for people.
pub fn facts(host: &Value, fact: &mut impl FnMut(&str, String)) {
    for gateway in host["gateways"].as_array().into_iter().flatten() {
        let owner = cell::first(&[&gateway["manager"]["unit"], &gateway["manager"]["kind"]]);
        let whose = if gateway["ours"] == true { "ours" } else { "not ours" };
        fact(
            "on this host",
            format!(
                "{}, port {}, pid {}, user {}, {owner}, {whose}",
                cell::text(&gateway["profile"]),
                cell::text(&gateway["port"]),
                cell::text(&gateway["pid"]),
                cell::text(&gateway["user"]),
            ),
        );
    }
    for conflict in host["conflicts"].as_array().into_iter().flatten() {
        fact("conflict", format!("{}: {}", cell::text(&conflict["code"]), cell::text(&conflict["message"])));
    }
    for warning in host["warnings"].as_array().into_iter().flatten() {
        fact("warning", cell::text(&warning["message"]));
    }
    let versions = &host["versions"];
    let skew = if versions["skew"] == true { "; restart the gateway to run what is installed" } else { "" };
    fact(
        "versions",
        format!(
            "this program {}, gateway {}, installed {}{skew}",
            cell::text(&versions["cli"]),
            cell::text(&versions["gateway"]),
            cell::text(&versions["installed"]),
        ),
    );
    let supervisor = &versions["supervisor"];
    if supervisor["skew"] == true {
        let [running, installed] = ["running", "installed"].map(|key| cell::text(&supervisor[key]));
        let what = format!("runs {running}, installed {installed}; to go over: openclaw supervisor reload");
        fact("supervisor's version", what);
    }
    let durability = &host["durability"];
    if durability.is_object() {
        let word = |key: &str| match durability[key].as_bool() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        };
        let (logout, reboot) = (word("survivesLogout"), word("survivesReboot"));
        let reason = cell::text(&durability["reason"]);
        fact("outlives", format!("logout {logout}, reboot {reboot}: {reason}"));
    }
    for link in host["links"].as_array().into_iter().flatten() {
        fact("link", linked(link));
    }
}

/// A link in one line: way, peer, trust, and how it fares.
fn linked(link: &Value) -> String {
    let known = |key: &str, words: &dyn Fn(String) -> String| {
        (!link[key].is_null()).then(|| words(cell::text(&link[key])))
    };
    let ago = |at_ms: u64| age(epoch_ms().saturating_sub(at_ms));
    let handshake =
        link["lastHandshakeAtMs"].as_u64().map_or_else(|| "never".into(), |at| format!("{} ago", ago(at)));
    let next = link["nextAttemptAtMs"].as_u64().map(|at| age(at.saturating_sub(epoch_ms())));
    let all = [
        Some(format!(
            "{} {} {}",
            cell::text(&link["profile"]),
            cell::text(&link["transport"]),
            cell::text(&link["target"])
        )),
        Some(format!("{}, {}", if link["up"] == true { "up" } else { "down" }, cell::text(&link["state"]))),
        Some(format!("port {} to {} there", cell::text(&link["localPort"]), cell::text(&link["remotePort"]))),
        Some(format!("trust: {}", cell::text(&link["trust"]))),
        Some(format!("handshake {handshake}")),
        link["bytes"].as_u64().map(size),
        known("reconnects", &|count| format!("reconnects {count}")),
        next.map(|next| format!("next try in {next}")),
        known("lastError", &|error| format!("last error: {error}")),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_are_known_differ() {
        assert!(differs(Some("1"), Some("2")));
        assert!(!differs(Some("1"), Some("1")) && !differs(None, Some("1")) && !differs(Some("1"), None));
    }
}
