//! Gateways and services in words, and the commands that end or disable exactly them. A command that is printed may
//! be executed as it stands, so every name in it is quoted for a shell where it needs to be.

use super::facts::{FoundGateway, FoundUnit, Scope};
use crate::conflict::cgroup::ManagerKind;

/// A gateway in words.
pub fn gateway(gateway: &FoundGateway) -> String {
    let mut known = Vec::new();
    known.extend(gateway.pid.map(|pid| format!("pid {pid}")));
    known.extend(gateway.user.as_ref().map(|user| format!("user {user}")));
    known.extend(gateway.port.map(|port| format!("port {port}")));
    known.extend(gateway.manager.unit.as_ref().map(|unit| match gateway.manager.kind {
        ManagerKind::Container => format!("container {unit}"),
        _ => format!("unit {unit}"),
    }));
    let whose = match &gateway.profile {
        Some(name) => format!("the gateway of `{name}`"),
        None => "a gateway of no known profile".into(),
    };
    if known.is_empty() { whose } else { format!("{whose} ({})", known.join(", ")) }
}

/// Why a gateway is taken for the rightful owner.
pub fn rightful(owner: &FoundGateway) -> String {
    let why = match owner.manager.kind {
        _ if owner.ours => "the supervisor runs it",
        ManagerKind::SystemdUser | ManagerKind::SystemdSystem | ManagerKind::Launchd => "a service runs it",
        ManagerKind::Container => "a container engine runs it",
        ManagerKind::None | ManagerKind::Unknown => "it comes first by port, user and age",
    };
    format!("{} is taken for the owner: {why}", gateway(owner))
}

/// A service in words.
pub fn unit(unit: &FoundUnit) -> String {
    let scope = match unit.scope {
        Scope::User => "user",
        Scope::System => "system",
    };
    format!("the {scope} service {} ({})", unit.name, unit.path.display())
}

/// How a gateway is ended by the means that it was started with. `owner` is the one that must live: where both hang
/// on one unit, only the process can be meant.
pub fn end(gateway: &FoundGateway, owner: Option<&FoundGateway>, me: Option<&str>) -> String {
    let user = gateway.user.as_deref();
    let foreign = user.is_some() && user != me;
    let shared = owner.is_some_and(|owner| owner.manager == gateway.manager && owner.user == gateway.user);
    if let (true, Some(name)) = (gateway.ours, &gateway.profile)
        && owner.is_none_or(|owner| owner.profile != gateway.profile)
    {
        return format!("openclaw profile stop {name}");
    }
    let unit = gateway.manager.unit.as_deref().filter(|_| !shared);
    match (gateway.manager.kind, unit) {
        (ManagerKind::SystemdUser, Some(unit)) => {
            format!("{} stop {}", systemctl_user(user, me), quoted(unit))
        }
        (ManagerKind::SystemdSystem, Some(unit)) => format!("sudo systemctl stop {}", quoted(unit)),
        (ManagerKind::Launchd, Some(label)) => format!("launchctl stop {}", quoted(label)),
        (ManagerKind::Container, Some(id)) => container(id),
        _ => match gateway.pid {
            Some(pid) if foreign => format!("sudo kill {pid}"),
            Some(pid) => format!("kill {pid}"),
            None => format!("ask {} to end it", user.unwrap_or("the administrator")),
        },
    }
}

fn container(scope: &str) -> String {
    let id = scope.strip_suffix(".scope").unwrap_or(scope);
    let hex = |id: &str| id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match id.rsplit_once('-') {
        Some(("docker", id)) if hex(id) => format!("docker stop {}", &id[..12]),
        Some(("libpod" | "libpod-payload", id)) if hex(id) => format!("podman stop {}", &id[..12]),
        None if hex(id) => format!("docker stop {}", &id[..12]),
        _ => format!("stop the container {id} by the engine that runs it"),
    }
}

/// How a service is stopped now and for good.
pub fn disable(unit: &FoundUnit, me: Option<&str>) -> String {
    let name = quoted(&unit.name);
    match (unit.launchd, unit.scope) {
        (true, Scope::User) => format!("launchctl unload -w {}", quoted(&unit.path.display().to_string())),
        (true, Scope::System) => {
            format!("sudo launchctl unload -w {}", quoted(&unit.path.display().to_string()))
        }
        (false, Scope::User) => format!("{} disable --now {name}", systemctl_user(unit.user.as_deref(), me)),
        (false, Scope::System) => format!("sudo systemctl disable --now {name}"),
    }
}

/// How a service is started.
pub fn start(unit: &FoundUnit, me: Option<&str>) -> String {
    let name = quoted(&unit.name);
    match (unit.launchd, unit.scope) {
        (true, Scope::User) => format!("launchctl start {name}"),
        (true, Scope::System) => format!("sudo launchctl start {name}"),
        (false, Scope::User) => format!("{} start {name}", systemctl_user(unit.user.as_deref(), me)),
        (false, Scope::System) => format!("sudo systemctl start {name}"),
    }
}

fn systemctl_user(user: Option<&str>, me: Option<&str>) -> String {
    match user.filter(|user| me.is_some_and(|me| me != *user)) {
        Some(user) => format!("sudo systemctl --user --machine={}", quoted(&format!("{user}@"))),
        None => "systemctl --user".into(),
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._:/-+".contains(&byte);
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_a_command() {
        assert_eq!(quoted("gw@work.service"), "gw@work.service");
        assert_eq!(quoted("a b;rm -rf ~"), "'a b;rm -rf ~'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(container("docker-0123456789abcdef.scope"), "docker stop 0123456789ab");
        assert_eq!(container("libpod-0123456789abcdef.scope"), "podman stop 0123456789ab");
        assert!(container("x;y").starts_with("stop the container"));
    }
}
