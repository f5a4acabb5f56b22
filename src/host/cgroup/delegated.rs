//! The part of the tree of groups that is ours to divide, and its division: a leaf for the supervisor, so that the
//! kernel lets the group above hand out its controllers, and a group for each run.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::{mounts, process, system};
use super::{Group, PROCS};
use crate::base::ProfileName;

/// The supervisor's leaf.
const LEAF: &str = "supervisor";
/// What the names of runs' groups begin with; no name of a profile has a character that the kernel forbids.
const RUN: &str = "gateway-";
/// What is counted for each run, where the group above may.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// Supervisors of one user that share a group, at most; further ones do without.
const SHARERS_MAX: usize = 16;
/// How long the end waits for groups whose last process is just ending.
const END_LIMIT: Duration = Duration::from_millis(300);

/// The groups of this supervisor.
#[derive(Debug, Default)]
pub struct Containment {
    /// The group that is divided; `None` where none is ours.
    base: Option<PathBuf>,
    /// Groups of runs that are over, as far as the kernel has not let go of them.
    closing: Vec<Group>,
}

impl Containment {
    /// Moves this process into its leaf where a part of the tree is delegated to it. Takes the kernel milliseconds
    /// then.
    pub fn enter() -> Containment {
        let base = named().or_else(find).filter(|base| join_leaf(base).is_ok());
        Containment { base, closing: Vec::new() }
    }

    /// The group that is divided; `None` where none is ours.
    pub fn base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    /// A new group for a run of `name`; `None` where none can be made.
    pub fn make(&mut self, name: &ProfileName) -> Option<Group> {
        self.sweep(Duration::ZERO);
        let base = self.base.as_ref()?;
        hand_out(base);
        let first = format!("{RUN}{name}");
        let further = (2..=SHARERS_MAX).map(|number| format!("{first}.{number}"));
        // One that is there is never taken over: it may be another supervisor's.
        for name in std::iter::once(first.clone()).chain(further) {
            match Group::make(base.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.ok(),
            }
        }
        None
    }

    /// Takes the group of a run away that is over; at once, or when the kernel lets go of it.
    pub fn close(&mut self, group: Group) {
        self.closing.push(group);
        self.sweep(Duration::ZERO);
    }

    fn sweep(&mut self, limit: Duration) {
        self.closing.retain(|group| !group.remove(limit));
    }

    /// Leaves the tree as it was found. Where a gateway is left, so is all of it.
    pub fn leave(mut self) {
        self.sweep(END_LIMIT);
        let Some(base) = self.base else { return };
        let leaf = base.join(LEAF);
        let folders = fs::read_dir(&base).into_iter().flatten().flatten();
        let mut folders = folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        if folders.all(|entry| entry.path() == leaf) {
            for controller in CONTROLLERS {
                let _ = fs::write(base.join("cgroup.subtree_control"), format!("-{controller}"));
            }
            let _ = fs::write(base.join(PROCS), "0");
            // Another supervisor of this user may be in it: the last one takes it away.
            let _ = fs::remove_dir(leaf);
        }
    }
}

/// The group that a test names, which only a build for tests looks for.
fn named() -> Option<PathBuf> {
    #[cfg(debug_assertions)]
    return std::env::var_os("OPENCLAW_CGROUP").map(PathBuf::from);
    #[cfg(not(debug_assertions))]
    None
}

/// The nearest group that is delegated to us: above a leaf that an earlier image of this process made, or above the
/// run that we were started from, or our own.
fn find() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = place(&text, &system::mount_table()?)?;
    let parts = own.ancestors().filter(|part| {
        let name = part.file_name().unwrap_or_default().to_string_lossy();
        name == LEAF || is_run(&name)
    });
    let above = parts.filter_map(Path::parent).find(|base| is_delegated(base));
    above.map(Path::to_owned).or_else(|| is_delegated(&own).then(|| own.clone()))
}

/// Whether `name` is one that we give to runs; units of systemd have an ending.
fn is_run(name: &str) -> bool {
    let rest = name.strip_prefix(RUN);
    rest.is_some_and(|rest| rest.split_once('.').is_none_or(|(_, number)| number.parse::<usize>().is_ok()))
}

