//! What a service manager tells the process that it starts, read from its environment: where it wants to hear of it,
//! how often, and which sockets it opened beforehand (`sd_notify(3)`, `sd_listen_fds(3)`).

use std::ops::Range;
use std::time::Duration;

use crate::profile::Environment;

/// The first descriptor that a manager hands over.
const FIRST: u32 = 3;
/// More sockets than any unit of ours has; a larger number is somebody's mistake.
const SOCKETS_MAX: u32 = 16;

/// Where a service manager wants to hear of a process, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The address of its socket: a path, or a name that begins with `@`.
    pub address: String,
    /// After how long a silence it takes the process for hung; `None` when it does not watch.
    pub watchdog: Option<Duration>,
}

impl Notice {
    /// What `environment` says to the process `pid`; `None` when nobody wants to hear of it.
    pub fn of(environment: &Environment, pid: u32) -> Option<Notice> {
        let address = environment.get("NOTIFY_SOCKET")?.to_owned();
        let watched = environment.get("WATCHDOG_PID").is_none_or(|told| told.parse() == Ok(pid));
        let silence =
            environment.get("WATCHDOG_USEC").and_then(|told| told.parse().ok()).filter(|us| *us > 0);
        Some(Notice { address, watchdog: silence.filter(|_| watched).map(Duration::from_micros) })
    }

    /// How often the process shows that it lives: thrice in the time after which it would be taken for hung.
    pub fn beat(&self) -> Option<Duration> {
        self.watchdog.map(|silence| silence / 3)
    }
}

/// The numbers of the descriptors that were handed to the process `pid`; none that were meant for another.
pub fn handed_over(environment: &Environment, pid: u32) -> Range<u32> {
    let meant = environment.get("LISTEN_PID").is_some_and(|told| told.parse() == Ok(pid));
    let count = environment.get("LISTEN_FDS").and_then(|told| told.parse::<u32>().ok());
    FIRST..FIRST + count.filter(|count| meant && *count <= SOCKETS_MAX).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> Environment {
        Environment::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn the_watchdog_counts_for_the_process_that_is_meant() {
        let silence = |pairs: &[(&str, &str)]| {
            let pairs = [&[("NOTIFY_SOCKET", "/run/notify")], pairs].concat();
            Notice::of(&told(&pairs), 7).and_then(|notice| notice.watchdog)
        };
        let minute = ("WATCHDOG_USEC", "60000000");
        assert_eq!(silence(&[minute]), Some(Duration::from_secs(60)));
        assert_eq!(silence(&[minute, ("WATCHDOG_PID", "7")]), Some(Duration::from_secs(60)));
        assert_eq!(silence(&[minute, ("WATCHDOG_PID", "8")]), None);
        assert_eq!(silence(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(silence(&[("WATCHDOG_USEC", "soon")]), None);
        assert_eq!(Notice::of(&told(&[minute]), 7), None, "nobody wants to hear of it");
        let notice = Notice::of(&told(&[("NOTIFY_SOCKET", "@x"), minute]), 7).unwrap();
        assert_eq!((notice.beat(), notice.address.as_str()), (Some(Duration::from_secs(20)), "@x"));
    }

    #[test]
    fn sockets_are_taken_by_the_process_that_is_meant() {
        let numbers = |pairs: &[(&str, &str)]| handed_over(&told(pairs), 7);
        assert_eq!(numbers(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "2")]), 3..5);
        for none in [
            &[("LISTEN_PID", "8"), ("LISTEN_FDS", "2")][..],
            &[("LISTEN_FDS", "2")],
            &[("LISTEN_PID", "7")],
            &[("LISTEN_PID", "7"), ("LISTEN_FDS", "-1")],
            &[("LISTEN_PID", "7"), ("LISTEN_FDS", "4000000000")],
        ] {
            assert!(numbers(none).is_empty(), "{none:?}");
        }
    }
}
