//! What a number without a unit means behind `--timeout` and `--interval`. People mean seconds; scripts written for the
//! real CLI mean milliseconds, save for its agent, where it counts in seconds too. Pure, and in this one place:
//!
//! | verb | bare number | means |
//! | --- | --- | --- |
//! | those that ask a gateway | 1000 and more | milliseconds: nobody waits a quarter of an hour for an answer |
//! | the same | below 1000 | seconds: nobody gives a gateway some milliseconds |
//! | `agent`, `gateway agent` | any | seconds; 0 is no limit, as in the real program |
//! | those that rule over gateways here | any | seconds |
//! | `--interval` of `logs` | 100 and more | milliseconds |

use std::str::FromStr;
use std::time::Duration;

use super::args::{Command, Gateway, Later};
use crate::base::{Error, Kind, Result, Span};

/// From here a bare number is milliseconds, where the real program takes those.
const MILLISECONDS_FROM: u64 = 1000;
/// The same between two looks at a log, which come faster than answers must.
const INTERVAL_MILLISECONDS_FROM: u64 = 100;
/// No limit, as far as the kernel's timers go.
const NONE: Span = Span(Duration::from_secs(7 * 24 * 3600));

/// A limit as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A number alone.
    Bare(u64),
    /// With its unit.
    Span(Span),
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        text.trim().parse().map(Limit::Bare).or_else(|_| text.parse().map(Limit::Span))
    }
}

impl Limit {
    /// The length of time, where bare numbers from `milliseconds_from` on count milliseconds.
    fn length(self, milliseconds_from: Option<u64>) -> std::result::Result<Span, String> {
        match self {
            Limit::Span(span) => Ok(span),
            Limit::Bare(number) if milliseconds_from.is_some_and(|from| number >= from) => {
                format!("{number}ms").parse()
            }
            Limit::Bare(number) => number.to_string().parse(),
        }
    }

    /// The distance of two looks at a log.
    ///
    /// # Errors
    /// [`Kind::Usage`] where it is longer than any wait may be.
    pub fn interval(self) -> Result<Duration> {
        self.length(Some(INTERVAL_MILLISECONDS_FROM))
            .map(|span| span.0)
            .map_err(|why| wrong("--interval", &why))
    }
}

/// What `--timeout` means for `command`.
///
/// # Errors
/// [`Kind::Usage`] where it is longer than any wait may be.
pub fn timeout(typed: Option<Limit>, command: &Command) -> Result<Option<Span>> {
    let Some(typed) = typed else { return Ok(None) };
    let span = match (unit(command), typed) {
        (Unit::Agents, Limit::Bare(0)) => Ok(NONE),
        (Unit::Milliseconds, typed) => typed.length(Some(MILLISECONDS_FROM)),
        (Unit::Seconds | Unit::Agents, typed) => typed.length(None),
    };
    span.map(Some).map_err(|why| wrong("--timeout", &why))
}

fn wrong(flag: &str, why: &str) -> Error {
    Error::new(Kind::Usage, "usage", format!("{flag}: {why}")).remedy(format!("for example {flag} 30s"))
}

/// What the real program counts in.
enum Unit {
    Milliseconds,
    Seconds,
    Agents,
}

fn unit(command: &Command) -> Unit {
    match command {
        Command::Agent(_) | Command::Gateway(Later(Gateway::Agent(_))) => Unit::Agents,
        Command::Profile(_)
        | Command::Supervisor(_)
        | Command::Service(_)
        | Command::Host(_)
        | Command::Link(_)
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Gateway(Later(Gateway::Run { .. } | Gateway::Stop | Gateway::Restart)) => Unit::Seconds,
        Command::Gateway(_)
        | Command::Health(_)
        | Command::Status(_)
        | Command::Node(_)
        | Command::Nodes(_)
        | Command::Devices(_)
        | Command::Sessions(_)
        | Command::Message(_)
        | Command::Channels(_)
        | Command::Pairing(_)
        | Command::Models(_)
        | Command::Cron(_)
        | Command::Logs(_)
        | Command::Dashboard(_)
        | Command::Config(_) => Unit::Milliseconds,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Args;

    #[test]
    fn a_bare_number_means_what_the_real_program_means_where_nobody_else_could() {
        for (verb, typed, milliseconds) in [
            ("health", "5000", 5000),
            ("health", "1000", 1000),
            ("health", "999", 999_000),
            ("health", "5", 5000),
            ("health", "5000s", 5_000_000),
            ("health", "1500ms", 1500),
            ("health", "0", 0),
            ("status", "10000", 10_000),
            ("gateway status", "3000", 3000),
            ("gateway probe", "3000", 3000),
            ("gateway call health", "60000", 60_000),
            ("gateway health", "10000", 10_000),
            ("nodes list", "30000", 30_000),
            ("sessions list", "30000", 30_000),
            ("logs", "30000", 30_000),
            ("cron list", "30000", 30_000),
            ("message send --channel c -t d -m x", "30000", 30_000),
            ("agent -m x", "600", 600_000),
            ("agent -m x", "3600", 3_600_000),
            ("gateway agent -m x", "1200", 1_200_000),
            ("agent -m x", "0", 604_800_000),
            ("profile start work", "1200", 1_200_000),
            ("profile stop work", "5m", 300_000),
            ("supervisor stop", "1000", 1_000_000),
            ("gateway stop", "1000", 1_000_000),
            ("host status", "1000", 1_000_000),
        ] {
            let line = format!("openclaw --timeout {typed} {verb}");
            let args = Args::try_parse_from(line.split_whitespace()).unwrap();
            let meant = timeout(args.global.timeout, &args.command).unwrap().unwrap();
            assert_eq!(meant.0, Duration::from_millis(milliseconds), "{line}");
        }
    }

    #[test]
    fn what_is_longer_than_any_wait_is_refused_by_the_name_of_its_flag() {
        for (line, flag) in [
            ("openclaw --timeout 604801 profile list", "--timeout"),
            ("openclaw --timeout 604800001 health", "--timeout"),
        ] {
            let args = Args::try_parse_from(line.split_whitespace()).unwrap();
            let error = timeout(args.global.timeout, &args.command).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{line}");
            assert!(error.message().contains(flag), "{error}");
        }
        assert!("8d".parse::<Limit>().is_err());
        assert!("soon".parse::<Limit>().unwrap_err().contains("330s"));
    }

    #[test]
    fn a_log_is_looked_at_as_often_as_the_real_program_would() {
        for (typed, milliseconds) in [("1000", 1000), ("250", 250), ("2", 2000), ("2s", 2000), ("50ms", 50)] {
            let limit: Limit = typed.parse().unwrap();
            assert_eq!(limit.interval().unwrap(), Duration::from_millis(milliseconds), "{typed}");
        }
    }
}
