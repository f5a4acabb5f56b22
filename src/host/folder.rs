//! A directory held by its descriptor, for work on other people's trees: no link is followed on the way from it to
//! its entries, and whatever happens to its path meanwhile, it stays the directory that was opened.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use sha2::{Digest, Sha256};

/// What an entry is, by itself: a link is a link wherever it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A plain file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A socket, a pipe or a device.
    Special,
}

/// An open directory.
pub struct Folder(OwnedFd);

/// What may be copied at once; a tree beyond it is refused.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Files and directories.
    pub entries: u64,
    /// Bytes in all files together.
    pub bytes: u64,
}

impl Folder {
    /// Opens the directory at `path`; `None` when there is none, also when a link stands there.
    ///
    /// # Errors
    /// What the kernel says otherwise.
    pub fn open(path: &Path) -> io::Result<Option<Folder>> {
        opened(open(path, directory_flags(), Mode::empty()))
    }

    /// Opens the directory `name` in it; `None` as for [`Folder::open`].
    ///
    /// # Errors
    /// What the kernel says otherwise.
    pub fn inside(&self, name: &Path) -> io::Result<Option<Folder>> {
        opened(openat(&self.0, name, directory_flags(), Mode::empty()))
    }

    /// Its entries by name, with what each is.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn entries(&self) -> io::Result<Vec<(OsString, Entry)>> {
        use std::os::unix::ffi::OsStringExt;
        let mut found = Vec::new();
        for entry in Dir::from_fd(self.0.try_clone()?)?.iter() {
            let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
            if name == "." || name == ".." {
                continue;
            }
            if let Some(kind) = self.kind(Path::new(&name)) {
                found.push((name, kind));
            }
        }
        found.sort();
        Ok(found)
    }

    /// What `name` is; `None` when there is no such entry.
    pub fn kind(&self, name: &Path) -> Option<Entry> {
        let stat = fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        Some(match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Entry::File,
            SFlag::S_IFDIR => Entry::Directory,
            SFlag::S_IFLNK => Entry::Link,
            _ => Entry::Special,
        })
    }

    /// SHA-256 of the plain file `name`, in hexadecimal digits; `None` when it is none or cannot be read.
    pub fn sha256(&self, name: &Path) -> Option<String> {
        let mut file = self.plain_file(name).ok()?;
        let (mut digest, mut chunk) = (Sha256::new(), [0; 16 * 1024]);
        loop {
            match file.read(&mut chunk).ok()? {
                0 => break,
                length => digest.update(&chunk[..length]),
            }
        }
        Some(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn plain_file(&self, name: &Path) -> io::Result<File> {
        // Without O_NONBLOCK a pipe of that name would wait for its writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = File::from(openat(&self.0, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no plain file")) }
    }

    /// Removes the entry `name`, which is no directory; a link itself, never what it leads to.
    ///
    /// # Errors
    /// What the kernel says; one that is gone already is no error.
    pub fn remove_file(&self, name: &Path) -> io::Result<()> {
        gone(unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir))
    }

    /// Removes the empty directory `name`.
    ///
    /// # Errors
    /// What the kernel says, for example that it is not empty; one that is gone already is no error.
    pub fn remove_directory(&self, name: &Path) -> io::Result<()> {
        gone(unlinkat(&self.0, name, UnlinkatFlags::RemoveDir))
    }

    /// Copies every plain file and directory of this one into `target`, private to the user, and returns the paths
    /// (as from here) of links and special files, which are not copied. What exists in `target` is left alone.
    ///
    /// # Errors
    /// [`io::ErrorKind::FileTooLarge`] when `budget` does not do; what the kernel says otherwise.
    pub fn copy_to(&self, target: &Folder, budget: &mut Budget) -> io::Result<Vec<String>> {
        let mut skipped = Vec::new();
        for (name, kind) in self.entries()? {
            let (path, shown) = (Path::new(&name), name.to_string_lossy());
            match kind {
                Entry::Link | Entry::Special => skipped.push(shown.into_owned()),
                Entry::File => {
                    budget.spend(1, 0)?;
                    self.copy_file(path, target, budget)?;
                }
                Entry::Directory => {
                    budget.spend(1, 0)?;
                    let Some(from) = self.inside(path)? else { continue };
                    match mkdirat(&target.0, path, Mode::S_IRWXU) {
                        Ok(()) | Err(Errno::EEXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    let Some(to) = target.inside(path)? else { continue };
                    let below = from.copy_to(&to, budget)?;
                    skipped.extend(below.into_iter().map(|entry| format!("{shown}/{entry}")));
                }
            }
        }
        Ok(skipped)
    }

    fn copy_file(&self, name: &Path, target: &Folder, budget: &mut Budget) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let mut from = self.plain_file(name)?;
        let executable = from.metadata()?.permissions().mode() & 0o100;
        let mode = Mode::from_bits_truncate((0o600 | executable) as nix::libc::mode_t);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut to = match openat(&target.0, name, flags, mode) {
            Ok(file) => File::from(file),
            Err(Errno::EEXIST) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut chunk = [0; 64 * 1024];
        loop {
            match from.read(&mut chunk)? {
                0 => return Ok(()),
                length => {
                    budget.spend(0, length as u64)?;
                    to.write_all(&chunk[..length])?;
                }
            }
        }
    }
}

impl Budget {
    fn spend(&mut self, entries: u64, bytes: u64) -> io::Result<()> {
        let left = self.entries.checked_sub(entries).zip(self.bytes.checked_sub(bytes));
        let (entries, bytes) = left.ok_or(io::Error::from(io::ErrorKind::FileTooLarge))?;
        *self = Budget { entries, bytes };
        Ok(())
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn directory_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

fn opened(opened: nix::Result<OwnedFd>) -> io::Result<Option<Folder>> {
    match opened {
        Ok(descriptor) => Ok(Some(Folder(descriptor))),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn gone(removed: nix::Result<()>) -> io::Result<()> {
    match removed {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_link_is_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::create_dir(&real).unwrap();
        fs::write(real.join("file"), "kept").unwrap();
        symlink(&real, &link).unwrap();
        assert!(Folder::open(&link).unwrap().is_none());
        assert!(Folder::open(&dir.path().join("none")).unwrap().is_none());
        let folder = Folder::open(dir.path()).unwrap().unwrap();
        assert_eq!(folder.kind(Path::new("link")), Some(Entry::Link));
        assert!(folder.inside(Path::new("link")).unwrap().is_none());
        assert!(folder.remove_directory(Path::new("link")).is_err());
        folder.remove_file(Path::new("link")).unwrap();
        assert_eq!(folder.entries().unwrap(), [("real".into(), Entry::Directory)]);
        assert_eq!(fs::read_to_string(real.join("file")).unwrap(), "kept");
        assert!(folder.remove_directory(Path::new("real")).is_err(), "it is not empty");
        folder.remove_file(Path::new("gone already")).unwrap();
    }

    #[test]
    fn the_hash_is_of_plain_files_only() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "abc").unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        let folder = Folder::open(dir.path()).unwrap().unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(folder.sha256(Path::new("a")).as_deref(), Some(abc));
        assert_eq!(folder.sha256(Path::new("b")), None);
    }

    #[test]
    fn a_copy_has_plain_files_alone_keeps_what_is_there_and_ends_at_its_budget() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("sub")).unwrap();
        fs::write(from.path().join("sub/run"), "#!").unwrap();
        fs::set_permissions(from.path().join("sub/run"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(from.path().join("a"), "new").unwrap();
        fs::write(to.path().join("a"), "old").unwrap();
        symlink("/etc", from.path().join("sub/link")).unwrap();
        let folder = |dir: &tempfile::TempDir| Folder::open(dir.path()).unwrap().unwrap();
        let mut budget = Budget { entries: 3, bytes: 5 };
        let skipped = folder(&from).copy_to(&folder(&to), &mut budget).unwrap();
        assert_eq!(skipped, ["sub/link"]);
        assert_eq!(fs::read_to_string(to.path().join("a")).unwrap(), "old");
        let mode = fs::metadata(to.path().join("sub/run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut too_small = Budget { entries: 2, bytes: 5 };
        let refused = folder(&from).copy_to(&folder(&to), &mut too_small).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    }
}
