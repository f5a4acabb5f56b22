//! What `status --deep` shows of the host: every gateway with its owner, conflicts, versions that differ, whether
//! the gateway outlives a logout, and tunnels.

use std::path::Path;

use serde_json::{Value, json};

use super::host;
use crate::base::Result;
use crate::cli::Context;
use crate::cli::render::cell;
use crate::conflict::cgroup::ManagerKind;
use crate::host::{files, process};
use crate::profile::Profile;

/// Where the users stand whose services go on after their logout.
const LINGER: &str = "/var/lib/systemd/linger";
/// There where systemd runs the host.
const SYSTEMD: &str = "/run/systemd/system";

/// The host, with the profile's own gateway, which told `version`, in the middle.
///
/// # Errors
/// When the profiles of this user cannot be listed.
pub fn host(context: &Context, profile: &Profile, version: Option<&str>) -> Result<Value> {
    let report = host::look(context)?.without_reasons();
    let own = report.gateways.iter().find(|gateway| gateway.profile.as_ref() == Some(&profile.name));
    let user = process::user_name(process::own_user());
    let lingers = user.as_deref().map(|user| files::is_there(&Path::new(LINGER).join(user)));
    let scene = Scene { systemd: files::is_dir(Path::new(SYSTEMD)), lingers: lingers.unwrap_or(false) };
    Ok(json!({
        "ok": report.ok, "gateways": report.gateways, "conflicts": report.conflicts,
        "versions": versions(profile, version),
        "durability": own.map(|gateway| scene.durability(gateway.manager.kind)),
        "tunnels": [],
    }))
}

/// What runs, what is installed, and whether they are the same.
fn versions(profile: &Profile, running: Option<&str>) -> Value {
    let cli = env!("CARGO_PKG_VERSION");
    let installed = profile.program.as_deref().and_then(installed_version);
    // The embedded gateway is this very program.
    let expected =
        installed.as_deref().or(profile.program.is_none().then_some(cli).filter(|_| running == Some(cli)));
    let skew = matches!((running, expected), (Some(running), Some(expected)) if running != expected);
    json!({ "cli": cli, "gateway": running, "installed": expected, "skew": skew })
}

/// The version in the `package.json` beside or above the program.
fn installed_version(program: &Path) -> Option<String> {
    let program = files::real_path(program);
    program.ancestors().skip(1).take(3).find_map(|folder| {
        let text = files::read(&folder.join("package.json")).ok()??;
        let package: Value = serde_json::from_str(&text).ok()?;
        package["version"].as_str().map(str::to_owned)
    })
}

/// What decides whether a process outlives its user's logout.
struct Scene {
    systemd: bool,
    lingers: bool,
}

impl Scene {
    /// Whether a gateway with such a manager outlives it; `null` where that cannot be known.
    fn durability(&self, manager: ManagerKind) -> Value {
        let (survives, reason) = match manager {
            ManagerKind::SystemdSystem => (Some(true), "the system's service manager runs it"),
            ManagerKind::SystemdUser if self.lingers => (Some(true), "the user's service manager lingers"),
            ManagerKind::SystemdUser => {
                (Some(false), "the user's service manager ends at logout: loginctl enable-linger")
            }
            ManagerKind::Container => (Some(true), "a container engine runs it"),
            ManagerKind::Launchd => (None, "a launchd agent ends at logout, a daemon does not"),
            ManagerKind::None if !self.systemd => {
                (Some(true), "nothing on this host ends what a session leaves")
            }
            ManagerKind::None => (None, "it was started in a session: KillUserProcesses of logind decides"),
            ManagerKind::Unknown => (None, "its manager is not known"),
        };
        json!({ "manager": manager.as_str(), "linger": self.lingers, "survivesLogout": survives, "reason": reason })
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
    let durability = &host["durability"];
    if durability.is_object() {
        let survives = match durability["survivesLogout"].as_bool() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        };
        fact("outlives logout", format!("{survives}: {}", cell::text(&durability["reason"])));
    }
    fact("tunnels", cell::list(&host["tunnels"]));
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
    }
}
