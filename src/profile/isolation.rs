//! The proof that profiles share nothing (INCIDENTS B4): directories, files, ports and service names are compared
//! pair by pair. What is compared are real paths, inodes and places within file systems that `host` has looked up,
//! so a symbolic link or a bind mount hides nothing. Channel credentials are compared by `channels`.

use std::path::PathBuf;

use super::ports::Ports;
use crate::base::ProfileName;

/// What the file system knows a file by: device and inode.
pub type FileId = (u64, u64);

/// A place as the file system knows it; it need not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// The path with its links resolved.
    pub path: PathBuf,
    /// Device and inode, when it exists.
    pub id: Option<FileId>,
    /// The device and the path within its file system, where the system tells: the same place behind two mounts.
    pub origin: Option<(u64, PathBuf)>,
}

/// A part of what a profile owns besides state directory, configuration and workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The directory of the gateway's own logs.
    Logs,
    /// The log file that `logging.file` names.
    LogFile,
    /// Where channels keep what they have logged in with.
    Credentials,
    /// Temporary files.
    Temporary,
}

impl Part {
    /// What people call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Logs => "log directory",
            Part::LogFile => "log file",
            Part::Credentials => "credential directory",
            Part::Temporary => "temporary directory",
        }
    }

    /// Logs and temporary files are state; credentials have a code of their own.
    const fn code(self) -> &'static str {
        match self {
            Part::Credentials => "credential_shared",
            Part::Logs | Part::LogFile | Part::Temporary => "state_dir_shared",
        }
    }
}

/// What one profile owns, with every path resolved to its real one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Real {
    /// The profile.
    pub name: ProfileName,
    /// The state directory.
    pub state_dir: Spot,
    /// The configuration file.
    pub config_path: Spot,
    /// The workspace.
    pub workspace: Spot,
    /// Further parts, each of which has to be its own.
    pub parts: Vec<(Part, Spot)>,
    /// Its ports.
    pub ports: Ports,
}

/// Something that two profiles share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// A conflict code of DESIGN 3.4.
    pub code: &'static str,
    /// One profile; by name the smaller.
    pub a: ProfileName,
    /// The other.
    pub b: ProfileName,
    /// What is shared: a path, a range of ports, a service's name or a channel.
    pub what: String,
    /// A sentence for people.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether a manifest allows it: then it is a warning and no reason to refuse a start.
    pub allowed: bool,
}

/// Whether the pair is looked at: every one is, or those with `of`.
pub(super) fn is_meant(of: Option<&ProfileName>, a: &ProfileName, b: &ProfileName) -> bool {
    of.is_none_or(|of| of == a || of == b)
}

/// How two places lie to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lie {
    Apart,
    Same,
    FirstInSecond,
    SecondInFirst,
}

/// Everything that any two of the profiles share, or `of` and any other; empty when they are isolated. Each finding
/// comes once, whatever the order of `all`.
pub fn prove(all: &[Real], of: Option<&ProfileName>) -> Vec<Sharing> {
    let mut sorted: Vec<&Real> = all.iter().collect();
    sorted.sort_by(|a, b| (&a.name, &a.state_dir.path).cmp(&(&b.name, &b.state_dir.path)));
    let mut found = Vec::new();
    for (index, a) in sorted.iter().enumerate() {
        for b in &sorted[index + 1..] {
            if !is_meant(of, &a.name, &b.name) {
                continue;
            }
            let state = lie(&a.state_dir, &b.state_dir);
            found.extend(ports(a, b));
            found.extend(services(a, b));
            found.extend(state_dirs(a, b, state));
            found.extend(configs(a, b, state));
            found.extend(workspaces(a, b, state));
            found.extend(parts(a, b, state));
        }
    }
    found
}

fn ports(a: &Real, b: &Real) -> Option<Sharing> {
    let (first, last) = a.ports.shared(&b.ports)?;
    let what = if first == last { first.to_string() } else { format!("{first}-{last}") };
    let remedy = match (&a.ports, &b.ports) {
        (Ports::Block(block), Ports::Block(_)) => {
            format!("give `{}` a port at least 120 away from {} in its manifest", b.name, block.base())
        }
        (Ports::NearEnds(_), Ports::Block(_)) => another_end(a, first),
        (_, Ports::NearEnds(_)) => another_end(b, first),
    };
    Some(Sharing {
        code: "port_block_overlap",
        message: format!("the ports {} of `{}` and {} of `{}` overlap", a.ports, a.name, b.ports, b.name),
        remedy,
        ..sharing(a, b, what)
    })
}

