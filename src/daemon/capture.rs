//! A gateway's captured output: read from its pipe as fast as it comes, kept in a file of bounded size, and
//! its last lines kept in memory for the story of a failure.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

use super::repeats::Repeats;
use crate::host::output;
use crate::host::rotate::RotatingFile;
use crate::profile::poll_clash;

/// Size at which a profile's log is rotated, in bytes.
const LOG_BYTES: u64 = 5 * 1024 * 1024;
/// Rotated logs that are kept beside the current one.
const LOGS_KEPT: u32 = 3;
/// Lines kept in memory.
const LINES_KEPT: usize = 20;
/// Longest line kept in memory, in bytes; the file has it whole.
const LINE_BYTES: usize = 500;
/// Turns of reading after a run has ended.
const LAST_TURNS: usize = 16;
/// How much is read from the pipe at once, in bytes.
const CHUNK_BYTES: usize = 32 * 1024;

/// The log file of `profile` below `directory`.
pub fn log_path(directory: &Path, profile: &str) -> PathBuf {
    directory.join(format!("{profile}.log"))
}

/// One run's output.
pub struct Capture {
    /// Missing when an adopted run's pipe is gone: it serves on, unheard.
    reading: Option<(Arc<pipe::Receiver>, JoinHandle<()>)>,
    sink: Arc<Mutex<Sink>>,
}

#[derive(Default)]
struct Sink {
    /// Missing when the log cannot be opened: the gateway runs on, only its story is shorter.
    file: Option<RotatingFile>,
    repeats: Repeats,
    /// What is on its way into the file.
    kept: Vec<u8>,
    lines: VecDeque<String>,
    /// How many lines there have been.
    heard: u64,
    partial: Vec<u8>,
    /// Lines that say that another program logs in with the same bot.
    clashes: u32,
}

impl Capture {
    /// Reads `reader` from now on, into the log at `path`.
    pub fn start(reader: Option<pipe::Receiver>, path: &Path) -> Capture {
        let file = RotatingFile::open(path, LOG_BYTES, LOGS_KEPT)
            .inspect_err(|error| tracing::warn!(%error, "the output cannot be kept"))
            .map(|file| file.telling_losses(lost))
            .ok();
        let sink = Arc::new(Mutex::new(Sink { file, ..Sink::default() }));
        let reading = reader.map(Arc::new).map(|reader| {
            let task = tokio::spawn(read_on(Arc::clone(&reader), Arc::clone(&sink)));
            (reader, task)
        });
        Capture { reading, sink }
    }

    /// The last lines of a run whose leader has ended, what is still in the pipe included.
    pub fn told(&self) -> Vec<String> {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_rest(&mut sink);
        sink.lines.iter().cloned().collect()
    }

    /// How many lines have come so far.
    pub fn heard(&self) -> u64 {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner).heard
    }

    /// The last lines of a run that goes on, of those that came behind the first `heard`.
    pub fn since(&self, heard: u64) -> Vec<String> {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let new = usize::try_from(sink.heard.saturating_sub(heard)).unwrap_or(usize::MAX);
        sink.lines.iter().skip(sink.lines.len().saturating_sub(new)).cloned().collect()
    }

    /// How many lines so far said that another program logs in with the same bot.
    pub fn clashes(&self) -> u32 {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner).clashes
    }

    /// Takes what is still in the pipe after the run has ended, and returns its last lines, oldest first.
    pub fn finish(self) -> Vec<String> {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_rest(&mut sink);
        if let Some((_, task)) = &self.reading {
            task.abort();
        }
        sink.lines.iter().cloned().collect()
    }

    fn take_rest(&self, sink: &mut Sink) {
        if let Some((reader, _)) = &self.reading {
            // The run is over, but what it wrote last may not have been announced yet. One that escaped its
            // group may write on for ever, so there is an end to the turns.
            let mut turns = 0..LAST_TURNS;
            let mut turn = || drain(sink, |chunk| output::read_now(reader, chunk));
            while turns.next().is_some() && turn() == Flow::More {}
        }
        sink.end_line();
        sink.settle();
    }
}

