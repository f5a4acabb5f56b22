//! Which service manager looks after a process, from the text of `/proc/PID/cgroup`: version 2 (`0::/path`) and
//! version 1 (`1:name=systemd:/path`).

use serde::{Deserialize, Serialize};

/// What kind of manager looks after a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManagerKind {
    /// systemd, for one user.
    SystemdUser,
    /// systemd, for the host.
    SystemdSystem,
    /// launchd.
    Launchd,
    /// A container engine.
    Container,
    /// Nobody: it was started by hand, in a session.
    None,
    /// Nothing tells.
    #[default]
    Unknown,
}

impl ManagerKind {
    /// The word used in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            ManagerKind::SystemdUser => "systemd-user",
            ManagerKind::SystemdSystem => "systemd-system",
            ManagerKind::Launchd => "launchd",
            ManagerKind::Container => "container",
            ManagerKind::None => "none",
            ManagerKind::Unknown => "unknown",
        }
    }
}

/// Who looks after a process (DESIGN 3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manager {
    /// What kind it is.
    pub kind: ManagerKind,
    /// The unit, label or container.
    pub unit: Option<String>,
}

impl Manager {
    /// A manager of this kind, with its unit.
    pub fn new(kind: ManagerKind, unit: impl Into<String>) -> Self {
        Manager { kind, unit: Some(unit.into()) }
    }

    /// Nobody.
    pub fn none() -> Self {
        Manager { kind: ManagerKind::None, unit: None }
    }

    /// Whether a service manager would start it again, or could be told to stop it.
    pub fn is_service(&self) -> bool {
        matches!(self.kind, ManagerKind::SystemdUser | ManagerKind::SystemdSystem | ManagerKind::Launchd)
    }

    /// The unit or label, where a service manager looks after it.
    pub fn service(&self) -> Option<&str> {
        self.unit.as_deref().filter(|_| self.is_service())
    }

    /// The container, where it runs in one.
    pub fn container(&self) -> Option<&str> {
        self.unit.as_deref().filter(|_| self.kind == ManagerKind::Container)
    }
}

/// Services that hold sessions or other people's jobs: what runs in them was started by hand, and stopping them
/// would end far more than it.
const SESSION_HOSTS: [&str; 16] = [
    "ssh",
    "sshd",
    "dropbear",
    "cron",
    "crond",
    "cronie",
    "atd",
    "dbus",
    "dbus-broker",
    "gnome-terminal-server",
    "tmux",
    "screen",
    "systemd-logind",
    "rc-local",
    "mosh",
    "code-server",
];

/// Templates of the same kind: `sshd@1-10.0.0.1:22.service`, `getty@tty1.service`.
const SESSION_TEMPLATES: [&str; 8] =
    ["ssh", "sshd", "getty", "serial-getty", "tmux", "screen", "dropbear", "ttyd"];

/// Folders in which container engines keep one group per container.
const CONTAINER_PARENTS: [&str; 7] = ["docker", "lxc", "libpod", "podman", "ecs", "garden", "buildkit"];

/// What the names of a container's own scope begin with.
const CONTAINER_SCOPES: [&str; 9] = [
    "docker-",
    "libpod-",
    "cri-containerd-",
    "crio-",
    "nerdctl-",
    "lxc.payload.",
    "lxc.payload",
    "machine-",
    "systemd-nspawn@",
];