fn another_end(of: &Real, port: u16) -> String {
    format!("name another port than {port} as remote.local_port or in remote.forwards of `{}`", of.name)
}

/// The names under which the real program installs a profile's service (OPENCLAW.md 1.3): the systemd unit and the
/// launchd label.
fn service_names(name: &ProfileName) -> [String; 2] {
    let label = if name.is_default() { "gateway" } else { name.as_str() };
    [format!("openclaw-gateway{}.service", name.suffix()), format!("ai.openclaw.{label}")]
}

fn services(a: &Real, b: &Real) -> Option<Sharing> {
    let theirs = service_names(&b.name);
    let name =
        service_names(&a.name).into_iter().find(|name| theirs.contains(name)).filter(|_| a.name != b.name)?;
    Some(Sharing {
        code: "duplicate_service",
        message: format!("the services of `{}` and `{}` have one name, {name}", a.name, b.name),
        remedy: format!("move the state directory of `{}` to a name that no service of OpenClaw has", b.name),
        ..sharing(a, b, name)
    })
}

fn state_dirs(a: &Real, b: &Real, state: Lie) -> Option<Sharing> {
    let (code, how) = match state {
        Lie::Apart => return None,
        Lie::Same => ("state_dir_shared", "are one directory"),
        Lie::FirstInSecond => ("state_dir_nested", "are nested: the first lies in the second"),
        Lie::SecondInFirst => ("state_dir_nested", "are nested: the second lies in the first"),
    };
    let (first, second) = (a.state_dir.path.display(), b.state_dir.path.display());
    Some(Sharing {
        code,
        message: format!("the state directories of `{}` ({first}) and `{}` ({second}) {how}", a.name, b.name),
        remedy: format!("give `{}` a state directory of its own by paths.state_dir in its manifest", b.name),
        ..sharing(a, b, first.to_string())
    })
}

fn configs(a: &Real, b: &Real, state: Lie) -> Option<Sharing> {
    let same = lie(&a.config_path, &b.config_path) == Lie::Same;
    // Where the directories are nested already, a file inside both is no further finding.
    let inside = |config: &Spot, other: &Real| {
        state == Lie::Apart && matches!(lie(config, &other.state_dir), Lie::Same | Lie::FirstInSecond)
    };
    let path = a.config_path.path.display().to_string();
    let (path, message) = if same {
        let message = format!("`{}` and `{}` have one configuration file, {path}", a.name, b.name);
        (path, message)
    } else if inside(&a.config_path, b) {
        (path, not_apart("configuration file", a, &a.config_path, b))
    } else if inside(&b.config_path, a) {
        (b.config_path.path.display().to_string(), not_apart("configuration file", b, &b.config_path, a))
    } else {
        return None;
    };
    Some(Sharing {
        code: "config_shared",
        message,
        remedy: "give each profile its own file by paths.config_path in its manifest".into(),
        ..sharing(a, b, path)
    })
}

fn workspaces(a: &Real, b: &Real, state: Lie) -> Option<Sharing> {
    let both = lie(&a.workspace, &b.workspace);
    let meets = |workspace: &Spot, other: &Real| {
        state == Lie::Apart && lie(workspace, &other.state_dir) != Lie::Apart
    };
    let path = a.workspace.path.display().to_string();
    let (path, message) = match both {
        Lie::Same => {
            let message = format!("`{}` and `{}` work in one workspace, {path}", a.name, b.name);
            (path, message)
        }
        // Each lies in its own state directory, and those are reported as nested.
        Lie::FirstInSecond | Lie::SecondInFirst if state == Lie::Apart => {
            let second = b.workspace.path.display();
            let message =
                format!("the workspaces of `{}` ({path}) and `{}` ({second}) are nested", a.name, b.name);
            (path, message)
        }
        _ if meets(&a.workspace, b) => (path, not_apart("workspace", a, &a.workspace, b)),
        _ if meets(&b.workspace, a) => {
            (b.workspace.path.display().to_string(), not_apart("workspace", b, &b.workspace, a))
        }
        _ => return None,
    };
    Some(Sharing {
        code: "workspace_shared",
        message,
        remedy: "give each profile its own workspace by agents.defaults.workspace in its openclaw.json"
            .into(),
        ..sharing(a, b, path)
    })
}

