//! A point in time as the decisions see it: how long since the driver began. Nothing below the services
//! reads a clock; a test makes a moment from an integer.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A duration since the driver began; resolution of nanoseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// The moment that lies `since_start` after the driver began.
    pub const fn new(since_start: Duration) -> Self {
        Moment(since_start)
    }

    /// The moment `millis` milliseconds after the driver began.
    pub const fn from_millis(millis: u64) -> Self {
        Moment(Duration::from_millis(millis))
    }

    /// How long after the driver began it lies.
    pub const fn since_start(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, wait: Duration) -> Moment {
        Moment(self.0.saturating_add(wait))
    }
}

impl Sub for Moment {
    type Output = Duration;

    /// How long after `earlier` this moment lies; zero when it does not.
    fn sub(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
