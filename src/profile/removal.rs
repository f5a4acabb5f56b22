//! What goes and what stays when a profile is removed: what this program made goes, everything else stays and is
//! named. Decided from a listing of the state directory; links in it are never looked behind.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::creation::Creation;
use super::paths::CONFIG_FILE;
use crate::base::exposure::ExposureRecord;

/// The embedded gateway's own log below [`LOGS`]; rotated ones have a number behind it.
const GATEWAY_LOG: &str = "gateway.log";

/// The directory of logs in a state directory.
pub const LOGS: &str = "logs";

/// The directory of the embedded gateway's store in a state directory.
pub const STORE: &str = "embedded";
/// The store's file below [`STORE`]; its journals, and what was set aside of it, have more behind the name.
pub const STORE_FILE: &str = "gateway.sqlite";

/// What stands in a directory under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A plain file.
    File,
    /// A directory with these entries, as far as it was looked into.
    Directory(Vec<(String, Node)>),
    /// A link, a socket or the like.
    Other,
}

/// Everything that the plan is made from.
#[derive(Clone, Debug)]
pub struct Remains<'a> {
    /// The state directory.
    pub state_dir: &'a Path,
    /// Its entries by name; `None` when there is no such directory, or a link in its place.
    pub entries: Option<Vec<(String, Node)>>,
    /// SHA-256 of its `openclaw.json`.
    pub config_sha256: Option<String>,
    /// The lock's record in it, by name.
    pub lock: &'a str,
    /// What was created; empty for an adopted profile.
    pub creation: &'a Creation,
    /// Files outside it that are the profile's and ours, where they exist: manifest, records, captured output.
    pub ours: Vec<PathBuf>,
    /// Things outside it that the profile uses and we did not make.
    pub foreign: Vec<PathBuf>,
}

/// One thing that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Doomed {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is a directory, which goes only when it is empty.
    pub directory: bool,
}

/// One thing that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// Where it is.
    pub path: PathBuf,
    /// Why it stays.
    pub why: String,
}

/// What goes, in this order, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// What goes; a directory comes behind its entries.
    pub delete: Vec<Doomed>,
    /// What stays.
    pub leave: Vec<Left>,
}

/// The plan for what `remains` of a profile.
pub fn plan(remains: &Remains<'_>) -> Plan {
    let mut plan = Plan::default();
    let made = remains.creation.made(remains.state_dir);
    match &remains.entries {
        None => {}
        Some(_) if !made => plan.leave(remains.state_dir, "this program did not create it"),
        Some(entries) => state_dir(remains, entries, &mut plan),
    }
    for path in &remains.foreign {
        plan.leave(path, "this program did not create it");
    }
    // The manifest is among these: until it is gone, the profile exists and its removal can be repeated.
    for path in &remains.ours {
        plan.delete(path, false);
    }
    plan
}

fn state_dir(remains: &Remains<'_>, entries: &[(String, Node)], plan: &mut Plan) {
    let mut empty = true;
    for (name, node) in entries {
        let path = remains.state_dir.join(name);
        empty &= match (name.as_str(), node) {
            (CONFIG_FILE, Node::File) => config(remains, &path, plan),
            (lock, Node::File) if lock == remains.lock => plan.delete(&path, false),
            (ExposureRecord::NAME, Node::File) => plan.delete(&path, false),
            (LOGS, Node::Directory(logs)) => directory(&path, logs, is_gateway_log, plan),
            (STORE, Node::Directory(files)) => {
                directory(&path, files, |name| name.starts_with(STORE_FILE), plan)
            }
            (_, Node::Directory(files)) if remains.creation.made(&path) => {
                directory(&path, files, |_| false, plan)
            }
            (_, Node::Other) => plan.keep(&path, "it is no plain file, and is not followed"),
            _ => plan.keep(&path, "this program did not create it"),
        };
    }
    if empty {
        plan.delete(remains.state_dir, true);
    } else {
        plan.leave(remains.state_dir, "it is not empty");
    }
}

fn config(remains: &Remains<'_>, path: &Path, plan: &mut Plan) -> bool {
    match remains.creation.unchanged(path, remains.config_sha256.as_deref()) {
        Some(true) => plan.delete(path, false),
        Some(false) => plan.keep(path, "it was changed since this program created it"),
        None => plan.keep(path, "this program did not create it"),
    }
}

/// A directory of which the plain files go that `ours` names, and itself when nothing else is in it.
fn directory(path: &Path, entries: &[(String, Node)], ours: fn(&str) -> bool, plan: &mut Plan) -> bool {
    let (going, staying): (Vec<_>, Vec<_>) =
        entries.iter().partition(|(name, node)| *node == Node::File && ours(name));
    for (name, _) in going {
        plan.delete(&path.join(name), false);
    }
    match staying.len() {
        0 => plan.delete(path, true),
        1 => plan.keep(&path.join(&staying[0].0), "this program did not create it"),
        count => plan.keep(path, &format!("{count} things in it are not this program's")),
    }
}

fn is_gateway_log(name: &str) -> bool {
    let behind = name.strip_prefix(GATEWAY_LOG);
    behind.is_some_and(is_rotated)
}

