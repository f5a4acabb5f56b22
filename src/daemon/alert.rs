//! How people are told of an incident: the document, and the row in which the profile's command gets them. The command is
//! its user's own and may be slow, wrong or missing; nothing waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::evidence::without_secrets;
use crate::base::ProfileName;
use crate::base::record::State;
use crate::host::errand;
use crate::supervise::alarm::{Alarm, Incident};

/// Longest time that the command may take; then its process group is killed.
pub const LIMIT: Duration = Duration::from_secs(30);
/// Documents that wait for the command; what comes on top is counted.
const WAITING_MAX: usize = 4;
/// Longest message and longest remedy, in characters.
const TEXT_MAX: usize = 4000;

/// Whether an incident begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// It begins.
    Alert,
    /// It is over.
    Recovered,
}

/// What people are told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    event: Turn,
    code: &'static str,
    profile: ProfileName,
    message: String,
    /// The profile's state by now.
    pub state: State,
    /// Its gateway's process; `None` when nothing runs.
    pub pid: Option<u32>,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The file with what was seen of a gateway that hung.
    pub evidence: Option<PathBuf>,
    remedy: Option<String>,
    /// How many documents were dropped before this one, because the command was too slow for them.
    missed: u64,
}

impl Document {
    /// A document that tells `message` and `remedy`, without what looks like a credential in them.
    pub fn new(
        event: Turn,
        incident: Incident,
        profile: &ProfileName,
        message: &str,
        remedy: Option<&str>,
    ) -> Document {
        Document {
            event,
            code: incident.code(),
            profile: profile.clone(),
            message: bounded(message),
            state: State::default(),
            pid: None,
            at_ms: 0,
            evidence: None,
            remedy: remedy.map(bounded),
            missed: 0,
        }
    }
}

fn bounded(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(without_secrets).collect();
    lines.join("\n").chars().take(TEXT_MAX).collect()
}

/// One profile's incidents, and its command with what waits for that.
#[derive(Debug, Default)]
pub struct Desk {
    /// Its open incidents.
    pub alarm: Alarm,
    /// The leader of the command that runs.
    pub running: Option<u32>,
    waiting: VecDeque<(Vec<String>, Document)>,
    missed: u64,
}

impl Desk {
    /// Puts `document` into the row for `command`, an empty one being none. Whether there was room.
    pub fn put(&mut self, command: &[String], document: Document) -> bool {
        if command.is_empty() {
            return true;
        }
        let room = self.waiting.len() < WAITING_MAX;
        match room {
            true => self.waiting.push_back((command.to_vec(), document)),
            false => self.missed += 1,
        }
        room
    }

    /// The next command with its document, unless one runs.
    pub fn next(&mut self) -> Option<(Vec<String>, Document)> {
        if self.running.is_some() {
            return None;
        }
        let (command, mut document) = self.waiting.pop_front()?;
        document.missed = std::mem::take(&mut self.missed);
        Some((command, document))
    }
}

/// Runs `command` in `environment` with `document` on its standard input, and returns its pid. `~/` in front of the
/// program is the home of `environment`.
///
/// # Errors
/// What the kernel says, for example that the program is missing.
pub fn run(
    command: &[String],
    document: &Document,
    environment: &BTreeMap<String, String>,
) -> io::Result<u32> {
    let mut argv: Vec<OsString> = command.iter().map(OsString::from).collect();
    let below = command.first().and_then(|program| program.strip_prefix("~/"));
    if let (Some(below), Some(home)) = (below, environment.get("HOME")) {
        argv[0] = Path::new(home).join(below).into();
    }
    let text = serde_json::to_string(document).unwrap_or_default() + "\n";
    debug_assert!(text.len() <= errand::TOLD_MAX, "bounded");
    errand::spawn(&argv, environment, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(message: &str) -> Document {
        let work = "work".parse().unwrap();
        Document::new(Turn::Alert, Incident::GivenUp, &work, message, Some("openclaw profile logs work"))
    }

    #[test]
    fn a_document_is_bounded_and_without_secrets() {
        let told = document("it failed: its last line was: gateway.auth.token=hunter2");
        let text = serde_json::to_value(&told).unwrap();
        assert_eq!(text["message"], "it failed: its last line was: gateway.auth.token=***");
        assert_eq!((&text["event"], &text["code"]), (&"alert".into(), &"given_up".into()));
        let mut long = document(&"\u{1}".repeat(100_000));
        long.remedy = Some(bounded(&"\u{1}".repeat(100_000)));
        long.evidence = Some(PathBuf::from("x".repeat(4096)));
        assert!(serde_json::to_string(&long).unwrap().len() < errand::TOLD_MAX);
    }

    #[test]
    fn one_runs_four_wait_and_the_rest_is_counted_in_the_next() {
        let (mut desk, command) = (Desk::default(), ["notify".to_owned()]);
        assert!(desk.put(&[], document("nobody is told")) && desk.next().is_none());
        assert!(desk.put(&command, document("1")));
        assert_eq!(desk.next().unwrap().1.message, "1");
        desk.running = Some(1);
        let room = [2, 3, 4, 5, 6, 7].map(|number| desk.put(&command, document(&number.to_string())));
        assert_eq!(room, [true, true, true, true, false, false]);
        assert!(desk.next().is_none(), "one at a time");
        desk.running = None;
        let told: Vec<_> = std::iter::from_fn(|| desk.next()).map(|(_, told)| told).collect();
        let told: Vec<_> = told.iter().map(|told| (told.message.as_str(), told.missed)).collect();
        assert_eq!(told, [("2", 2), ("3", 0), ("4", 0), ("5", 0)]);
    }
}
