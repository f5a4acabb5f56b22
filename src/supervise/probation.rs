//! Files that keep a gateway from booting: whether those it last worked with are offered, and when they are put back.
//!
//! A change is known by a number made of the changed files. Each has a window of its own, which begins with the first
//! boot that fails with it; what was put back once for a change is only offered when the same change comes again, so
//! that two writers cannot make it go round in circles.

use std::time::Duration;

use crate::base::Moment;

/// What the manifest allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether the files are put back without being asked.
    pub rollback: bool,
    /// How long after the first failed boot.
    pub probation: Duration,
}

/// What is to be done after a failed boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The files are those that it worked with: nothing.
    Nothing,
    /// The way back is named, and somebody has to go it.
    Offer,
    /// The same, and at this moment it is looked at again.
    OfferUntil(Moment),
    /// The files are put back now.
    Restore,
}

/// One profile's changed files.
#[derive(Clone, Debug, Default)]
pub struct Probation {
    /// The change that is on probation, and since when.
    current: Option<(u64, Moment)>,
    /// The change that was undone last.
    undone: Option<u64>,
}

impl Probation {
    /// A boot failed at `now` with files that differ by `change` from those that worked; `None` when they do not.
    pub fn failed(&mut self, change: Option<u64>, now: Moment, terms: Terms) -> Verdict {
        let Some(change) = change else {
            self.current = None;
            return Verdict::Nothing;
        };
        if !terms.rollback || self.undone == Some(change) {
            return Verdict::Offer;
        }
        let since = match self.current {
            Some((known, since)) if known == change => since,
            _ => now,
        };
        self.current = Some((change, since));
        let due = since + terms.probation;
        if now < due {
            return Verdict::OfferUntil(due);
        }
        self.current = None;
        self.undone = Some(change);
        Verdict::Restore
    }

    /// It worked long enough: no change is on probation.
    pub fn worked(&mut self) {
        self.current = None;
    }

    /// Somebody asked for a start or a stop, and so for another trial of whatever the files are.
    pub fn asked(&mut self) {
        *self = Probation::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { rollback: true, probation: Duration::from_secs(60) };

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    #[test]
    fn a_change_is_undone_once_after_its_own_window() {
        let mut probation = Probation::default();
        assert_eq!(probation.failed(None, at(0), TERMS), Verdict::Nothing);
        assert_eq!(probation.failed(Some(1), at(10), TERMS), Verdict::OfferUntil(at(70)));
        assert_eq!(probation.failed(Some(1), at(30), TERMS), Verdict::OfferUntil(at(70)));
        assert_eq!(probation.failed(Some(2), at(40), TERMS), Verdict::OfferUntil(at(100)), "another change");
        assert_eq!(probation.failed(Some(2), at(100), TERMS), Verdict::Restore);
        assert_eq!(probation.failed(Some(2), at(500), TERMS), Verdict::Offer, "the same one again");
        assert_eq!(probation.failed(Some(3), at(510), TERMS), Verdict::OfferUntil(at(570)));
        probation.worked();
        assert_eq!(
            probation.failed(Some(2), at(600), TERMS),
            Verdict::Offer,
            "who changes it may be a program"
        );
        probation.asked();
        assert_eq!(probation.failed(Some(2), at(600), TERMS), Verdict::OfferUntil(at(660)));
    }

    #[test]
    fn without_permission_it_is_offered_and_no_more() {
        let mut probation = Probation::default();
        let terms = Terms { rollback: false, ..TERMS };
        for second in [0, 60, 6000] {
            assert_eq!(probation.failed(Some(1), at(second), terms), Verdict::Offer);
        }
    }

    #[test]
    fn an_order_begins_the_window_anew() {
        let mut probation = Probation::default();
        probation.failed(Some(1), at(0), TERMS);
        probation.asked();
        assert_eq!(probation.failed(Some(1), at(59), TERMS), Verdict::OfferUntil(at(119)));
    }
}
