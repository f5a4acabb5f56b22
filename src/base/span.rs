//! A length of time as people write it in a manifest or behind `--timeout`: `330s`, `5m`, `1h 30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time that is read from and written to text; a bare number means seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Longer than any wait of the program needs; keeps deadlines within what the kernel's timers take.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let length = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => humantime::parse_duration(text)
                .map_err(|_| format!("`{text}` is not a duration; write for example 330s, 5m or 1h 30m"))?,
        };
        if length > LONGEST {
            return Err(format!("`{text}` is longer than 7 days"));
        }
        Ok(Span(length))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in [("330s", 330), ("5m", 300), ("1h 30m", 5400), ("7", 7), (" 2m ", 120)] {
            assert_eq!(text.parse::<Span>(), Ok(Span(Duration::from_secs(seconds))), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration_and_says_how_to_write_one() {
        for text in ["", "soon", "-5s", "5 parsecs"] {
            assert!(text.parse::<Span>().unwrap_err().contains("330s"), "{text}");
        }
        assert!("8d".parse::<Span>().unwrap_err().contains("7 days"));
    }
}