/// Each part is compared with all parts of the other, and with its state directory and workspace. Where the state
/// directories meet, everything in them does, and that is reported once.
fn parts(a: &Real, b: &Real, state: Lie) -> Vec<Sharing> {
    if state != Lie::Apart {
        return Vec::new();
    }
    let mut found: Vec<Sharing> = Vec::new();
    let mut add = |part: Part, message: String, path: &Spot| {
        let what = path.path.display().to_string();
        let known = found.iter().any(|sharing| sharing.code == part.code() && sharing.what == what);
        if !known {
            let (code, remedy) = (part.code(), part_remedy(part));
            found.push(Sharing { code, message, remedy, ..sharing(a, b, what) });
        }
    };
    for (mine, path) in &a.parts {
        for (theirs, other) in &b.parts {
            let how = match lie(path, other) {
                Lie::Apart => continue,
                Lie::Same => "are one",
                Lie::FirstInSecond | Lie::SecondInFirst => "are nested",
            };
            let (first, second) = (path.path.display(), other.path.display());
            let message = format!(
                "the {} of `{}` ({first}) and the {} of `{}` ({second}) {how}",
                mine.as_str(),
                a.name,
                theirs.as_str(),
                b.name
            );
            add(*mine, message, path);
        }
    }
    for (owner, other) in [(a, b), (b, a)] {
        for (part, path) in &owner.parts {
            if lie(path, &other.state_dir) != Lie::Apart {
                add(*part, not_apart(part.as_str(), owner, path, other), path);
            } else if lie(path, &other.workspace) != Lie::Apart
                && lie(&owner.workspace, &other.workspace) == Lie::Apart
            {
                add(*part, in_workspace(part.as_str(), owner, path, other), path);
            }
        }
    }
    found
}

fn part_remedy(part: Part) -> String {
    match part {
        Part::LogFile => "give each profile its own file by logging.file in its openclaw.json".into(),
        Part::Credentials => {
            "give each profile a directory of its own: remove the link or mount, or OPENCLAW_OAUTH_DIR".into()
        }
        Part::Logs | Part::Temporary => {
            "give each profile a directory of its own: remove the link or mount".into()
        }
    }
}

fn not_apart(thing: &str, owner: &Real, path: &Spot, other: &Real) -> String {
    let (path, dir) = (path.path.display(), other.state_dir.path.display());
    format!(
        "the {thing} of `{}` ({path}) and the state directory of `{}` ({dir}) are not apart",
        owner.name, other.name
    )
}

fn in_workspace(thing: &str, owner: &Real, path: &Spot, other: &Real) -> String {
    let (path, dir) = (path.path.display(), other.workspace.path.display());
    format!(
        "the {thing} of `{}` ({path}) and the workspace of `{}` ({dir}) are not apart",
        owner.name, other.name
    )
}

fn sharing(a: &Real, b: &Real, what: String) -> Sharing {
    let (message, remedy) = (String::new(), String::new());
    Sharing { code: "", a: a.name.clone(), b: b.name.clone(), what, message, remedy, allowed: false }
}

/// Compares by component, so that `~/.openclaw-work` does not lie in `~/.openclaw`.
fn lie(first: &Spot, second: &Spot) -> Lie {
    if first.id.is_some() && first.id == second.id {
        return Lie::Same;
    }
    let by_path = nesting(&first.path, &second.path);
    match (&first.origin, &second.origin) {
        (Some((one, a)), Some((two, b))) if by_path == Lie::Apart && one == two => nesting(a, b),
        _ => by_path,
    }
}

fn nesting(first: &std::path::Path, second: &std::path::Path) -> Lie {
    if first == second {
        Lie::Same
    } else if first.starts_with(second) {
        Lie::FirstInSecond
    } else if second.starts_with(first) {
        Lie::SecondInFirst
    } else {
        Lie::Apart
    }
}

#[cfg(test)]
mod tests;
