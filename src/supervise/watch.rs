//! Watching one run that was ready: when it is probed next, and what the rounds of probes amount to. Slow is not
//! dead: a run is hung only when several rounds in a row brought no answer of the protocol over a minimal time, and
//! nothing above TCP moved meanwhile; one that answers elsewhere or computes gets `PATIENCE` times as long. Pure.
//!
//! | round | counts as |
//! |---|---|
//! | every layer answered in time | well: all suspicion is over |
//! | the challenge came, or every layer late | slow: `degraded` when it happens twice in a row; never hung |
//! | no challenge, but an answer over HTTP, or processor time was used | lost, moving |
//! | nothing | lost |

use std::time::Duration;

use super::policy::Policy;
use crate::base::Moment;

/// Rounds in a row that have to be lost before a run is hung.
const LOST_ROUNDS: u32 = 3;
/// Poor rounds in a row that make a run degraded; one lost probe is none of anybody's business.
const POOR_ROUNDS: u32 = 2;
/// How much longer a run may answer nothing while something of it moves.
const PATIENCE: u32 = 4;
/// Parts of the hang timeout: one probe's deadline.
const PROBES: u32 = 3;
/// Parts of the hang timeout: an answer that takes longer is late.
const LATE: u32 = 8;
/// Parts of the probe interval: the pause between two rounds while the suspicion lasts.
const HASTE: u32 = 4;
/// A run that uses at least one part in so many of one processor computes something.
const BUSY: u32 = 10;

/// What one round of probes showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Every layer that is asked for answered.
    pub well: bool,
    /// The protocol itself answered: the challenge came, or the highest layer that is asked for.
    pub answered: bool,
    /// Something above TCP answered.
    pub spoke: bool,
    /// How long the round took.
    pub took: Duration,
    /// Processor time that the run has used since it began; looked at in a lost round only.
    pub cpu: Option<Duration>,
}

/// What the rounds so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does what it should.
    Well,
    /// Too early to say.
    Doubt,
    /// It is slow or silent.
    Degraded,
    /// It is alive and does nothing.
    Hung,
}

/// A round to be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Names the round; the answer to an older one says nothing.
    pub number: u64,
    /// How long it may take altogether.
    pub limit: Duration,
}

/// The watch over one run.
#[derive(Clone, Debug)]
pub struct Watch {
    due: Moment,
    number: u64,
    /// When the round that is under way began.
    asked: Option<Moment>,
    poor: u32,
    lost: u32,
    /// When the first lost round of the row began.
    silent_since: Moment,
    /// When something of it moved last, within the row.
    moved: Moment,
    moving: bool,
    cpu: Option<(Moment, Duration)>,
}

impl Watch {
    /// A watch over a run that became ready `now`.
    pub fn new(now: Moment, policy: &Policy) -> Watch {
        Watch {
            due: after(now, policy.probe_interval),
            number: 0,
            asked: None,
            poor: 0,
            lost: 0,
            silent_since: now,
            moved: now,
            moving: false,
            cpu: None,
        }
    }

    /// When the next round is due; none while one is under way.
    pub fn due(&self) -> Option<Moment> {
        self.asked.is_none().then_some(self.due)
    }

    /// The round that is due by `now`, which is under way from here on.
    pub fn ask(&mut self, now: Moment, policy: &Policy) -> Option<Ask> {
        if self.asked.is_some() || now < self.due {
            return None;
        }
        self.number += 1;
        self.asked = Some(now);
        let limit = if self.moving { policy.hang_timeout } else { policy.hang_timeout / PROBES };
        Some(Ask { number: self.number, limit })
    }

