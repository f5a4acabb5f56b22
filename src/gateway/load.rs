//! How busy the gateway's one thread is, as clients are shown it under `eventLoop`. Samples are handed in.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

/// Samples behind the percentiles.
const SAMPLES: usize = 120;
/// A timer this late means that the thread is blocked.
const DEGRADED: Duration = Duration::from_secs(1);

/// What was measured between two samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// The distance of the samples.
    pub interval: Duration,
    /// How late the timer fired.
    pub delay: Duration,
    /// How long the thread worked.
    pub busy: Duration,
    /// The process's processor time, user and system.
    pub cpu: Duration,
}

/// The last samples.
#[derive(Debug, Default)]
pub struct Load {
    last: Sample,
    delays: VecDeque<Duration>,
    degraded_since: Option<u64>,
}

impl Load {
    /// Adds a sample taken at `now_ms`.
    pub fn add(&mut self, sample: Sample, now_ms: u64) {
        if self.delays.len() == SAMPLES {
            self.delays.pop_front();
        }
        self.delays.push_back(sample.delay);
        self.last = sample;
        self.degraded_since = match (sample.delay >= DEGRADED, self.degraded_since) {
            (false, _) => None,
            (true, since) => since.or(Some(now_ms)),
        };
    }

    /// The `eventLoop` object, within the published schema.
    pub fn show(&self) -> EventLoop {
        let mut delays: Vec<_> = self.delays.iter().copied().collect();
        delays.sort_unstable();
        let p99 = delays.get((delays.len() * 99).div_ceil(100).saturating_sub(1)).copied();
        EventLoop {
            degraded: self.degraded_since.is_some(),
            degraded_since_ms: self.degraded_since,
            reasons: self.degraded_since.map(|_| "event_loop_delay").into_iter().collect(),
            interval_ms: millis(self.last.interval),
            delay_p99_ms: millis(p99.unwrap_or_default()),
            delay_max_ms: millis(delays.last().copied().unwrap_or_default()),
            utilization: ratio(self.last.busy, self.last.interval),
            cpu_core_ratio: ratio(self.last.cpu, self.last.interval),
        }
    }
}

/// The load as clients are shown it; keys and order are those of the real gateway.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventLoop {
    degraded: bool,
    degraded_since_ms: Option<u64>,
    reasons: Vec<&'static str>,
    interval_ms: f64,
    #[serde(rename = "delayP99Ms")]
    delay_p99_ms: f64,
    delay_max_ms: f64,
    utilization: f64,
    cpu_core_ratio: f64,
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn ratio(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { (part.as_secs_f64() / whole.as_secs_f64() * 1000.0).round() / 1000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_timer_degrades_until_one_is_on_time() {
        let mut load = Load::default();
        assert_eq!(load.show().delay_p99_ms, 0.0);
        let second = Duration::from_secs(1);
        load.add(Sample { interval: second * 5, delay: second * 2, busy: second, cpu: second }, 7);
        load.add(Sample { interval: second * 5, delay: second * 3, busy: second, cpu: second }, 8);
        let shown = load.show();
        assert_eq!((shown.degraded_since_ms, shown.delay_max_ms, shown.utilization), (Some(7), 3000.0, 0.2));
        load.add(Sample { interval: second, ..Sample::default() }, 9);
        assert_eq!((load.show().degraded, load.show().delay_max_ms), (false, 3000.0));
    }
}
