//! `logs.tail`: the end of the gateway's own log, or what was added behind a cursor. A cursor counts the bytes
//! ever written by this life of the gateway, so one taken before the file was rotated is recognised.

use serde_json::{Value, json};

use super::Call;
use crate::gateway::shape::{COUNT, Shape, optional};
use crate::host::rotate::RotatingFile;
use crate::wire::{Fault, fault};

const LIMIT: u64 = 500;
const LIMIT_MAX: i64 = 5000;
const BYTES: u64 = 250_000;
const BYTES_MAX: i64 = 1_000_000;

/// Where to begin, how many lines, how many bytes.
pub const PARAMS: Shape = Shape::Object(&[
    optional("cursor", COUNT),
    optional("limit", Shape::Integer(1, LIMIT_MAX)),
    optional("maxBytes", Shape::Integer(1, BYTES_MAX)),
]);

/// The answer.
///
/// # Errors
/// When the log cannot be read.
pub fn answer(call: &Call) -> Result<Value, Fault> {
    let number = |name: &str| call.params[name].as_f64().map(|number| number as u64);
    let log = call.hub.options.log.lock();
    let limit = number("limit").unwrap_or(LIMIT);
    tail(&log, number("cursor"), limit as usize, number("maxBytes").unwrap_or(BYTES))
        .map_err(|error| Fault::new(fault::UNAVAILABLE, format!("the log cannot be read: {error}")))
}

fn tail(log: &RotatingFile, cursor: Option<u64>, limit: usize, max_bytes: u64) -> std::io::Result<Value> {
    let (base, size) = (log.rotated(), log.rotated() + log.len());
    let earliest = size.saturating_sub(max_bytes).max(base);
    let (start, reset) = match cursor {
        // Behind the end, or before what is left: the reader's place is gone.
        Some(cursor) if cursor > size || cursor < earliest => (earliest, true),
        Some(cursor) => (cursor, false),
        None => (earliest, false),
    };
    let truncated = start > base && (reset || cursor.is_none());
    // One byte more tells whether the start is the start of a line.
    let ahead = u64::from(start > base);
    let bytes = log.read_at(start - ahead - base, size - start + ahead)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = match text.split_once('\n') {
        Some((_, rest)) if ahead == 1 => rest,
        _ if ahead == 1 => "",
        _ => &text,
    };
    let mut lines: Vec<&str> = whole.lines().collect();
    if lines.len() > limit {
        lines.drain(..lines.len() - limit);
    }
    Ok(json!({
        "file": log.path().display().to_string(),
        "cursor": size,
        "size": size,
        "lines": lines,
        "truncated": truncated,
        "reset": reset,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(
        log: &RotatingFile,
        cursor: Option<u64>,
        limit: usize,
        max_bytes: u64,
    ) -> (Vec<String>, u64, bool, bool) {
        let answer = tail(log, cursor, limit, max_bytes).unwrap();
        let lines = serde_json::from_value(answer["lines"].clone()).unwrap();
        (lines, answer["cursor"].as_u64().unwrap(), answer["truncated"] == true, answer["reset"] == true)
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn follows_a_log_by_cursor_and_notices_that_it_was_rotated() {
        let home = tempfile::tempdir().unwrap();
        let mut log = RotatingFile::open(home.path().join("log"), 12, 1).unwrap();
        assert_eq!(seen(&log, None, 10, 100), (vec![], 0, false, false));
        log.append(b"one\n");
        log.append(b"two\n");
        assert_eq!(seen(&log, None, 10, 100), (words("one two"), 8, false, false));
        assert_eq!(seen(&log, None, 1, 100), (words("two"), 8, false, false));
        // Fewer bytes than the file: what is left of a cut line is not shown.
        assert_eq!(seen(&log, None, 10, 6), (words("two"), 8, true, false));
        assert_eq!(seen(&log, None, 10, 4), (words("two"), 8, true, false));
        assert_eq!(seen(&log, Some(4), 10, 100), (words("two"), 8, false, false));
        assert_eq!(seen(&log, Some(8), 10, 100), (vec![], 8, false, false));
        log.append(b"three\n");
        assert_eq!(seen(&log, Some(8), 10, 100), (words("three"), 14, false, false));
        assert_eq!(seen(&log, Some(4), 10, 100), (words("three"), 14, false, true));
        assert_eq!(seen(&log, Some(99), 10, 100), (words("three"), 14, false, true));
    }
}
