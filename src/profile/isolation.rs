//! The proof that profiles share nothing (INCIDENTS B4): directories, files and ports are compared pair by pair.
//! What is compared are real paths and inodes that `host` has looked up, so a symbolic link or a bind mount
//! hides nothing.

use std::path::{Path, PathBuf};

use crate::base::{PortBlock, ProfileName};

/// What the file system knows a file by: device and inode.
pub type FileId = (u64, u64);

/// What one profile owns, with every path resolved to its real one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Real {
    /// The profile.
    pub name: ProfileName,
    /// The state directory.
    pub state_dir: PathBuf,
    /// The configuration file.
    pub config_path: PathBuf,
    /// The workspace.
    pub workspace: PathBuf,
    /// The state directory's identity, when it exists.
    pub state_id: Option<FileId>,
    /// The configuration file's identity, when it exists.
    pub config_id: Option<FileId>,
    /// The workspace's identity, when it exists.
    pub workspace_id: Option<FileId>,
    /// Its ports.
    pub block: PortBlock,
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
    /// What is shared: a path or a range of ports.
    pub what: String,
    /// A sentence for people.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// How two places lie to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lie {
    Apart,
    Same,
    FirstInSecond,
    SecondInFirst,
}

/// Everything that any two of the profiles share; empty when they are isolated. Each finding comes once, whatever
/// the order of `all`.
pub fn prove(all: &[Real]) -> Vec<Sharing> {
    let mut sorted: Vec<&Real> = all.iter().collect();
    sorted.sort_by(|a, b| (&a.name, &a.state_dir).cmp(&(&b.name, &b.state_dir)));
    let mut found = Vec::new();
    for (index, a) in sorted.iter().enumerate() {
        for b in &sorted[index + 1..] {
            found.extend(ports(a, b));
            let state = lie((&a.state_dir, a.state_id), (&b.state_dir, b.state_id));
            found.extend(state_dirs(a, b, state));
            found.extend(configs(a, b, state));
            found.extend(workspaces(a, b, state));
        }
    }
    found
}

fn ports(a: &Real, b: &Real) -> Option<Sharing> {
    if !a.block.overlaps(b.block) {
        return None;
    }
    let what = format!("{}-{}", a.block.base().max(b.block.base()), a.block.last().min(b.block.last()));
    Some(Sharing {
        code: "port_block_overlap",
        message: format!("the ports {} of `{}` and {} of `{}` overlap", a.block, a.name, b.block, b.name),
        remedy: format!("give `{}` a port at least 120 away from {} in its manifest", b.name, a.block.base()),
        ..sharing(a, b, what)
    })
}

fn state_dirs(a: &Real, b: &Real, state: Lie) -> Option<Sharing> {
    let (code, how) = match state {
        Lie::Apart => return None,
        Lie::Same => ("state_dir_shared", "are one directory"),
        Lie::FirstInSecond => ("state_dir_nested", "are nested: the first lies in the second"),
        Lie::SecondInFirst => ("state_dir_nested", "are nested: the second lies in the first"),
    };
    let (first, second) = (a.state_dir.display(), b.state_dir.display());
    Some(Sharing {
        code,
        message: format!("the state directories of `{}` ({first}) and `{}` ({second}) {how}", a.name, b.name),
        remedy: format!("give `{}` a state directory of its own by paths.state_dir in its manifest", b.name),
        ..sharing(a, b, first.to_string())
    })
}

fn configs(a: &Real, b: &Real, state: Lie) -> Option<Sharing> {
    let same = lie((&a.config_path, a.config_id), (&b.config_path, b.config_id)) == Lie::Same;
    // Where the directories are nested already, a file inside both is no further finding.
    let inside = |config: &Path, other: &Real| state == Lie::Apart && config.starts_with(&other.state_dir);
    let (path, message) = if same {
        let path = a.config_path.display().to_string();
        let message = format!("`{}` and `{}` have one configuration file, {path}", a.name, b.name);
        (path, message)
    } else if inside(&a.config_path, b) {
        (a.config_path.display().to_string(), inside_message("configuration file", a, &a.config_path, b))
    } else if inside(&b.config_path, a) {
        (b.config_path.display().to_string(), inside_message("configuration file", b, &b.config_path, a))
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
    let both = lie((&a.workspace, a.workspace_id), (&b.workspace, b.workspace_id));
    let meets = |workspace: &Path, other: &Real| {
        state == Lie::Apart
            && (workspace.starts_with(&other.state_dir) || other.state_dir.starts_with(workspace))
    };
    let (path, message) = match both {
        Lie::Same => {
            let path = a.workspace.display().to_string();
            let message = format!("`{}` and `{}` work in one workspace, {path}", a.name, b.name);
            (path, message)
        }
        // Each lies in its own state directory, and those are reported as nested.
        Lie::FirstInSecond | Lie::SecondInFirst if state == Lie::Apart => {
            let (first, second) = (a.workspace.display(), b.workspace.display());
            let message =
                format!("the workspaces of `{}` ({first}) and `{}` ({second}) are nested", a.name, b.name);
            (first.to_string(), message)
        }
        _ if meets(&a.workspace, b) => {
            (a.workspace.display().to_string(), inside_message("workspace", a, &a.workspace, b))
        }
        _ if meets(&b.workspace, a) => {
            (b.workspace.display().to_string(), inside_message("workspace", b, &b.workspace, a))
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

fn inside_message(thing: &str, owner: &Real, path: &Path, other: &Real) -> String {
    let (path, dir) = (path.display(), other.state_dir.display());
    format!(
        "the {thing} of `{}` ({path}) and the state directory of `{}` ({dir}) are not apart",
        owner.name, other.name
    )
}

fn sharing(a: &Real, b: &Real, what: String) -> Sharing {
    let (message, remedy) = (String::new(), String::new());
    Sharing { code: "", a: a.name.clone(), b: b.name.clone(), what, message, remedy }
}

/// Compares by component, so that `~/.openclaw-work` does not lie in `~/.openclaw`.
fn lie(first: (&Path, Option<FileId>), second: (&Path, Option<FileId>)) -> Lie {
    if first.0 == second.0 || (first.1.is_some() && first.1 == second.1) {
        Lie::Same
    } else if first.0.starts_with(second.0) {
        Lie::FirstInSecond
    } else if second.0.starts_with(first.0) {
        Lie::SecondInFirst
    } else {
        Lie::Apart
    }
}
