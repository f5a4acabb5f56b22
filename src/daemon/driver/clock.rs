//! The driver's clock: it counts the time in which the supervisor itself ran. A stopped supervisor, a machine that
//! slept or stood still, and a wall clock that jumps bring no deadline nearer, since nobody was there to look.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::Moment;
use crate::host::clock;

/// A wake-up that comes so much later than it was armed for was no accident: the supervisor was away.
const AWAY: Duration = Duration::from_secs(2);
/// Longest time until the next look at the clock while a deadline is armed, so that an absence shows that ended
/// before it.
const BEAT: Duration = Duration::from_secs(5);

/// The time in which the supervisor ran.
pub struct Clock {
    began: Instant,
    /// How long it was away altogether.
    away: Cell<Duration>,
    /// When it wanted to be woken at the latest.
    armed: Cell<Option<Instant>>,
    /// How long the machine has slept since it was booted.
    slept: Cell<Duration>,
    gap: Cell<bool>,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        Clock {
            began: Instant::now(),
            away: Cell::default(),
            armed: Cell::default(),
            slept: Cell::new(clock::slept()),
            gap: Cell::default(),
        }
    }

    /// The moment now, without the time in which the supervisor was away.
    pub fn now(&self) -> Moment {
        let now = Instant::now();
        if let Some(late) = self.armed.get().and_then(|armed| now.checked_duration_since(armed))
            && late > AWAY
        {
            self.armed.set(Some(now));
            self.away.set(self.away.get() + late);
            self.gap.set(true);
        }
        // The steady clock stood still for that long, so it has not to be taken off.
        let slept = clock::slept();
        if slept.saturating_sub(self.slept.get()) > AWAY {
            self.slept.set(slept);
            self.gap.set(true);
        }
        Moment::new(now.duration_since(self.began).saturating_sub(self.away.get()))
    }

    /// When `at` comes, if the supervisor stays.
    fn instant(&self, at: Moment) -> Instant {
        self.began + self.away.get() + at.since_start()
    }

    /// When to wake up for the next `deadline` and the next `round` of probes at the latest; never, if there is
    /// neither.
    pub fn arm(&self, deadline: Option<Moment>, round: Option<Moment>) -> Option<Instant> {
        let deadline = deadline.map(|at| self.instant(at).min(Instant::now() + BEAT));
        let wake = deadline.into_iter().chain(round.map(|at| self.instant(at))).min();
        self.armed.set(wake);
        wake
    }

    /// Whether it was away since this was last asked.
    pub fn was_away(&self) -> bool {
        self.gap.take()
    }
}
