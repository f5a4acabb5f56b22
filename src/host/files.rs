//! Files: private directories, bounded reads, and writes that a reader never sees half of (invariant I7).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::crash;
use crate::base::{Error, Kind, Result};

/// Largest file that is read whole, in bytes; a configuration beyond it is refused, not guessed at.
pub const READ_MAX: u64 = 16 * 1024 * 1024;
/// Room for the text of an ordinary file, in bytes.
const READ_FIRST: usize = 8 * 1024;

/// Creates `dir` and its parents, mode 0700; one that exists is left as it is.
///
/// # Errors
/// [`Kind::Config`] `directory_unwritable` with the path and the cause; [`Kind::Failed`] `disk_full`.
pub fn private_dir(dir: &Path) -> Result<()> {
    make_dir(dir, 0o700)
}

fn make_dir(dir: &Path, mode: u32) -> Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(dir).map_err(|error| {
        if is_full(&error) {
            return disk_full(dir, error);
        }
        Error::new(Kind::Config, "directory_unwritable", format!("{} cannot be created", dir.display()))
            .caused_by(&error)
            .remedy(remedy_for(&error, dir))
    })
}

/// The text of `path`; `None` when there is no such file.
///
/// # Errors
/// [`Kind::Config`] `file_unreadable` when it exists and cannot be read, is no UTF-8 or is larger than
/// [`READ_MAX`]: never treated as empty.
pub fn read(path: &Path) -> Result<Option<String>> {
    let refuse = |error: io::Error| {
        Error::new(Kind::Config, "file_unreadable", format!("{} cannot be read", path.display()))
            .remedy(remedy_for(&error, path))
            .caused_by(error)
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(refuse(error)),
    };
    // Room for most files at once: their sizes are not asked for, and growing bit by bit costs a call each time.
    let mut text = String::with_capacity(READ_FIRST);
    file.take(READ_MAX + 1).read_to_string(&mut text).map_err(refuse)?;
    if text.len() as u64 > READ_MAX {
        return Err(refuse(io::Error::other(format!("it has more than {READ_MAX} bytes"))));
    }
    Ok(Some(text))
}

/// Writes `text` to `path` so that a crash or a full disk leaves the old content or the new, mode 0600.
///
/// # Errors
/// [`Kind::Failed`] `file_unwritable` or `disk_full`; nothing that was there is lost.
pub fn write_atomic(path: &Path, text: &str) -> Result<()> {
    place(path, text, Durable::Yes).map_err(|error| unwritable(path, error))
}

/// As [`write_atomic`], but without waiting for the disk: for records that a reboot makes worthless anyway.
///
/// # Errors
/// [`Kind::Failed`] `file_unwritable`.
pub fn write_volatile(path: &Path, text: &str) -> Result<()> {
    place(path, text, Durable::No).map_err(|error| unwritable(path, error))
}

/// Creates `path` with `text`, mode 0600, and leaves an existing file alone.
///
/// # Errors
/// [`Kind::Config`] `file_exists` when it is there already; [`Kind::Failed`] `file_unwritable` otherwise.
pub fn create_new(path: &Path, text: &str) -> Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(Error::new(Kind::Config, "file_exists", format!("{} exists already", path.display()))
            .remedy("it was left as it is; move it away or choose another name"));
    }
    write_atomic(path, text)
}

/// Puts `text` at `path`, mode 0600, unless a file is there: of several at once one wins, and none is replaced.
/// Says whether it was this one.
///
/// # Errors
/// [`Kind::Failed`] `file_unwritable` or `disk_full`.
pub fn create_once(path: &Path, text: &str) -> Result<bool> {
    // A name of its own per call: two threads may do this at once.
    let draft = path.with_file_name(format!(".{}.draft", uuid::Uuid::new_v4()));
    place(&draft, text, Durable::Yes).map_err(|error| unwritable(path, error))?;
    let linked = fs::hard_link(&draft, path);
    let _ = fs::remove_file(&draft);
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(unwritable(path, error)),
    }
}

/// What is said of a path that cannot be written.
pub(super) fn unwritable(path: &Path, error: io::Error) -> Error {
    if is_full(&error) {
        return disk_full(path, error);
    }
    Error::new(Kind::Failed, "file_unwritable", format!("{} cannot be written", path.display()))
        .remedy(remedy_for(&error, path))
        .caused_by(error)
}

