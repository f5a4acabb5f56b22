//! A file that is only appended to and never outgrows its bound: when the next line does not fit, the file is
//! renamed to `.1`, `.1` to `.2` and so on, and the oldest falls away. A log must not stop the program that
//! writes it, so a full disk loses the new line, never an old one, and is counted instead of reported.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use crate::base::{Error, Kind, Result};

/// Readable and writable by its owner alone.
const MODE: u32 = 0o600;

/// An append-only file of bounded size with numbered predecessors.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    file: File,
    len: u64,
    rotated: u64,
    lost: u64,
    untold: u64,
    note: Option<fn(u64) -> String>,
}

impl RotatingFile {
    /// Opens `path` for appending, mode 0600. A file holds at most `max_bytes` (at least 1); `keep`
    /// predecessors are kept (at least 1). A symbolic link is not followed.
    ///
    /// # Errors
    /// [`Kind::Config`] when the file cannot be opened.
    pub fn open(path: impl Into<PathBuf>, max_bytes: u64, keep: u32) -> Result<Self> {
        let path = path.into();
        let (file, len) = open_append(&path).map_err(|error| {
            Error::new(
                Kind::Config,
                "log_unwritable",
                format!("the log {} cannot be written", path.display()),
            )
            .caused_by(error)
            .remedy("make its folder writable, and the file a plain one of your own")
        })?;
        Ok(RotatingFile {
            path,
            max_bytes: max_bytes.max(1),
            keep: keep.max(1),
            file,
            len,
            rotated: 0,
            lost: 0,
            untold: 0,
            note: None,
        })
    }

    /// Lets the file say by `note` how many lines are missing, as soon as it can be written again.
    #[must_use]
    pub fn telling_losses(mut self, note: fn(u64) -> String) -> Self {
        self.note = Some(note);
        self
    }

    /// Appends `text` as it is (whole lines, as a rule), rotating first when it would not fit. A text longer
    /// than a whole file still gets a file of its own.
    pub fn append(&mut self, text: &[u8]) {
        let note = self.note.filter(|_| self.untold > 0).map(|note| note(self.untold));
        let told = note.is_none_or(|note| self.write(note.as_bytes()));
        if told {
            self.untold = 0;
        }
        if !(told && self.write(text)) {
            let lines = text.iter().filter(|byte| **byte == b'\n').count().max(1) as u64;
            self.lost = self.lost.saturating_add(lines);
            self.untold = self.untold.saturating_add(lines);
        }
    }

    /// Whether `text` is in the file now; where it is not, nothing of it is.
    fn write(&mut self, text: &[u8]) -> bool {
        let bytes = text.len() as u64;
        if self.len > 0 && self.len.saturating_add(bytes) > self.max_bytes && self.rotate().is_err() {
            return false;
        }
        // One write, so that two writers of one file could not mix their lines.
        match self.file.write_all(text) {
            Ok(()) => {
                self.len += bytes;
                true
            }
            Err(_) => {
                // Half a line would spoil the next one; giving its bytes back also helps a full disk.
                if self.file.set_len(self.len).is_err() {
                    self.len = self.file.metadata().map_or(self.len, |meta| meta.len());
                }
                false
            }
        }
    }

    /// The current file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in the current file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the current file is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes moved into predecessors since the file was opened; with [`RotatingFile::len`] it gives positions
    /// that only grow, whatever was rotated in between.
    pub fn rotated(&self) -> u64 {
        self.rotated
    }

    /// Lines that could not be written.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Reads at most `bytes` from `offset` of the current file.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn read_at(&self, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut out = Vec::new();
        file.take(bytes).read_to_end(&mut out)?;
        Ok(out)
    }

    fn rotate(&mut self) -> io::Result<()> {
        // First of all what may need room on the disk: a rotation that fails must not move the oldest out.
        let next = self.numbered(0);
        let (file, len) = open_append(&next)?;
        let moved = self.shift().and_then(|()| fs::rename(&next, &self.path));
        if let Err(error) = moved {
            let _ = fs::remove_file(&next);
            return Err(error);
        }
        self.rotated = self.rotated.saturating_add(self.len);
        (self.file, self.len) = (file, len);
        Ok(())
    }

    /// Gives every file the next number, the current one the first.
    fn shift(&self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

/// Opens for appending and says how long the file is.
fn open_append(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    if meta.permissions().mode() & 0o777 != MODE {
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    Ok((file, meta.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn rotates_before_the_bound_and_keeps_so_many() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("gateway.log");
        let mut file = RotatingFile::open(&path, 10, 2).unwrap();
        for line in ["one", "two", "three", "four", "five"] {
            file.append(format!("{line}\n").as_bytes());
        }
        assert_eq!(text(&path), "four\nfive\n");
        assert_eq!(text(&file.numbered(1)), "three\n");
        assert_eq!(text(&file.numbered(2)), "one\ntwo\n");
        assert!(!file.numbered(3).exists());
        assert_eq!((file.len(), file.rotated(), file.lost()), (10, 14, 0));
    }

    #[test]
    fn goes_on_where_it_stopped_and_belongs_to_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("gateway.log");
        fs::write(&path, "old\n").unwrap();
        let mut file = RotatingFile::open(&path, 100, 1).unwrap();
        file.append(b"new\n");
        assert_eq!(text(&path), "old\nnew\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(file.read_at(4, 3).unwrap(), b"new");
    }

    #[test]
    fn what_cannot_be_rotated_or_written_loses_the_new_line_only() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("gateway.log");
        let mut file = RotatingFile::open(&path, 6, 1).unwrap();
        file.append(b"first\n");
        // A folder that is not empty cannot be renamed over.
        fs::create_dir_all(file.numbered(1).join("in the way")).unwrap();
        file.append(b"second\n");
        assert_eq!((text(&path).as_str(), file.lost()), ("first\n", 1));
        fs::remove_dir_all(file.numbered(1)).unwrap();
        file.append(b"third\n");
        assert_eq!((text(&path).as_str(), text(&file.numbered(1)).as_str()), ("third\n", "first\n"));
        // A device that is always full, and room enough not to rotate first.
        file.max_bytes = 100;
        file.file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        file.append(b"x\n");
        assert_eq!(file.lost(), 2);
    }

    #[test]
    fn incident_i2_what_was_lost_is_told_once_there_is_room_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("gateway.log");
        let open = || RotatingFile::open(&path, 100, 1).unwrap().telling_losses(|lost| format!("({lost})\n"));
        let mut file = open();
        file.append(b"first\n");
        let device = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let real = std::mem::replace(&mut file.file, device);
        file.append(b"a\nb\n");
        file.append(b"half a line");
        file.file = real;
        file.append(b"later\n");
        file.append(b"last\n");
        assert_eq!((text(&path).as_str(), file.lost()), ("first\n(3)\nlater\nlast\n", 3));
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("gateway.log");
        std::os::unix::fs::symlink(home.path().join("elsewhere"), &path).unwrap();
        let error = RotatingFile::open(&path, 6, 1).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Config, "log_unwritable"));
    }
}
