//! The clocks, read in one place: the wall clock for records and the steady one that measures and wakes.
//! Decisions never see either; they are handed moments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::system;
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

    /// How long ago it began, in milliseconds with their fractions.
    pub fn elapsed_ms(self) -> f64 {
        self.0.elapsed().as_micros() as f64 / 1000.0
    }
}

/// Wakes every `distance`, for the first time after one; a late tick moves the next ones.
pub fn every(distance: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + distance, distance);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// How long the machine has slept since it was booted; the steady clock stood still for that long.
pub fn slept() -> Duration {
    system::slept()
}

/// The steady clock's count, in microseconds, as a service manager on this machine reads it too.
pub fn steady_us() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).map(Duration::from);
    now.map_or(0, |since| since.as_micros() as u64)
}

/// Stands still for `time`, on a thread that may.
pub fn pause(time: Duration) {
    let _ = nix::poll::poll(
        &mut [],
        nix::poll::PollTimeout::try_from(time).unwrap_or(nix::poll::PollTimeout::MAX),
    );
}

/// Milliseconds since the epoch.
pub fn epoch_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
