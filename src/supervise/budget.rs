//! The end within somebody else's patience: a service manager that stops the supervisor kills it after a time of its
//! own. The gateways get that time less a margin, all at once; whoever asks again shortens it, a third time ends it.

use std::time::Duration;

use crate::base::Moment;
use crate::base::span::Span;

/// How long the gateways still get once somebody asks a second time.
pub const HURRY: Duration = Duration::from_secs(2);
/// Askings closer to each other than this are one: a wrapper passes on the Ctrl-C that the terminal sent already.
const ECHO: Duration = Duration::from_millis(250);
/// The least that is kept back of the outer time, where it is long enough.
const MARGIN_MIN: Duration = Duration::from_secs(1);

/// Who stops the supervisor, and how long it waits before it kills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outer {
    /// The unit or label.
    pub unit: String,
    /// Its time for a stop; `None` = as long as it takes.
    pub limit: Option<Duration>,
}

impl Outer {
    /// What is to be said of a profile that asks for more than there is.
    pub fn warning(&self, profile: &str, asks: Duration) -> Option<String> {
        let limit = self.limit.filter(|limit| asks > *limit)?;
        let (unit, limit, asks) = (&self.unit, Span(limit), Span(asks));
        Some(format!(
            "unit {unit} allows {limit} for a stop, profile {profile} asks for {asks} (stop_timeout)"
        ))
    }
}

/// What is kept back of `limit`: a twentieth, at least a second, never more than half.
pub fn margin(limit: Duration) -> Duration {
    (limit / 20).max(MARGIN_MIN).min(limit / 2)
}

/// The step of a gateway that was asked to end `since`, and may take `up_to` in all.
pub fn draining(since: Duration, up_to: Duration) -> String {
    let up_to = match up_to.as_secs() {
        0 => format!("{}ms", up_to.as_millis()),
        seconds => format!("{seconds}s"),
    };
    format!("draining (asked to end {}s ago, up to {up_to})", since.as_secs())
}

/// The supervisor's own end, from the first wish for it.
#[derive(Clone, Debug)]
pub struct Ending {
    began: Moment,
    outer: Option<Duration>,
    last: Moment,
    hurried: Option<Moment>,
}

/// What another wish for the end leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It is the same wish once more.
    Echo,
    /// The gateways get less time.
    Hurry,
    /// They get none.
    Now,
}

impl Ending {
    /// An end that begins at `now` within `outer`, where anybody sets a limit.
    pub fn new(now: Moment, outer: Option<Duration>) -> Ending {
        Ending { began: now, outer, last: now, hurried: None }
    }

    /// Takes what the limit is by now.
    pub fn learn(&mut self, outer: Option<Duration>) {
        self.outer = outer;
    }

    /// Takes another wish at `now`.
    pub fn again(&mut self, now: Moment) -> Again {
        if now - self.last < ECHO {
            return Again::Echo;
        }
        self.last = now;
        match self.hurried {
            None => {
                self.hurried = Some(now + HURRY);
                Again::Hurry
            }
            Some(_) => {
                self.hurried = Some(now);
                Again::Now
            }
        }
    }

    /// When what still runs is killed; `None` = by each profile's own time alone.
    pub fn end_by(&self) -> Option<Moment> {
        let outer = self.outer.map(|limit| self.began + (limit - margin(limit)));
        outer.into_iter().chain(self.hurried).min()
    }

    /// When the supervisor itself ends whatever is left, so that it is not killed over its own records.
    pub fn leave_by(&self) -> Option<Moment> {
        self.outer.map(|limit| self.began + (limit - margin(limit) / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn incident_c8_the_gateways_get_what_the_manager_gives_less_a_margin() {
        for (limit, ends, leaves) in [(3, 2_000, 2_500), (30, 28_500, 29_250), (330, 313_500, 321_750)] {
            let ending = Ending::new(at(0), Some(limit * SECOND));
            assert_eq!((ending.end_by(), ending.leave_by()), (Some(at(ends)), Some(at(leaves))), "{limit}");
        }
        assert_eq!(margin(SECOND), SECOND / 2);
        assert_eq!(margin(Duration::ZERO), Duration::ZERO);
        assert_eq!(Ending::new(at(0), None).end_by(), None);
    }

    #[test]
    fn a_second_wish_shortens_a_third_ends_and_an_echo_is_none() {
        let mut ending = Ending::new(at(1_000), None);
        assert_eq!(ending.again(at(1_100)), Again::Echo);
        assert_eq!(ending.again(at(5_000)), Again::Hurry);
        assert_eq!(ending.end_by(), Some(at(7_000)));
        assert_eq!(ending.again(at(5_050)), Again::Echo);
        ending.learn(Some(3 * SECOND));
        assert_eq!(ending.end_by(), Some(at(3_000)), "the manager's patience is the shorter one");
        ending.learn(None);
        assert_eq!(ending.again(at(5_500)), Again::Now);
        assert_eq!(ending.end_by(), Some(at(5_500)));
    }

    #[test]
    fn incident_c8_a_unit_that_allows_less_than_a_profile_asks_for_is_named() {
        let outer = Outer { unit: "openclaw.service".into(), limit: Some(30 * SECOND) };
        assert_eq!(outer.warning("work", 30 * SECOND), None);
        let said = outer.warning("work", 330 * SECOND).unwrap();
        assert!(
            said.contains("openclaw.service allows 30s") && said.contains("work asks for 5m 30s"),
            "{said}"
        );
    }
}