/// Whether the group `dir` was given to us to divide: its manager says so, or we, who are not root, own it. Being
/// root alone is no delegation, since then every group could be written that others divide.
fn is_delegated(dir: &Path) -> bool {
    let user = process::own_user();
    let ours = |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.uid() == user);
    system::is_delegated(dir) || (user != 0 && ours(dir) && ours(&dir.join(PROCS)))
}

/// The directory of the group that `text`, as in `/proc/self/cgroup`, says, by the mounts of `table`, as in
/// `/proc/self/mountinfo`; `None` when it is not below a mount.
fn place(text: &str, table: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    // A group that was removed under its processes is marked so; one outside of the namespace begins with dots.
    if path.ends_with(" (deleted)") || path.split('/').any(|part| part == "..") {
        return None;
    }
    let mounted = table.lines().rev().filter(|line| {
        line.split_once(" - ").is_some_and(|(_, kind)| kind.split(' ').next() == Some("cgroup2"))
    });
    mounted.filter_map(mounts::place_of).find_map(|(root, point)| {
        let below = Path::new(path).strip_prefix(root).ok()?;
        Some(if below.as_os_str().is_empty() { point } else { point.join(below) })
    })
}

/// Moves this process into the leaf below `base`, which is made where it is not there.
fn join_leaf(base: &Path) -> io::Result<()> {
    let leaf = base.join(LEAF);
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for _ in 0..SHARERS_MAX {
        if let Err(error) = fs::create_dir(&leaf)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        outcome = fs::write(leaf.join(PROCS), "0");
        // Another supervisor of this user that ends at this moment takes it away.
        if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            return outcome;
        }
    }
    outcome
}

/// Lets the kernel count memory and processes of each group below `base`, where it may.
fn hand_out(base: &Path) {
    for controller in CONTROLLERS {
        // Refused where the controller is not to be had, or where others are in the group itself.
        let _ = fs::write(base.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURE: &str = "30 21 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    const MIXED: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:7 - cgroup2 cgroup2 rw
";
    const BOUND: &str = "30 21 0:26 /user.slice /srv/gr\\040oups rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_groups_directory_is_found_in_every_layout() {
        let found = |text: &str, table: &str| place(text, table).map(|path| path.display().to_string());
        let unit = "0::/user.slice/a.service\n";
        assert_eq!(found(unit, PURE).as_deref(), Some("/sys/fs/cgroup/user.slice/a.service"));
        let mixed = "9:name=systemd:/init.scope\n1:cpu:/\n0::/init.scope\n";
        assert_eq!(found(mixed, MIXED).as_deref(), Some("/sys/fs/cgroup/unified/init.scope"));
        assert_eq!(found("0::/\n", PURE).as_deref(), Some("/sys/fs/cgroup"));
        assert_eq!(found(unit, BOUND).as_deref(), Some("/srv/gr oups/a.service"));
        for (text, table) in [
            ("9:name=systemd:/init.scope\n", MIXED),
            ("0::/system.slice\n", BOUND),
            ("0::/../other\n", PURE),
            ("0::/a.service (deleted)\n", PURE),
            (unit, ""),
        ] {
            assert_eq!(found(text, table), None, "{text:?}");
        }
    }

    #[test]
    fn a_directory_that_nobody_gave_us_is_not_delegated_to_root() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(PROCS), "").unwrap();
        assert_eq!(is_delegated(dir.path()), process::own_user() != 0);
        assert!(!is_delegated(&dir.path().join("none")));
    }

    #[test]
    fn a_unit_that_is_named_like_a_run_is_none() {
        for (name, run) in [
            ("gateway-work", true),
            ("gateway-work.2", true),
            ("gateway-work.service", false),
            ("gateway-1.slice", false),
            ("openclaw.service", false),
        ] {
            assert_eq!(is_run(name), run, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_taken_is_left_to_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let mut containment = Containment { base: Some(dir.path().to_owned()), closing: Vec::new() };
        let name: ProfileName = "work".parse().unwrap();
        let (one, two) = (containment.make(&name).unwrap(), containment.make(&name).unwrap());
        assert_eq!(one.path, dir.path().join("gateway-work"));
        assert_eq!(two.path, dir.path().join("gateway-work.2"));
        containment.close(one.clone());
        assert!(!one.is_there() && two.is_there() && containment.closing.is_empty());
        assert_eq!(Containment::default().make(&name), None);
    }
}
