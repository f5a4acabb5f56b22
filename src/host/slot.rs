//! The host's slot for its primary gateway: one file in the system's lock folder, the same for every user, and
//! a lock on it that the gateway holds for its life. Nothing is ever written into it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::lock::{self, Outcome};
use crate::base::{Error, Kind, Result};

/// Name of the file in the system's lock folder.
const NAME: &str = "openclaw-host.lock";
/// Folders that every user may write to on the systems we run on; the first one that exists is the host's.
const FOLDERS: [&str; 3] = ["/run/lock", "/var/lock", "/tmp"];
/// Everybody may read, and so lock, the file; nobody has a reason to write.
const MODE: u32 = 0o644;

/// Where the slot is; `moved` is what `OPENCLAW_HOST_LOCK` says.
pub fn path(moved: Option<&str>) -> PathBuf {
    if let Some(moved) = moved {
        return PathBuf::from(moved);
    }
    let shared = |folder: &&&str| {
        std::fs::metadata(folder).is_ok_and(|meta| meta.is_dir() && meta.permissions().mode() & 0o002 != 0)
    };
    Path::new(FOLDERS.iter().find(shared).unwrap_or(&"/tmp")).join(NAME)
}

/// Tries to claim the slot at `path` without waiting.
///
/// # Errors
/// [`Kind::Config`] `host_slot_unusable` when the file can be neither opened nor made, or is a link.
pub fn claim(path: &Path) -> Result<Outcome> {
    let unusable = |error: io::Error| {
        Error::new(
            Kind::Config,
            "host_slot_unusable",
            format!("the host's slot {} cannot be opened", path.display()),
        )
        .caused_by(error)
        .remedy("check owner and mode of the file; it must be readable by every user")
    };
    let file = open(path).map_err(unusable)?;
    lock::claim_file(file, path)
}

fn open(path: &Path) -> io::Result<File> {
    // Opened before it is created: in a sticky folder the kernel may refuse to create over another's file.
    let existing = || OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path);
    match existing() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    let created = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(path);
    match created {
        Ok(file) => {
            // The umask of whoever is first must not lock the others out.
            file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => existing(),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_primary_at_a_time_and_everybody_may_ask() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path().join("slot").to_str());
        let Outcome::Held(held) = claim(&path).unwrap() else { panic!("free") };
        assert!(matches!(claim(&path).unwrap(), Outcome::Taken));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        drop(held);
        assert!(matches!(claim(&path).unwrap(), Outcome::Held(_)));
    }

    #[test]
    fn a_link_planted_in_a_shared_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("slot"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(claim(&link).unwrap_err().code(), "host_slot_unusable");
        assert!(!target.exists());
    }

    #[test]
    fn without_a_variable_it_stands_in_a_shared_folder_of_the_system() {
        assert_eq!(path(None).file_name().and_then(|name| name.to_str()), Some(NAME));
    }
}
