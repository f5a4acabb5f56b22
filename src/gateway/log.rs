//! The gateway's own log: one JSON object a line, in the shape of the real gateway's, so that `logs.tail` and
//! whatever reads logs sees no difference; and beside it a line for people. An event's target is its subsystem.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::{date, machine};
use crate::host::clock;
use crate::host::rotate::RotatingFile;

/// Longest message, in bytes: a peer's text may be part of it.
const MESSAGE_MAX: usize = 4096;

/// The log file, shared between the writer and `logs.tail`.
#[derive(Clone, Debug)]
pub struct LogFile(Arc<Mutex<RotatingFile>>);

impl LogFile {
    /// Shares `file`.
    pub fn new(file: RotatingFile) -> Self {
        LogFile(Arc::new(Mutex::new(file)))
    }

    /// The file itself; held for one operation only.
    pub fn lock(&self) -> MutexGuard<'_, RotatingFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes events at `INFO` and above to `file`, and for people to `human`.
pub struct LogLayer<W> {
    file: LogFile,
    human: Mutex<W>,
    hostname: String,
}

impl<W: Write> LogLayer<W> {
    /// A layer over `file` and `human`.
    pub fn new(file: LogFile, human: W) -> Self {
        LogLayer { file, human: Mutex::new(human), hostname: machine::hostname() }
    }
}

impl<S: Subscriber, W: Write + 'static> Layer<S> for LogLayer<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::INFO {
            return;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let text = message.text();
        let now = clock::epoch_ms();
        let subsystem = event.metadata().target();
        let mut whole = line(subsystem, level, &text, now, &self.hostname);
        whole.push('\n');
        self.file.lock().append(whole.as_bytes());
        let shown = format!("{}Z {level:5} [{subsystem}] {}\n", date::log_date(now), Plain(&text));
        let mut human = self.human.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody may be reading; a log that cannot be shown is still in the file.
        let _ = human.write_all(shown.as_bytes());
    }
}

/// One line of the file.
fn line(subsystem: &str, level: Level, text: &str, now: u64, hostname: &str) -> String {
    let name = json!({ "subsystem": subsystem }).to_string();
    let (id, word) = match level {
        Level::TRACE => (1, "TRACE"),
        Level::DEBUG => (2, "DEBUG"),
        Level::INFO => (3, "INFO"),
        Level::WARN => (4, "WARN"),
        _ => (5, "ERROR"),
    };
    let date = date::log_date(now);
    json!({
        "0": name,
        "1": text,
        "_meta": {
            "runtime": "openclaw-embedded",
            "runtimeVersion": env!("CARGO_PKG_VERSION"),
            "hostname": hostname,
            "date": format!("{date}Z"),
            "logLevelId": id,
            "logLevelName": word,
            "name": name,
            "parentNames": ["openclaw"],
        },
        "time": format!("{date}+00:00"),
        "hostname": hostname,
        "message": text,
    })
    .to_string()
}

/// An event's message, and its other fields behind it.
#[derive(Default)]
struct Message {
    message: String,
    fields: String,
}

impl Message {
    fn text(mut self) -> String {
        self.message.push_str(&self.fields);
        if self.message.len() > MESSAGE_MAX {
            self.message.truncate(self.message.floor_char_boundary(MESSAGE_MAX));
        }
        self.message
    }
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// Text without control characters: what a peer said must not move a person's cursor.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
        })
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn lines_have_the_shape_of_the_real_log_and_control_characters_are_harmless() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("gateway.log");
        let file = LogFile::new(RotatingFile::open(&path, 1 << 20, 1).unwrap());
        let shown = home.path().join("shown");
        let human = std::fs::File::create(&shown).unwrap();
        let layer = LogLayer::new(file, human);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(target: "gateway/ws", conn = 7, "one\u{1b}[2J two");
            tracing::debug!(target: "gateway", "unsaid");
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["0"], r#"{"subsystem":"gateway/ws"}"#);
        assert_eq!(line["_meta"]["name"], line["0"]);
        assert_eq!(
            (line["1"].clone(), line["message"].as_str()),
            (line["message"].clone(), Some("one\u{1b}[2J two conn=7"))
        );
        assert_eq!(
            (&line["_meta"]["logLevelId"], &line["_meta"]["runtime"]),
            (&json!(3), &json!("openclaw-embedded"))
        );
        let shown = std::fs::read_to_string(&shown).unwrap();
        assert!(shown.contains("[gateway/ws] one\\u{1b}[2J two conn=7"), "{shown}");
    }
}
