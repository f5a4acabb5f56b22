//! The people of this host: names, numbers, homes, and who owns what is on the disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use super::files;

/// Most accounts that are listed.
const ACCOUNTS_MAX: usize = 1000;

/// A user of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home directory.
    pub home: PathBuf,
}

impl From<User> for Account {
    fn from(user: User) -> Account {
        Account { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), home: user.dir }
    }
}

/// The user of this name; `None` when there is none.
pub fn named(name: &str) -> Option<Account> {
    User::from_name(name).ok().flatten().map(Account::from)
}

/// The user of this number; `None` when it has no name.
pub fn of(uid: u32) -> Option<Account> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map(Account::from)
}

/// The users of the local list whose homes are there; those of a directory service are not listed.
pub fn all() -> Vec<Account> {
    let text = files::read(Path::new("/etc/passwd")).ok().flatten().unwrap_or_default();
    let accounts = text.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let (uid, gid) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        Some(Account { name: fields[0].to_owned(), uid, gid, home: PathBuf::from(fields.get(5)?) })
    });
    accounts
        .filter(|account| account.home.parent().is_some() && account.home.is_dir())
        .take(ACCOUNTS_MAX)
        .collect()
}

/// Who owns what `path` leads to, or the nearest directory above it that exists.
pub fn owner_of(path: &Path) -> Option<u32> {
    path.ancestors().find_map(|part| fs::metadata(part).ok()).map(|meta| meta.uid())
}

/// How one part of a path stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The part.
    pub path: PathBuf,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its mode.
    pub mode: u32,
}

/// How `path` and all directories above it stand, the file first; links count as what they are in.
pub fn standings(path: &Path) -> Vec<Standing> {
    let mut found: Vec<Standing> = Vec::new();
    let real = files::real_path(path);
    // Whoever may replace the link, or what it leads to, decides what runs.
    for part in real.ancestors().chain(path.ancestors().skip(1)) {
        let Ok(meta) = fs::metadata(part) else { continue };
        let standing = Standing {
            path: part.to_path_buf(),
            uid: meta.uid(),
            gid: meta.gid(),
            mode: meta.permissions().mode() & 0o7777,
        };
        if !found.contains(&standing) {
            found.push(standing);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_what_is_not_there_yet_is_that_of_the_folder_above() {
        let dir = tempfile::tempdir().unwrap();
        let me = nix::unistd::geteuid().as_raw();
        assert_eq!(owner_of(&dir.path().join("a/b")), Some(me));
        let parts = standings(&dir.path().join("none"));
        assert!(parts.iter().any(|part| part.path == Path::new("/") && part.uid == 0), "{parts:?}");
        assert_eq!(of(0).map(|root| root.name), named("root").map(|root| root.name));
    }
}