/// What a log says of lines that it could not take.
fn lost(lines: u64) -> String {
    format!("({lines} lines are missing here: the disk was full, or could not be written)\n")
}

async fn read_on(reader: Arc<pipe::Receiver>, sink: Arc<Mutex<Sink>>) {
    while reader.readable().await.is_ok() {
        let flow = {
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            drain(&mut sink, |chunk| reader.try_read(chunk))
        };
        if flow == Flow::Closed {
            return;
        }
        // A gateway that never stops writing must not keep the loop from the other profiles.
        tokio::task::yield_now().await;
    }
}

/// What a pipe has after a turn of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// Nothing for now.
    Empty,
    /// Perhaps more.
    More,
    /// No writer left, or an error.
    Closed,
}

/// Moves what the pipe holds, at most as much as it can hold at once: then the others get their turn.
fn drain(sink: &mut Sink, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> Flow {
    // On the stack: a hundred gateways that say nothing need no room for what they would say.
    let mut chunk = [0; CHUNK_BYTES];
    for _ in 0..8 {
        match read(&mut chunk) {
            Ok(0) => return Flow::Closed,
            Ok(length) => sink.take(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Flow::Empty,
            Err(_) => return Flow::Closed,
        }
    }
    Flow::More
}

impl Sink {
    fn take(&mut self, bytes: &[u8]) {
        self.repeats.take(bytes, &mut self.kept);
        self.keep();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    /// Tells the file what was counted and held back.
    fn settle(&mut self) {
        self.repeats.settle(&mut self.kept);
        self.keep();
    }

    fn keep(&mut self) {
        if let Some(file) = self.file.as_mut().filter(|_| !self.kept.is_empty()) {
            file.append(&self.kept);
        }
        self.kept.clear();
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.partial);
        let line = text.trim_end();
        if poll_clash::channel_of(line).is_some() {
            self.clashes = self.clashes.saturating_add(1);
        }
        // One that only says again what was said last would push out what led to it.
        if !line.is_empty() && self.lines.back().is_none_or(|last| last != line) {
            if self.lines.len() == LINES_KEPT {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_owned());
            self.heard += 1;
        }
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::host::output::Output;

    #[tokio::test]
    async fn the_last_lines_are_kept_and_the_file_has_everything() {
        let dir = tempfile::tempdir().unwrap();
        let Output { mut writer, reader } = output::open(&dir.path().join("work.out")).unwrap();
        let log = log_path(dir.path(), "work");
        let capture = Capture::start(Some(reader), &log);
        for number in 0..30 {
            writeln!(writer, "line {number}").unwrap();
        }
        write!(writer, "no newline at the end").unwrap();
        let lines = capture.finish();
        assert_eq!(lines.len(), LINES_KEPT);
        assert_eq!(lines.last().map(String::as_str), Some("no newline at the end"));
        assert_eq!(lines.first().map(String::as_str), Some("line 11"));
        let text = std::fs::read_to_string(log).unwrap();
        assert!(text.starts_with("line 0\n") && text.ends_with("no newline at the end"));
    }

    #[tokio::test]
    async fn incident_i2_what_repeats_pushes_nothing_out_of_the_story() {
        let dir = tempfile::tempdir().unwrap();
        let Output { mut writer, reader } = output::open(&dir.path().join("work.out")).unwrap();
        let log = log_path(dir.path(), "work");
        let capture = Capture::start(Some(reader), &log);
        write!(writer, "why\n{}last", "again\n".repeat(500)).unwrap();
        assert_eq!(capture.finish(), ["why", "again", "last"]);
        let text = std::fs::read_to_string(log).unwrap();
        assert_eq!(text, "why\nagain\nagain\nagain\n(the line above came 500 times)\nlast");
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let Output { mut writer, reader } = output::open(&dir.path().join("work.out")).unwrap();
        let capture = Capture::start(Some(reader), &log_path(dir.path(), "work"));
        writer.write_all(&vec![b'x'; 10 * LINE_BYTES]).unwrap();
        assert_eq!(capture.finish(), ["x".repeat(LINE_BYTES)]);
    }
}
