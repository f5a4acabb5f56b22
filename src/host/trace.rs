//! The supervisor's own log: one line an event, in a file of bounded size, and on standard error when it
//! runs in the foreground.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::files;
use super::rotate::RotatingFile;

/// Size at which the log is rotated, in bytes.
const LOG_BYTES: u64 = 2 * 1024 * 1024;
/// Rotated logs that are kept beside the current one.
const LOGS_KEPT: u32 = 2;

/// Sends every event of this process to `file`, and to standard error too when `aloud`, or when the file cannot be had:
/// a log on a volume that is not there keeps nobody from working.
pub fn to_file(file: &Path, aloud: bool) {
    let opened = file.parent().map_or(Ok(()), files::private_dir);
    let opened = opened.and_then(|()| RotatingFile::open(file, LOG_BYTES, LOGS_KEPT));
    let aloud = aloud || opened.is_err();
    let to_terminal = aloud.then(|| fmt::layer().with_ansi(false).with_target(false).with_writer(terminal));
    let (sink, unusable) = match opened {
        Ok(file) => (Some(Sink(file.telling_losses(lost))), None),
        Err(error) => (None, Some(error)),
    };
    let lines = |sink| fmt::layer().with_ansi(false).with_target(false).with_writer(Mutex::new(sink));
    let to_file = sink.map(lines);
    // A process has one log; a second call is a test's and changes nothing.
    let _ = tracing_subscriber::registry().with(LevelFilter::INFO).with(to_file).with(to_terminal).try_init();
    if let Some(error) = unusable {
        tracing::warn!(%error, "this log is kept by whoever hears standard error");
    }
}

/// What the log says of lines that it could not take.
fn lost(lines: u64) -> String {
    format!("({lines} lines are missing here: the disk was full, or could not be written)\n")
}

/// Where a log that people watch goes: standard error, which is not a command's output.
pub fn terminal() -> impl Write {
    io::stderr()
}

/// Sends every event of this process through `layer` alone.
pub fn through(layer: impl Layer<Registry> + Send + Sync) {
    let _ = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO)).try_init();
}

/// The rotating file as a writer that never fails: a full disk must not stop the supervisor.
struct Sink(RotatingFile);

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.append(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