/// The manager that a process's cgroup text names.
pub fn manager(text: &str) -> Manager {
    let fields = text.lines().filter_map(|line| {
        let mut fields = line.trim().splitn(3, ':');
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    let mut lines: Vec<(u8, &str)> = fields.map(|(_, controllers, path)| (rank(controllers), path)).collect();
    lines.sort_by_key(|(rank, _)| *rank);
    if lines.is_empty() {
        return Manager::default();
    }
    // A mixed host has both versions, and only one of them may have been used to place the process.
    let verdicts = lines.iter().map(|(_, path)| of_path(path));
    verdicts.min_by_key(certainty).unwrap_or_default()
}

/// Version 2 first, then systemd's own hierarchy, then the rest.
fn rank(controllers: &str) -> u8 {
    match controllers {
        "" => 0,
        "name=systemd" => 1,
        _ => 2,
    }
}

/// A container says most: systemd may well have started its engine. Nothing said comes last.
fn certainty(manager: &Manager) -> u8 {
    match manager.kind {
        ManagerKind::Container => 0,
        ManagerKind::SystemdUser | ManagerKind::SystemdSystem | ManagerKind::Launchd => 1,
        ManagerKind::None => 2,
        ManagerKind::Unknown => 3,
    }
}

fn of_path(path: &str) -> Manager {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if let Some(container) = container(&parts) {
        return Manager::new(ManagerKind::Container, container);
    }
    let user = parts.iter().position(|part| part.starts_with("user@") && part.ends_with(".service"));
    let kind = if user.is_some() { ManagerKind::SystemdUser } else { ManagerKind::SystemdSystem };
    let behind = &parts[user.map_or(0, |at| at + 1)..];
    let unit = behind.iter().rev().find(|part| part.ends_with(".service"));
    match unit {
        Some(unit) if !hosts_sessions(unit) => Manager::new(kind, *unit),
        Some(_) => Manager::none(),
        // Outside of what our own namespace shows, what is not named is not known.
        None if parts.first() == Some(&"..") => Manager::default(),
        None => Manager::none(),
    }
}

/// The container whose group the path names.
fn container(parts: &[&str]) -> Option<String> {
    for (at, part) in parts.iter().enumerate() {
        let scope = part.ends_with(".scope")
            || part.starts_with("lxc.payload")
            || part.starts_with("systemd-nspawn@");
        if scope && CONTAINER_SCOPES.iter().any(|prefix| part.starts_with(prefix)) {
            return Some((*part).to_owned());
        }
        let child = parts.get(at + 1).copied();
        if part.starts_with("libpod-payload-") || (CONTAINER_PARENTS.contains(part) && child.is_some()) {
            return Some(child.filter(|_| CONTAINER_PARENTS.contains(part)).unwrap_or(part).to_owned());
        }
        if part.starts_with("kubepods") {
            return parts.last().map(|last| (*last).to_owned());
        }
    }
    None
}

fn hosts_sessions(unit: &str) -> bool {
    let stem = unit.strip_suffix(".service").unwrap_or(unit);
    match stem.split_once('@') {
        Some((template, _)) => SESSION_TEMPLATES.contains(&template),
        None => SESSION_HOSTS.contains(&stem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incident_d3_the_manager_is_read_from_the_process() {
        use ManagerKind::{Container, None as Nobody, SystemdSystem, SystemdUser, Unknown};
        let slice = "0::/user.slice/user-1000.slice";
        for (text, kind, unit) in [
            (
                format!("{slice}/user@1000.service/app.slice/openclaw-gateway-work.service"),
                SystemdUser,
                "openclaw-gateway-work.service",
            ),
            (
                format!("{slice}/user@1000.service/app.slice/app-gw.slice/gw@a.service/sub"),
                SystemdUser,
                "gw@a.service",
            ),
            (format!("{slice}/session-3.scope"), Nobody, ""),
            (format!("{slice}/user@1000.service/app.slice/run-u7.scope"), Nobody, ""),
            (format!("{slice}/user@1000.service/init.scope"), Nobody, ""),
            (format!("{slice}/user@1000.service/app.slice/gnome-terminal-server.service"), Nobody, ""),
            (
                format!("{slice}/user@1000.service/user.slice/libpod-3f2a.scope/container"),
                Container,
                "libpod-3f2a.scope",
            ),
            ("0::/system.slice/x.service".into(), SystemdSystem, "x.service"),
            ("0::/system.slice/ssh.service".into(), Nobody, ""),
            ("0::/system.slice/system-getty.slice/getty@tty1.service".into(), Nobody, ""),
            ("0::/system.slice/docker-3f2a.scope".into(), Container, "docker-3f2a.scope"),
            ("0::/docker/3f2a".into(), Container, "3f2a"),
            ("0::/system.slice/gw.service/libpod-payload-3f2a".into(), Container, "libpod-payload-3f2a"),
            ("0::/lxc.payload.box/system.slice/x.service".into(), Container, "lxc.payload.box"),
            (
                "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-3f.scope".into(),
                Container,
                "cri-containerd-3f.scope",
            ),
            ("12:pids:/x\n1:name=systemd:/system.slice/y.service\n0::/".into(), SystemdSystem, "y.service"),
            ("4:memory:/docker/3f2a\n1:name=systemd:/\n".into(), Container, "3f2a"),
            ("0::/".into(), Nobody, ""),
            ("0::/../other".into(), Unknown, ""),
            (String::new(), Unknown, ""),
            ("garbage".into(), Unknown, ""),
        ] {
            let found = manager(&text);
            assert_eq!((found.kind, found.unit.as_deref().unwrap_or("")), (kind, unit), "{text}");
        }
    }
}
