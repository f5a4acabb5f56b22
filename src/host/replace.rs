//! Putting another text in a file's place so that nobody sees the difference but in the text: owner, mode and the link
//! that leads to it stay.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{crash, files};
use crate::base::{Error, Kind, Result};

/// Whose a file is and what others may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guise {
    mode: u32,
    user: u32,
    group: u32,
}

/// The guise of the file that `path` leads to; `None` when there is none.
pub fn guise(path: &Path) -> Option<Guise> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Guise { mode: meta.mode() & 0o777, user: meta.uid(), group: meta.gid() })
}

/// Puts `text` in the place of the file that `path` leads to, in this guise: a reader sees the old text or the new.
///
/// # Errors
/// [`Kind::Failed`] `file_unwritable`; the old file is as it was then.
pub fn replace(path: &Path, text: &str, guise: Guise) -> Result<()> {
    let target = files::real_path(path);
    place(&target, text, guise).map_err(|error| unwritable(&target, error))
}

/// Copies the file that `path` leads to, whatever is in it, to `aside`, mode 0600; true when there was one.
///
/// # Errors
/// [`Kind::Failed`] `file_unwritable`, also when something stands there already.
pub fn copy_aside(path: &Path, aside: &Path) -> Result<bool> {
    let mut from = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(|error| unwritable(aside, error))?,
    };
    let copied = (|| {
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
        io::copy(&mut from, &mut to)?;
        to.sync_all()
    })();
    copied.map(|()| true).map_err(|error| unwritable(aside, error))
}

fn place(target: &Path, text: &str, guise: Guise) -> io::Result<()> {
    let directory = target.parent().ok_or_else(|| io::Error::other("it has no parent directory"))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = (|| {
        // Nobody else reads it before it is what it shall be.
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (guise.user, guise.group) {
            fchown(&file, Some(guise.user), Some(guise.group))?;
        }
        file.set_permissions(fs::Permissions::from_mode(guise.mode))?;
        file.sync_all()?;
        crash::half_written(target);
        fs::rename(&temporary, target)?;
        File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::Failed, "file_unwritable", format!("{} cannot be written", path.display()))
        .remedy(format!("check owner, mode and free space: ls -ld {}", path.display()))
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_new_and_mode_and_link_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let before = guise(&link).unwrap();
        assert!(copy_aside(&link, &dir.path().join("aside")).unwrap());
        replace(&link, "new", before).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::read_to_string(&real).unwrap().as_str(), guise(&real)), ("new", Some(before)));
        let aside = dir.path().join("aside");
        assert_eq!(
            (fs::read_to_string(&aside).unwrap().as_str(), guise(&aside).unwrap().mode),
            ("old", 0o600)
        );
        assert_eq!(
            copy_aside(&link, &aside).unwrap_err().code(),
            "file_unwritable",
            "nothing is overwritten"
        );
        assert!(!copy_aside(&dir.path().join("none"), &dir.path().join("x")).unwrap());
    }
}