/// Whether nothing more fits, or may.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// [`Kind::Failed`]: it is no fault of any configuration, and it passes.
fn disk_full(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::Failed, "disk_full", format!("the disk is full: {} cannot be written", path.display()))
        .remedy(format!("free some disk space and try again; nothing was lost: df -h {}", path.display()))
        .caused_by(error)
}

/// What usually helps against `error` on `path`.
fn remedy_for(error: &io::Error, path: &Path) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => format!("mount the file system of {} writable", path.display()),
        io::ErrorKind::PermissionDenied => format!("check owner and mode: ls -ld {}", path.display()),
        _ => format!("check the path: ls -ld {}", path.display()),
    }
}

/// Whether a write waits until the disk has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

/// As [`write_atomic`], but mode 0644, for what a service manager reads; the folder is made, mode 0755, where it is
/// missing.
///
/// # Errors
/// As [`write_atomic`] and [`shared_dir`].
pub fn write_shared(path: &Path, text: &str) -> Result<()> {
    path.parent().map_or(Ok(()), shared_dir)?;
    place_as(path, text, Durable::Yes, 0o644).map_err(|error| unwritable(path, error))
}

/// Creates `dir` and its parents, mode 0755; one that exists is left as it is.
///
/// # Errors
/// As [`private_dir`].
pub fn shared_dir(dir: &Path) -> Result<()> {
    make_dir(dir, 0o755)
}

/// Where the link at `path` leads; `None` where there is none.
pub fn link_target(path: &Path) -> Option<PathBuf> {
    fs::read_link(path).ok()
}

fn place(path: &Path, text: &str, durable: Durable) -> io::Result<()> {
    place_as(path, text, durable, 0o600)
}

fn place_as(path: &Path, text: &str, durable: Durable, mode: u32) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("it has no parent directory"))?;
    let temporary = directory.join(format!(
        ".{}.{}.tmp",
        path.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id()
    ));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        if mode != 0o600 {
            // Whatever the caller's umask takes away, others are meant to read this.
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        if durable == Durable::Yes {
            file.sync_all()?;
        }
        crash::half_written(path);
        fs::rename(&temporary, path)?;
        if durable == Durable::Yes { File::open(directory)?.sync_all() } else { Ok(()) }
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Whether `entry` is what a writer of the file `name` left half done when it died.
pub fn is_draft_of(entry: &str, name: &str) -> bool {
    entry.strip_prefix('.').and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| {
        let pid = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix(".tmp"));
        pid.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// When the file at `path` was last written, in milliseconds since the epoch; `None` when there is none.
pub fn modified_ms(path: &Path) -> Option<u64> {
    let meta = fs::metadata(path).ok()?;
    u64::try_from(meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000).ok()
}

/// Opens `path` for appending, mode 0600, creating it when it is missing.
///
/// # Errors
/// [`Kind::Failed`] `file_unwritable`.
pub fn open_append(path: &Path) -> Result<File> {
    let open = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    open.map_err(|error| unwritable(path, error))
}

/// Gives the file `from` the name `to`, which replaces what had it.
///
/// # Errors
/// [`Kind::Failed`] `file_unwritable`.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| unwritable(from, error))
}

/// Names of the entries of `dir`, sorted; empty when there is no such directory.
///
/// # Errors
/// [`Kind::Config`] `file_unreadable` when it exists and cannot be listed.
pub fn entries(dir: &Path) -> Result<Vec<String>> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Error::new(
                Kind::Config,
                "file_unreadable",
                format!("{} cannot be listed", dir.display()),
            )
            .remedy(remedy_for(&error, dir))
            .caused_by(error));
        }
    };
    let mut names: Vec<String> =
        listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Whether anything stands at `path`, a link that leads nowhere included.
pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether `path` is a directory, following links.
pub fn is_dir(path: &Path) -> bool {
    path.is_dir()
}

/// Whether `path` is a file that may be executed.
pub fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether `path` leads to an ordinary file, which opening never waits for.
pub fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// `path` as it means the same from everywhere; it need not exist.
///
/// # Errors
/// [`Kind::Failed`], code `directory_gone`, for a relative one when the working directory is gone.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::new(Kind::Failed, "directory_gone", format!("{} leads nowhere", path.display()))
            .caused_by(error)
    })
}

