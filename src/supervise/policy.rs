//! How long to wait before the next attempt and when to make no further one: pure functions of how many
//! attempts failed, of when they were made and of a jitter that is handed in.

use std::time::Duration;

use crate::base::Moment;

/// The length of the window in which attempts are counted.
pub const BUDGET_WINDOW: Duration = Duration::from_secs(3600);

/// How often progress may push a start deadline out: at most to this multiple of `start_timeout`.
const START_TIMEOUT_MULTIPLE: u32 = 3;

/// The largest budget an hour may have; bounds the memory that counting takes.
pub const RESTARTS_PER_HOUR_MAX: u32 = 60;

/// How often a changed file may bring back what was given up, within an hour. Beyond that somebody has to ask.
pub const REARMS_PER_HOUR: u32 = 12;

/// Whether an instance that ended unasked is launched again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// However it ended.
    #[default]
    Always,
    /// Unless it ended with exit code 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// The waits and limits of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether to launch it again.
    pub restart: Restart,
    /// How long a start may take without progress; with progress up to three times as long.
    pub start_timeout: Duration,
    /// How long a run may take to end after it was asked to, before it is killed.
    pub stop_timeout: Duration,
    /// How long a killed process group, or what a leader left behind, may take to go.
    pub kill_timeout: Duration,
    /// How long it must be ready before earlier failures are forgotten.
    pub stable_after: Duration,
    /// How many failures in a row may end with the same words; with that many it is given up. At least 2.
    pub same_line: u32,
    /// Distance of two probes of a run that is well.
    pub probe_interval: Duration,
    /// How long a run that uses no processor may answer nothing before it is taken for hung.
    pub hang_timeout: Duration,
    /// The wait after the first failure; never less.
    pub delay_min: Duration,
    /// The longest wait.
    pub delay_max: Duration,
    /// Whether attempts are paced by the waits alone, since what they wait for is outside: a network that is away all
    /// night is no reason to give up. Then neither the hour's budget counts nor how often the same words came.
    pub endless: bool,
    /// Unasked launches within any hour, 0 to [`RESTARTS_PER_HOUR_MAX`]; one more is not made.
    pub restarts_per_hour: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            restart: Restart::Always,
            start_timeout: Duration::from_secs(300),
            stop_timeout: Duration::from_secs(330),
            kill_timeout: Duration::from_secs(10),
            stable_after: Duration::from_secs(30),
            same_line: 5,
            probe_interval: Duration::from_secs(20),
            hang_timeout: Duration::from_secs(75),
            delay_min: Duration::from_secs(1),
            delay_max: Duration::from_secs(300),
            endless: false,
            restarts_per_hour: 6,
        }
    }
}

impl Policy {
    /// The wait after `failures` failures in a row. It doubles with each and grows by up to a quarter with
    /// `jitter` (0 to 1), so that a longer row never waits less, whatever the jitter; `delay_max` caps it.
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let least = self.delay_min.saturating_mul(1 << doublings).min(self.delay_max);
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        (least + (least / 4).mul_f64(jitter)).min(self.delay_max)
    }

    /// When a start that began at `began` and shows progress `now` has to be over.
    pub fn start_deadline(&self, began: Moment, now: Moment) -> Moment {
        let last = began + self.start_timeout.saturating_mul(START_TIMEOUT_MULTIPLE);
        (now + self.start_timeout).min(last)
    }

    /// Whether one more unasked launch at `at` is within the hour's budget, where one counts.
    pub fn allows(&self, attempts: &Attempts, at: Moment) -> bool {
        self.endless || attempts.allow(at, self.budget())
    }

    /// Notes an unasked launch. What is not counted is not kept either.
    pub fn note(&self, attempts: &mut Attempts, at: Moment) {
        if !self.endless {
            attempts.note(at);
        }
    }

    /// The budget of an hour, within what counting can hold.
    pub fn budget(&self) -> u32 {
        self.restarts_per_hour.min(RESTARTS_PER_HOUR_MAX)
    }
}

/// The moments of unasked launches, oldest first; never more than an hour's budget of them.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Vec<Moment>);

impl Attempts {
    /// Whether a launch at `at` stays within `budget`.
    pub fn allow(&self, at: Moment, budget: u32) -> bool {
        let recent = self.0.iter().filter(|made| at - **made < BUDGET_WINDOW).count();
        recent < budget as usize
    }

    /// Notes a launch, and lets go of those that no longer count.
    pub fn note(&mut self, at: Moment) {
        self.0.retain(|made| at - *made < BUDGET_WINDOW);
        self.0.push(at);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many launches are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_row_of_failures_never_waits_less_and_the_cap_holds() {
        let policy = Policy::default();
        for (first, second) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.3, 0.7)] {
            let mut last = Duration::ZERO;
            for failures in 0..100 {
                let (a, b) = (policy.delay(failures, first), policy.delay(failures + 1, second));
                assert!(a >= policy.delay_min && a <= policy.delay_max, "{failures}: {a:?}");
                assert!(failures == 0 || b >= a, "{failures}: {a:?} then {b:?}");
                assert!(a >= last);
                last = a;
            }
            assert_eq!(policy.delay(u32::MAX, second), policy.delay_max);
        }
    }

    #[test]
    fn a_jitter_out_of_range_is_brought_into_it() {
        let policy = Policy::default();
        assert_eq!(policy.delay(1, f64::NAN), policy.delay(1, 0.0));
        assert_eq!(policy.delay(1, -3.0), policy.delay(1, 0.0));
        assert_eq!(policy.delay(1, f64::INFINITY), policy.delay(1, 0.0));
        assert_eq!(policy.delay(1, 7.0), policy.delay(1, 1.0));
    }

    #[test]
    fn progress_extends_a_start_up_to_three_times() {
        let policy = Policy { start_timeout: Duration::from_secs(10), ..Policy::default() };
        let began = Moment::from_millis(1_000);
        assert_eq!(policy.start_deadline(began, began), Moment::from_millis(11_000));
        assert_eq!(policy.start_deadline(began, Moment::from_millis(9_000)), Moment::from_millis(19_000));
        assert_eq!(policy.start_deadline(began, Moment::from_millis(29_000)), Moment::from_millis(31_000));
    }

    #[test]
    fn attempts_are_counted_over_a_sliding_hour() {
        let mut attempts = Attempts::default();
        let hour = BUDGET_WINDOW.as_millis() as u64;
        attempts.note(Moment::from_millis(0));
        attempts.note(Moment::from_millis(hour / 2));
        assert!(!attempts.allow(Moment::from_millis(hour - 1), 2));
        assert!(attempts.allow(Moment::from_millis(hour), 2));
        assert!(!attempts.allow(Moment::from_millis(hour), 0));
        attempts.note(Moment::from_millis(hour));
        assert_eq!(attempts.len(), 2, "what no longer counts is let go");
    }
}
