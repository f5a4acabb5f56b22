//! The clocks, read in one place: the wall clock with the two ways in which protocol and log write it, and
//! the steady one that measures and wakes.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Measures from its start on.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins now.
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// How long ago it began.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Wakes every `distance`, for the first time after one; a late tick moves the next ones.
pub fn every(distance: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + distance, distance);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Milliseconds since the epoch.
pub fn epoch_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// As the `Date` header writes it: `Sun, 22 Nov 2026 22:03:02 GMT`.
pub fn http_date(epoch_ms: u64) -> String {
    let date = date(epoch_ms);
    let (weekday, month) = (date.weekday().to_string(), date.month().to_string());
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        &weekday[..3],
        date.day(),
        &month[..3],
        date.year(),
        date.hour(),
        date.minute(),
        date.second()
    )
}

/// As the log writes it, in UTC and without zone: `2026-11-22T21:53:08.973`.
pub fn log_date(epoch_ms: u64) -> String {
    let date = date(epoch_ms);
    let mut out = String::with_capacity(24);
    // Writing to a string cannot fail.
    let _ = write!(out, "{:04}-{:02}-{:02}T", date.year(), u8::from(date.month()), date.day());
    let _ =
        write!(out, "{:02}:{:02}:{:02}.{:03}", date.hour(), date.minute(), date.second(), date.millisecond());
    out
}

fn date(epoch_ms: u64) -> OffsetDateTime {
    let nanos = i128::from(epoch_ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_the_captures_do() {
        let at = 1_795_384_982_973;
        assert_eq!(http_date(at), "Sun, 22 Nov 2026 22:03:02 GMT");
        assert_eq!(log_date(at), "2026-11-22T22:03:02.973");
    }
}
