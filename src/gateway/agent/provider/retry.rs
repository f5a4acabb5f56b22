//! Whether a question that failed is asked again, and when. Pure: the attempt, what went wrong and a number between 0
//! and 1 for the scatter come in.

use std::time::Duration;

/// How often a question is asked in all.
pub const ATTEMPTS: u32 = 4;
/// The first wait.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait of our own.
const LONGEST: Duration = Duration::from_secs(15);
/// The longest wait that a provider may ask for; it is told to the author instead of a longer one.
const ASKED_MAX: Duration = Duration::from_secs(60);

/// What went wrong with one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The provider answered with this status; it may say how long to wait.
    Status(u16, Option<Duration>),
    /// The connection did not come about, or broke.
    Connection,
}

/// How long to wait before the next attempt; `None` when there is to be none. `attempt` counts from 1, `scatter` is
/// from 0 to 1.
pub fn wait(attempt: u32, fate: &Fate, scatter: f64) -> Option<Duration> {
    if attempt >= ATTEMPTS {
        return None;
    }
    let asked = match fate {
        Fate::Status(408 | 409 | 425 | 429 | 500..=599, asked) => *asked,
        Fate::Status(..) => return None,
        Fate::Connection => None,
    };
    if let Some(asked) = asked {
        return (asked <= ASKED_MAX).then_some(asked);
    }
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST);
    Some(doubled.mul_f64(0.75 + 0.5 * scatter.clamp(0.0, 1.0)))
}

/// What a `Retry-After` field asks for, in seconds; a date is not read.
pub fn asked(field: &str) -> Option<Duration> {
    field.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_stay_within_their_limits_and_end() {
        let none = Fate::Status(503, None);
        let waits: Vec<_> = (1..=ATTEMPTS).map(|attempt| wait(attempt, &none, 0.5)).collect();
        let millis: Vec<_> = waits.iter().map(|wait| wait.map(|wait| wait.as_millis())).collect();
        assert_eq!(millis, [Some(500), Some(1000), Some(2000), None]);
        assert_eq!(wait(1, &Fate::Connection, 0.0), Some(Duration::from_millis(375)));
        assert_eq!(wait(1, &Fate::Connection, 9.0), Some(Duration::from_millis(625)));
    }

    #[test]
    fn a_provider_is_obeyed_within_reason_and_a_refusal_is_final() {
        let limited = |seconds| Fate::Status(429, Some(Duration::from_secs(seconds)));
        assert_eq!(wait(1, &limited(7), 0.5), Some(Duration::from_secs(7)));
        assert_eq!(wait(1, &limited(0), 0.5), Some(Duration::ZERO));
        assert_eq!(wait(1, &limited(3600), 0.5), None);
        for status in [400, 401, 403, 404, 422] {
            assert_eq!(wait(1, &Fate::Status(status, None), 0.5), None, "{status}");
        }
        assert_eq!(
            (asked(" 12 "), asked("Wed, 21 Oct 2015 07:28:00 GMT")),
            (Some(Duration::from_secs(12)), None)
        );
    }
}