/// Whether `behind` is what stands behind the name of a log: nothing, or the number that rotation gave it.
pub fn is_rotated(behind: &str) -> bool {
    let digits = behind.strip_prefix('.').unwrap_or_default();
    behind.is_empty() || (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Plan {
    fn delete(&mut self, path: &Path, directory: bool) -> bool {
        self.delete.push(Doomed { path: path.to_owned(), directory });
        true
    }

    fn keep(&mut self, path: &Path, why: &str) -> bool {
        self.leave(path, why);
        false
    }

    /// Notes that `path` stays.
    pub fn leave(&mut self, path: &Path, why: &str) {
        self.leave.push(Left { path: path.to_owned(), why: why.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created() -> Creation {
        let mut creation =
            Creation { directories: vec!["/s".into(), "/s/workspace".into()], files: Vec::new() };
        creation.file(Path::new("/s/openclaw.json"), "abc");
        creation
    }

    fn file(name: &str) -> (String, Node) {
        (name.to_owned(), Node::File)
    }

    fn directory(name: &str, entries: Vec<(String, Node)>) -> (String, Node) {
        (name.to_owned(), Node::Directory(entries))
    }

    fn planned(
        creation: &Creation,
        entries: Option<Vec<(String, Node)>>,
        unchanged: bool,
    ) -> (Vec<String>, Vec<String>) {
        let sha256 = unchanged.then(|| creation.files.first().map(|file| file.sha256.clone())).flatten();
        let remains = Remains {
            state_dir: Path::new("/s"),
            entries,
            config_sha256: sha256,
            lock: "gateway.lock",
            creation,
            ours: vec!["/m.toml".into()],
            foreign: Vec::new(),
        };
        let plan = plan(&remains);
        let shown = |path: PathBuf| path.display().to_string();
        (
            plan.delete.into_iter().map(|doomed| shown(doomed.path)).collect(),
            plan.leave.into_iter().map(|left| shown(left.path)).collect(),
        )
    }

    fn fresh() -> Vec<(String, Node)> {
        vec![
            file("gateway.lock"),
            directory("logs", vec![file("gateway.log"), file("gateway.log.1")]),
            file("openclaw.json"),
            directory("workspace", vec![]),
        ]
    }

    #[test]
    fn what_was_made_goes_whole() {
        let (delete, leave) = planned(&created(), Some(fresh()), true);
        let expected = [
            "/s/gateway.lock",
            "/s/logs/gateway.log",
            "/s/logs/gateway.log.1",
            "/s/logs",
            "/s/openclaw.json",
            "/s/workspace",
            "/s",
            "/m.toml",
        ];
        assert_eq!(delete, expected);
        assert_eq!(leave, [""; 0]);
    }

    #[test]
    fn what_was_changed_or_added_stays_and_so_does_the_directory() {
        let (delete, leave) = planned(&created(), Some(fresh()), false);
        assert!(!delete.contains(&"/s/openclaw.json".into()) && !delete.contains(&"/s".into()));
        assert_eq!(leave, ["/s/openclaw.json", "/s"]);
        for (extra, stays) in [
            (file("notes.md"), "/s/notes.md"),
            (("link".to_owned(), Node::Other), "/s/link"),
            (directory("sessions", vec![]), "/s/sessions"),
            (directory("gateway.lock.d", vec![]), "/s/gateway.lock.d"),
        ] {
            let mut entries = fresh();
            entries.push(extra);
            let (delete, leave) = planned(&created(), Some(entries), true);
            assert!(delete.contains(&"/s/openclaw.json".into()));
            assert_eq!(leave, [stays, "/s"]);
        }
    }

    #[test]
    fn a_file_in_the_workspace_or_beside_our_logs_keeps_them() {
        let mut entries = fresh();
        entries[1] = directory("logs", vec![file("gateway.log"), file("gateway.log.txt"), file("mine")]);
        entries[3] = directory("workspace", vec![file("AGENTS.md")]);
        let (delete, leave) = planned(&created(), Some(entries), true);
        assert_eq!(delete, ["/s/gateway.lock", "/s/logs/gateway.log", "/s/openclaw.json", "/m.toml"]);
        assert_eq!(leave, ["/s/logs", "/s/workspace/AGENTS.md", "/s"]);
    }

    #[test]
    fn links_in_the_place_of_ours_are_left() {
        let entries = ["gateway.lock", "logs", "openclaw.json", "workspace"];
        let entries = entries.map(|name| (name.to_owned(), Node::Other)).to_vec();
        let (delete, leave) = planned(&created(), Some(entries), true);
        assert_eq!(delete, ["/m.toml"]);
        assert_eq!(leave.len(), 5);
    }

    #[test]
    fn of_an_adopted_profile_only_what_is_outside_goes() {
        let (delete, leave) = planned(&Creation::default(), Some(fresh()), true);
        assert_eq!((delete, leave), (vec!["/m.toml".to_owned()], vec!["/s".to_owned()]));
        let (delete, leave) = planned(&created(), None, false);
        assert_eq!((delete, leave), (vec!["/m.toml".to_owned()], vec![]));
    }
}
