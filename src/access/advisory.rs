//! Which releases of the real gateway have published faults in what others can reach (INCIDENTS, section 3).

use std::cmp::Ordering;

use crate::base::{Error, Kind, Reach, Result};

/// The newest release that mends one of them.
pub const NEWEST_FIX: &str = "2026.5.27";

/// Whether release `version` lacks a fix; `None` when the text is no release, and so nothing is known.
pub fn is_outdated(version: &str) -> Option<bool> {
    let numbers = |text: &str| -> Option<Vec<u32>> {
        // A pre-release has what its number says, or less.
        let plain = text.trim().trim_start_matches('v');
        let plain = plain.split(['-', '+']).next().unwrap_or_default();
        let parts: Option<Vec<u32>> = plain.split('.').map(|part| part.parse().ok()).collect();
        parts.filter(|parts| parts.len() == 3)
    };
    Some(numbers(version)?.cmp(&numbers(NEWEST_FIX)?) == Ordering::Less)
}

/// Refuses to let others reach a gateway with known faults, and gives back what is to be said of one that they do not
/// reach.
///
/// # Errors
/// [`Kind::Config`], code `gateway_outdated`.
pub fn check(version: Option<&str>, exposure: Reach) -> Result<Option<String>> {
    let Some(version) = version.filter(|version| is_outdated(version) == Some(true)) else { return Ok(None) };
    let what = format!("OpenClaw {version} has published faults that {NEWEST_FIX} mends");
    if exposure == Reach::Loopback {
        return Ok(Some(format!("{what}; update it before others reach its gateway")));
    }
    Err(Error::new(Kind::Config, "gateway_outdated", format!("{what}, and others would reach its gateway"))
        .remedy("update it (npm install -g openclaw), or set gateway.bind to \"loopback\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_release_is_not_shown_to_others_and_warned_of_at_home() {
        for (version, outdated) in [
            ("2026.5.26", Some(true)),
            ("2025.12.31", Some(true)),
            ("v2026.1.29", Some(true)),
            ("2026.5.27", Some(false)),
            ("2026.9.6", Some(false)),
            ("2026.10.1-beta.1", Some(false)),
            ("2027.1.1", Some(false)),
            ("0.1.0", Some(true)),
            ("latest", None),
            ("2026.9", None),
            ("", None),
        ] {
            assert_eq!(is_outdated(version), outdated, "{version}");
            let far = check(Some(version), Reach::Lan);
            let near = check(Some(version), Reach::Loopback).unwrap();
            assert_eq!((far.is_err(), near.is_some()), (outdated == Some(true), outdated == Some(true)));
            assert!(far.err().is_none_or(|error| error.code() == "gateway_outdated"));
        }
        assert_eq!(check(None, Reach::Lan).unwrap(), None);
    }
}
