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

#[cfg(test)]
mod tests {
    use super::*;

    fn real(name: &str, state_dir: &str, port: u16) -> Real {
        let state_dir = PathBuf::from(state_dir);
        Real {
            name: name.parse().unwrap(),
            config_path: state_dir.join("openclaw.json"),
            workspace: state_dir.join("workspace"),
            state_dir,
            state_id: None,
            config_id: None,
            workspace_id: None,
            block: PortBlock::at(port),
        }
    }

    fn pair() -> (Real, Real) {
        (real("default", "/h/.openclaw", 18789), real("work", "/h/.openclaw-work", 41984))
    }

    /// The codes found, which are the same the other way round.
    fn codes(a: &Real, b: &Real) -> Vec<&'static str> {
        let found = prove(&[a.clone(), b.clone()]);
        assert_eq!(found, prove(&[b.clone(), a.clone()]));
        assert!(found.iter().all(|sharing| !sharing.message.is_empty() && !sharing.what.is_empty()));
        found.iter().map(|sharing| sharing.code).collect()
    }

    #[test]
    fn neighbours_by_name_are_apart() {
        let (a, b) = pair();
        assert_eq!(codes(&a, &b), [""; 0]);
        assert_eq!(codes(&b, &real("work2", "/h/.openclaw-work2", 20000)), [""; 0]);
    }

    #[test]
    fn ports_overlap() {
        let (a, b) = (real("main", "/a", 23592), real("rescue", "/b", 23532));
        assert_eq!(codes(&a, &b), ["port_block_overlap"]);
        assert_eq!(prove(&[b, a])[0].what, "23592-23642");
    }

    #[test]
    fn one_state_directory_by_path_and_by_inode() {
        let (a, mut b) = pair();
        b.state_dir = a.state_dir.clone();
        assert_eq!(codes(&a, &b), ["state_dir_shared"]);
        let (mut a, mut b) = pair();
        (a.state_id, b.state_id) = (Some((1, 2)), Some((1, 2)));
        assert_eq!(codes(&a, &b), ["state_dir_shared"]);
        b.state_id = Some((2, 2));
        assert_eq!(codes(&a, &b), [""; 0]);
    }

    #[test]
    fn nested_state_directories_either_way() {
        let (a, inner) = (real("a", "/x", 20000), real("b", "/x/sub", 30000));
        assert_eq!(codes(&a, &inner), ["state_dir_nested"]);
        assert_eq!(codes(&real("z", "/x", 20000), &inner), ["state_dir_nested"]);
    }

    #[test]
    fn one_configuration_file_or_one_in_the_others_directory() {
        let (a, mut b) = pair();
        b.config_path = a.config_path.clone();
        assert_eq!(codes(&a, &b), ["config_shared"]);
        b.config_path = a.state_dir.join("work.json");
        assert_eq!(codes(&a, &b), ["config_shared"]);
        let (mut a, mut b) = pair();
        (a.config_id, b.config_id) = (Some((1, 9)), Some((1, 9)));
        assert_eq!(codes(&a, &b), ["config_shared"]);
    }

    #[test]
    fn one_workspace_nested_ones_and_one_around_the_other() {
        let (a, mut b) = pair();
        for shared in
            ["/h/.openclaw/workspace", "/h/.openclaw/workspace/x", "/h/.openclaw/y", "/h/.openclaw", "/h"]
        {
            b.workspace = shared.into();
            assert_eq!(codes(&a, &b), ["workspace_shared"], "{shared}");
        }
        b.workspace = "/h/project".into();
        assert_eq!(codes(&a, &b), [""; 0]);
        let (mut a, mut b) = (a, b);
        (a.workspace_id, b.workspace_id) = (Some((1, 5)), Some((1, 5)));
        assert_eq!(codes(&a, &b), ["workspace_shared"]);
    }

    #[test]
    fn every_shared_thing_is_named_at_once() {
        let a = real("a", "/x", 20000);
        let b = Real { name: "b".parse().unwrap(), ..a.clone() };
        let all = ["port_block_overlap", "state_dir_shared", "config_shared", "workspace_shared"];
        assert_eq!(codes(&a, &b), all);
        assert_eq!(prove(std::slice::from_ref(&a)), []);
    }
}