/// The real path: links resolved as far as it exists, the rest kept. Two names of one directory become one.
pub fn real_path(path: &Path) -> PathBuf {
    let mut existing = path.to_path_buf();
    let mut rest = Vec::new();
    loop {
        if let Ok(real) = fs::canonicalize(&existing) {
            return rest.iter().rev().fold(real, |path, part| path.join(part));
        }
        match (existing.file_name().map(ToOwned::to_owned), existing.parent()) {
            (Some(name), Some(parent)) => {
                rest.push(name);
                existing = parent.to_path_buf();
            }
            _ => return path.to_path_buf(),
        }
    }
}

/// Device and inode of what `path` leads to; `None` when there is nothing.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Whether both paths, or what exists above them, are on one volume.
pub fn same_volume(a: &Path, b: &Path) -> bool {
    let volume = |path: &Path| path.ancestors().find_map(identity).map(|(device, _)| device);
    volume(a) == volume(b)
}

/// What shows that a file was written or replaced: device, inode, time of its last change in nanoseconds, length.
pub type Stamp = (u64, u64, i128, u64);

/// How the file behind `path` stands now; `None` when there is none.
pub fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(path).ok()?;
    let changed = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Some((meta.dev(), meta.ino(), changed, meta.len()))
}

/// Whether `path` exists and belongs to this user alone: its owner is us and no other may write to it.
pub fn is_private(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| {
        meta.uid() == nix::unistd::geteuid().as_raw() && meta.permissions().mode() & 0o022 == 0
    })
}

/// Removes a file, or a link itself, that may be gone already.
///
/// # Errors
/// [`Kind::Failed`] `file_unremovable`.
pub fn unlink(path: &Path) -> Result<()> {
    removed(path, fs::remove_file(path))
}

/// Removes an empty directory that may be gone already; a link in its place stays. False when it is not empty.
///
/// # Errors
/// [`Kind::Failed`] `file_unremovable`.
pub fn remove_empty(directory: &Path) -> Result<bool> {
    match fs::remove_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        outcome => removed(directory, outcome).map(|()| true),
    }
}

/// The outcome of a removal; what was gone already is removed.
///
/// # Errors
/// [`Kind::Failed`] `file_unremovable`.
pub fn removed(path: &Path, outcome: io::Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::new(Kind::Failed, "file_unremovable", format!("{} cannot be removed", path.display()))
                .remedy(remedy_for(&error, path))
                .caused_by(error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory that may be gone already, with everything in it; links are removed, not followed.
pub fn remove_all(dir: &Path) {
    let _ = fs::remove_dir_all(dir);
}

/// Removes a file that may be gone already.
pub fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_who_create_a_file_once_one_wins_and_all_read_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let create = |text: String| create_once(&path, &text).unwrap().then_some(text);
        let winners: Vec<String> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|n| scope.spawn(move || create(n.to_string()))).collect();
            all.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1);
        assert_eq!(read(&path).unwrap().as_ref(), winners.first());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn an_atomic_write_is_private_and_replaces_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomic(&path, "one").unwrap();
        write_atomic(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(entries(dir.path()).unwrap(), ["a.json"], "no temporary file is left");
    }

    #[test]
    fn a_missing_file_is_none_and_an_unreadable_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir.path().join("none")).unwrap(), None);
        let binary = dir.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert_eq!(read(&binary).unwrap_err().code(), "file_unreadable");
        assert_eq!(read(dir.path()).unwrap_err().code(), "file_unreadable");
    }

    #[test]
    fn what_exists_is_never_overwritten_by_create() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw.json");
        fs::write(&path, "mine").unwrap();
        assert_eq!(create_new(&path, "yours").unwrap_err().code(), "file_exists");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_write_into_a_missing_directory_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let error = write_atomic(&dir.path().join("no/such"), "x").unwrap_err();
        assert_eq!((error.code(), error.kind()), ("file_unwritable", Kind::Failed));
    }

    #[test]
    fn the_real_path_sees_through_links_also_where_the_end_does_not_exist() {
        let dir = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir(base.join("real")).unwrap();
        std::os::unix::fs::symlink(base.join("real"), base.join("link")).unwrap();
        assert_eq!(real_path(&base.join("link/new/x")), base.join("real/new/x"));
    }
}