    /// Takes what round `number` showed; nothing, when that one was given up meanwhile.
    pub fn take(&mut self, number: u64, round: Round, now: Moment, policy: &Policy) -> Option<Verdict> {
        let began = self.asked.take_if(|_| number == self.number)?;
        let slow = round.well && round.took >= policy.hang_timeout / LATE;
        if round.well && !slow {
            (self.poor, self.due) = (0, after(now, policy.probe_interval));
            self.answers();
            return Some(Verdict::Well);
        }
        self.poor = self.poor.saturating_add(1);
        self.due = now + policy.probe_interval / HASTE;
        if round.well || round.answered {
            self.answers();
        } else {
            self.loses(began, round, now);
            if self.is_hung(now, policy) {
                return Some(Verdict::Hung);
            }
        }
        Some(if self.poor >= POOR_ROUNDS { Verdict::Degraded } else { Verdict::Doubt })
    }

    /// The supervisor itself was away, or the whole machine: what was seen before tells nothing. It is asked anew.
    pub fn restart(&mut self, now: Moment) {
        (self.asked, self.due, self.poor) = (None, now, 0);
        self.answers();
    }

    fn answers(&mut self) {
        (self.lost, self.moving, self.cpu) = (0, false, None);
    }

    fn loses(&mut self, began: Moment, round: Round, now: Moment) {
        if self.lost == 0 {
            (self.silent_since, self.moved) = (began, began);
        }
        self.lost = self.lost.saturating_add(1);
        let computes = match (self.cpu, round.cpu) {
            (Some((then, before)), Some(used)) => used.saturating_sub(before) * BUSY >= now - then,
            _ => false,
        };
        self.cpu = round.cpu.map(|used| (now, used));
        self.moving = round.spoke || computes;
        if self.moving {
            self.moved = now;
        }
    }

    fn is_hung(&self, now: Moment, policy: &Policy) -> bool {
        self.lost >= LOST_ROUNDS
            && (now - self.moved >= policy.hang_timeout
                || now - self.silent_since >= policy.hang_timeout * PATIENCE)
    }
}

