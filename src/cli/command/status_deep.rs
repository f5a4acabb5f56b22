//! What `status --deep` shows of the host: every gateway with its owner, conflicts, versions that differ, whether
//! the gateway outlives a logout, and the links of this user.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::host;
use crate::base::Result;
use crate::base::record::{ProfileStatus, Runtime, SupervisorStatus};
use crate::cli::render::{age, cell, size};
use crate::cli::{Context, guarded, survey};
use crate::client::control::Supervisor;
use crate::conflict::cgroup::ManagerKind;
use crate::daemon::{self, census};
use crate::host::clock::epoch_ms;
use crate::host::lock::Record;
use crate::host::{files, process};
use crate::profile::resolved::RuntimeChoice;
use crate::profile::{Profile, SupervisorPaths};
use crate::wire::control::SUPERVISOR_STATUS;

/// How long the supervisor may take to say who it is.
const KEEPER_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the users stand whose services go on after their logout.
const LINGER: &str = "/var/lib/systemd/linger";
/// There where systemd runs the host.
const SYSTEMD: &str = "/run/systemd/system";

/// Who looks after the supervisor of this user: whoever ends that one ends its gateways.
pub async fn keeper(context: &Context) -> Option<ManagerKind> {
    let paths = SupervisorPaths::derive(&context.environment).ok()?;
    let mut supervisor = Supervisor::connect(&paths).await.ok()??;
    let status = supervisor.order::<SupervisorStatus>(SUPERVISOR_STATUS, json!({}), |_| {});
    let pid = timeout(KEEPER_TIMEOUT, status).await.ok()?.ok()?.pid;
    Some(census::manager_of(pid).kind)
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
    keeper: Option<ManagerKind>,
    links: &[ProfileStatus],
) -> Result<Value> {
    let report = host::look(context)?.without_reasons();
    let own = report.gateways.iter().find(|gateway| gateway.profile.as_ref() == Some(&profile.name));
    // Of a gateway that is not ours its own manager says it.
    let manager = keeper.filter(|_| own.is_some_and(|gateway| gateway.ours));
    let user = process::user_name(process::own_user());
    let lingers = user.as_deref().map(|user| files::is_there(&Path::new(LINGER).join(user)));
    let scene = Scene { systemd: files::is_dir(Path::new(SYSTEMD)), lingers: lingers.unwrap_or(false) };
    Ok(json!({
        "ok": report.ok, "gateways": report.gateways, "conflicts": report.conflicts,
        "versions": versions(context, profile, version),
        "durability": own.map(|gateway| scene.durability(manager.unwrap_or(gateway.manager.kind))),
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

/// What decides whether a process outlives its user's logout.
struct Scene {
    systemd: bool,
    lingers: bool,
}

impl Scene {
    /// Whether a gateway that such a manager looks after outlives a logout and comes back after a reboot; `null`
    /// where that cannot be known.
    fn durability(&self, manager: ManagerKind) -> Value {
        let (logout, reboot, reason) = match manager {
            ManagerKind::SystemdSystem => (Some(true), None, "the system's service manager runs it"),
            ManagerKind::SystemdUser if self.lingers => {
                (Some(true), None, "the user's service manager lingers")
            }
            ManagerKind::SystemdUser => (
                Some(false),
                Some(false),
                "the user's service manager ends at logout and begins at login: loginctl enable-linger",
            ),
            ManagerKind::Container => (Some(true), None, "a container engine runs it"),
            ManagerKind::Launchd => (None, None, "a launchd agent ends at logout, a daemon does not"),
            ManagerKind::None if !self.systemd => {
                (Some(true), Some(false), "no service manager runs it: it dies at reboot")
            }
            ManagerKind::None => (
                None,
                Some(false),
                "no service manager runs it: it dies at reboot, and where logind has KillUserProcesses at logout",
            ),
            ManagerKind::Unknown => (None, None, "its manager is not known"),
        };
        json!({
            "manager": manager.as_str(), "linger": self.lingers, "survivesLogout": logout,
            "survivesReboot": reboot, "reason": reason,
        })
    }
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
    fn who_outlives_a_logout() {
        let say = |systemd, lingers, manager| {
            Scene { systemd, lingers }.durability(manager)["survivesLogout"].clone()
        };
        assert_eq!(say(true, false, ManagerKind::SystemdUser), false);
        assert_eq!(say(true, true, ManagerKind::SystemdUser), true);
        assert_eq!(say(true, false, ManagerKind::SystemdSystem), true);
        assert_eq!(say(true, false, ManagerKind::None), Value::Null);
        assert_eq!(say(false, false, ManagerKind::None), true);
        let scene = Scene { systemd: false, lingers: true };
        assert_eq!(scene.durability(ManagerKind::None)["survivesReboot"], false);
        // Whether a unit is enabled is its own affair.
        assert_eq!(scene.durability(ManagerKind::SystemdUser)["survivesReboot"], Value::Null);
    }

    #[test]
    fn only_versions_that_are_known_differ() {
        assert!(differs(Some("1"), Some("2")));
        assert!(!differs(Some("1"), Some("1")) && !differs(None, Some("1")) && !differs(Some("1"), None));
    }
}
