//! Reading the end of a log that grows and is rotated meanwhile.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::files;

/// How much of the end is looked at for the last lines, in bytes.
const WINDOW: u64 = 4 * 1024 * 1024;

/// A place in a log file.
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    offset: u64,
}

impl Tail {
    /// The log at `path`, which need not exist yet.
    pub fn open(path: &Path) -> Tail {
        Tail { path: path.to_path_buf(), file: File::open(path).ok(), offset: 0 }
    }

    /// The last `count` lines; [`Tail::more`] goes on behind them.
    pub fn last_lines(&mut self, count: usize) -> String {
        let Some(file) = self.file.as_mut() else { return String::new() };
        let size = file.metadata().map_or(0, |meta| meta.len());
        self.offset = size.saturating_sub(WINDOW);
        let text = self.read_on();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        lines[lines.len().saturating_sub(count)..].concat()
    }

    /// What came since the last look; a rotated file is finished first, then the new one is begun.
    pub fn more(&mut self) -> String {
        let mut text = self.read_on();
        let current = self.file.as_ref().and_then(|file| file.metadata().ok());
        let replaced = match current {
            Some(meta) => {
                use std::os::unix::fs::MetadataExt;
                files::identity(&self.path).is_some_and(|id| id != (meta.dev(), meta.ino()))
                    || meta.len() < self.offset
            }
            None => true,
        };
        if replaced && let Ok(file) = File::open(&self.path) {
            self.file = Some(file);
            self.offset = 0;
            text.push_str(&self.read_on());
        }
        text
    }

    fn read_on(&mut self) -> String {
        let Some(file) = self.file.as_mut() else { return String::new() };
        let mut bytes = Vec::new();
        let read =
            file.seek(SeekFrom::Start(self.offset)).and_then(|_| file.take(WINDOW).read_to_end(&mut bytes));
        self.offset += read.unwrap_or(0) as u64;
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn the_last_lines_then_what_comes_also_past_a_rotation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("work.log");
        assert_eq!(Tail::open(&path).last_lines(5), "");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntwo\nthree\n").unwrap();
        let mut tail = Tail::open(&path);
        assert_eq!(tail.last_lines(2), "two\nthree\n");
        assert_eq!(tail.more(), "");
        file.write_all(b"four\n").unwrap();
        fs::rename(&path, dir.path().join("work.log.1")).unwrap();
        file.write_all(b"five\n").unwrap();
        fs::write(&path, "six\n").unwrap();
        assert_eq!(tail.more(), "four\nfive\nsix\n");
    }

    #[test]
    fn a_log_that_begins_later_is_followed_from_its_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("late.log");
        let mut tail = Tail::open(&path);
        assert_eq!(tail.more(), "");
        fs::write(&path, "hello\n").unwrap();
        assert_eq!(tail.more(), "hello\n");
    }
}