/// The first moment after `now` that is a whole number of intervals: runs with the same interval are probed
/// together, so that the supervisor wakes as rarely with ten as with one.
fn after(now: Moment, interval: Duration) -> Moment {
    let interval = interval.max(Duration::from_millis(1));
    let rounds = now.since_start().as_nanos() / interval.as_nanos() + 1;
    Moment::default() + interval.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A run that is probed for up to `hours`: the verdicts, and when it was hung. `answer` is asked at the begin of
    /// each round with its limit and says what the round shows.
    fn watched(answer: impl Fn(Duration, Duration) -> Round) -> (Vec<Verdict>, Option<Duration>) {
        let policy = Policy::default();
        let mut now = Moment::default();
        let (mut watch, mut verdicts) = (Watch::new(now, &policy), Vec::new());
        while now.since_start() < 24 * 3600 * SECOND {
            now = watch.due().unwrap();
            let ask = watch.ask(now, &policy).unwrap();
            assert_eq!(watch.ask(now, &policy), None, "never two at once");
            let round = answer(now.since_start(), ask.limit);
            assert!(round.took <= ask.limit);
            now = now + round.took;
            let verdict = watch.take(ask.number, round, now, &policy).unwrap();
            verdicts.push(verdict);
            if verdict == Verdict::Hung {
                return (verdicts, Some(now.since_start()));
            }
        }
        (verdicts, None)
    }

    /// A round that gets no answer of the protocol; `cpu` is what the run has used.
    fn silence(limit: Duration, spoke: bool, cpu: Duration) -> Round {
        Round { spoke, took: limit, cpu: Some(cpu), ..Round::default() }
    }

    fn well(took: Duration) -> Round {
        Round { well: true, answered: true, spoke: true, took, cpu: None }
    }

    #[test]
    fn incident_c2_silence_is_a_hang_after_three_rounds_and_the_minimal_time() {
        // Stopped, or accepting and never reading: every round takes its whole limit.
        let (verdicts, hung) = watched(|_, limit| silence(limit, false, Duration::ZERO));
        assert_eq!(verdicts, [Verdict::Doubt, Verdict::Degraded, Verdict::Hung]);
        assert_eq!(hung.unwrap(), 105 * SECOND, "20 until the first round, 85 of silence");
        // The listener is closed: refused at once, again and again.
        let (verdicts, hung) = watched(|_, _| silence(Duration::ZERO, false, Duration::ZERO));
        assert!(verdicts.len() > 10);
        assert_eq!(hung.unwrap(), 95 * SECOND);
    }

    #[test]
    fn incident_c2_a_slow_gateway_lives_for_a_day() {
        let (verdicts, hung) = watched(|_, _| well(20 * SECOND));
        assert_eq!((hung, verdicts.last()), (None, Some(&Verdict::Degraded)));
        // The challenge comes, the greeting does not.
        let (_, hung) = watched(|_, limit| Round { answered: true, took: limit, ..Round::default() });
        assert_eq!(hung, None);
    }

    #[test]
    fn incident_c2_flapping_never_kills_and_half_of_the_rounds_is_no_degradation() {
        let (verdicts, hung) = watched(|at, limit| {
            if at.as_secs().is_multiple_of(2) { well(SECOND) } else { silence(limit, false, Duration::ZERO) }
        });
        assert_eq!(hung, None);
        let mut turn = false;
        let turns = std::cell::RefCell::new(&mut turn);
        let (alternating, hung) = watched(|_, limit| {
            let mut turn = turns.borrow_mut();
            **turn = !**turn;
            if **turn { well(SECOND) } else { silence(limit, false, Duration::ZERO) }
        });
        assert_eq!((hung, alternating.contains(&Verdict::Degraded)), (None, false));
        assert!(!verdicts.contains(&Verdict::Hung));
    }

    #[test]
    fn incident_c2_what_moves_gets_more_time_and_no_more_than_that() {
        // Answers its health path only.
        let (_, hung) = watched(|_, limit| silence(limit, true, Duration::ZERO));
        let hung = hung.unwrap();
        assert!(hung > 300 * SECOND && hung < 420 * SECOND, "{hung:?}");
        // Computes at full speed and answers nothing.
        let (_, hung) = watched(|at, limit| silence(limit, false, at + limit));
        let hung = hung.unwrap();
        assert!(hung > 300 * SECOND && hung < 420 * SECOND, "{hung:?}");
        // Two minutes of hard work are none of ours.
        let (verdicts, hung) =
            watched(
                |at, limit| {
                    if at < 150 * SECOND { silence(limit, false, at + limit) } else { well(SECOND) }
                },
            );
        assert_eq!((hung, verdicts.last()), (None, Some(&Verdict::Well)));
    }

    #[test]
    fn a_supervisor_that_was_away_asks_anew_and_drops_what_it_had_asked() {
        let policy = Policy::default();
        let mut watch = Watch::new(Moment::default(), &policy);
        let mut now = Moment::default();
        for _ in 0..50 {
            now = now.max(watch.due().unwrap());
            let ask = watch.ask(now, &policy).unwrap();
            now = now + ask.limit;
            if watch.lost == 2 {
                watch.restart(now);
                assert_eq!(watch.take(ask.number, Round::default(), now, &policy), None, "a stale answer");
                assert_eq!(watch.due(), Some(now));
            } else {
                let verdict = watch.take(ask.number, silence(ask.limit, false, SECOND), now, &policy);
                assert_ne!(verdict.unwrap(), Verdict::Hung);
            }
        }
    }

    #[test]
    fn runs_of_the_same_interval_are_probed_together() {
        let policy = Policy::default();
        let due = |at: u64| Watch::new(Moment::from_millis(at), &policy).due().unwrap();
        assert_eq!((due(0), due(19_999)), (Moment::from_millis(20_000), Moment::from_millis(20_000)));
        assert_eq!(due(20_000), Moment::from_millis(40_000));
    }
}
