//! Who stops this supervisor, and how patient it is: systemd is asked about the unit that we are in, launchd cannot be
//! asked and its property list says it in the environment. Read anew when it counts: units are edited under our feet.

use std::ffi::OsString;
use std::time::Duration;

use super::{Setup, census};
use crate::base::span::Span;
use crate::conflict::ManagerKind;
use crate::host::process;
use crate::supervise::budget::Outer;

/// Where a service file that starts the supervisor says how long a stop may take, as `20s`.
pub const EXIT_TIMEOUT: &str = "OPENCLAW_SUPERVISOR_EXIT_TIMEOUT";
/// How long systemd may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Who stops us and how long that may take; `None` when nobody does, or nothing can be known now. Blocks for as long
/// as systemd takes to answer, at most four seconds.
pub fn look(setup: &Setup) -> Option<Outer> {
    if let Some(limit) = setup.exit_timeout {
        let unit = setup.environment.get("XPC_SERVICE_NAME").unwrap_or(EXIT_TIMEOUT).to_owned();
        return Some(Outer { unit, limit: Some(limit) });
    }
    let manager = census::manager_of(process::own_pid());
    let unit = manager.service().filter(|_| manager.kind != ManagerKind::Launchd)?;
    let scopes = match manager.kind {
        ManagerKind::SystemdUser => ["--user", "--system"],
        // A manager that runs within a group of its own looks like the host's.
        _ => ["--system", "--user"],
    };
    scopes.iter().find_map(|scope| asked(scope, unit))
}

/// What systemd's manager of `scope` says of `unit`.
fn asked(scope: &str, unit: &str) -> Option<Outer> {
    let words = ["systemctl", scope, "show", "-p", "LoadState", "-p", "TimeoutStopUSec", "--", unit];
    let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
    let text = process::output_of(&argv, None, None, ANSWER_LIMIT)
        .inspect_err(
            |error| tracing::info!(unit, scope, %error, "systemd does not say how long a stop may take"),
        )
        .ok()?;
    told(unit, &text)
}

/// Reads the answer. A unit that this manager does not know has a time too, which is nobody's.
fn told(unit: &str, text: &str) -> Option<Outer> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value("LoadState").filter(|state| *state == "loaded")?;
    let limit = value("TimeoutStopUSec")?;
    // What is no length of time is `infinity`, or longer than a week.
    Some(Outer { unit: unit.to_owned(), limit: limit.parse::<Span>().ok().map(|span| span.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incident_c8_systemds_answer_is_read_and_a_unit_it_does_not_know_says_nothing() {
        let limit =
            |text: &str| told("a.service", text).map(|outer| outer.limit.map(|limit| limit.as_millis()));
        assert_eq!(limit("TimeoutStopUSec=1min 30s\nLoadState=loaded\n"), Some(Some(90_000)));
        assert_eq!(limit("LoadState=loaded\nTimeoutStopUSec=5min 30s\n"), Some(Some(330_000)));
        assert_eq!(limit("LoadState=loaded\nTimeoutStopUSec=2s 500ms\n"), Some(Some(2_500)));
        assert_eq!(limit("LoadState=loaded\nTimeoutStopUSec=infinity\n"), Some(None));
        assert_eq!(limit("LoadState=not-found\nTimeoutStopUSec=1min 30s\n"), None);
        assert_eq!(limit(""), None);
    }
}
