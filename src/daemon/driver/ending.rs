//! The supervisor's own end: within the patience of who stops it, and shorter for those who ask again.

use super::Driver;
use crate::base::record::{Intent, State};
use crate::base::{Moment, ProfileName};
use crate::daemon::mailbox::Note;
use crate::daemon::outer;
use crate::supervise::budget::{Again, Ending, Outer};

impl Driver {
    /// Asks, on a thread of its own, who stops us and how patient it is.
    pub(super) fn look_outside(&self) {
        let (setup, notes) = (self.setup.clone(), self.notes.clone());
        tokio::task::spawn_blocking(move || {
            // What cannot be known now does not undo what was known before.
            if let Some(outer) = outer::look(&setup) {
                let _ = notes.send(Note::Outer(outer));
            }
        });
    }

    /// Takes the answer; an end that is under way is timed anew.
    pub(super) fn learn_outer(&mut self, outer: Outer) {
        if self.outer.as_ref() != Some(&outer) {
            tracing::info!(unit = outer.unit, limit = ?outer.limit, "a service manager stops us within its own time");
            self.outer = Some(outer);
            for warning in self.limits_too_short() {
                tracing::warn!("{warning}");
            }
        }
        let limit = self.outer.as_ref().and_then(|outer| outer.limit);
        if let Some(ending) = &mut self.ending {
            ending.learn(limit);
        }
        self.keep_within();
    }

    /// Stops every gateway; a further order to stop joins.
    pub(super) fn drain(&mut self) {
        if self.ending.is_some() {
            return;
        }
        let (now, limit) = (self.now(), self.outer.as_ref().and_then(|outer| outer.limit));
        tracing::info!(within = ?limit, "stopping every gateway");
        self.ending = Some(Ending::new(now, limit));
        self.look_outside();
        self.keep_within();
        let actions = self.fleet.begin_drain(now);
        self.perform(actions);
    }

    /// A signal to end: the first drains, a second shortens, a third kills.
    pub(super) fn asked_to_end(&mut self) {
        let now = self.now();
        let Some(ending) = &mut self.ending else { return self.drain() };
        match ending.again(now) {
            Again::Echo => return,
            Again::Hurry => tracing::warn!("asked to end again: the gateways get two more seconds"),
            Again::Now => tracing::warn!("asked to end once more: killing what still runs"),
        }
        self.keep_within();
    }

    /// When the supervisor has to leave, whatever still runs.
    pub(super) fn leave_by(&self) -> Option<Moment> {
        self.ending.as_ref().and_then(Ending::leave_by)
    }

    /// Whether that moment has come.
    pub(super) fn is_late(&self) -> bool {
        let late = self.leave_by().is_some_and(|by| by <= self.now());
        if late {
            tracing::error!("the time for the end is over; leaving before what still runs is gone");
        }
        late
    }

    /// What is to be said of profiles that ask for more time than the manager gives.
    pub(super) fn limits_too_short(&self) -> Vec<String> {
        let wanted = self.members.keys().filter(|name| {
            self.fleet.get(name).is_some_and(|instance| instance.want() == Intent::Up || instance.has_child())
        });
        wanted.filter_map(|name| self.limit_too_short(name)).collect()
    }

    /// The same of one profile.
    pub(super) fn limit_too_short(&self, name: &ProfileName) -> Option<String> {
        self.outer.as_ref()?.warning(name.as_str(), self.fleet.policy(name)?.stop_timeout)
    }

    /// Tells those who follow a stop how long it takes by now.
    pub(super) fn tell_of_stops(&mut self) {
        for (name, member) in &mut self.members {
            if self.fleet.state(name) == Some(State::Stopping) {
                member.publish(&self.fleet);
            }
        }
    }

    fn keep_within(&mut self) {
        let Some(ending) = &self.ending else { return };
        let actions = self.fleet.limit(ending.end_by(), self.clock.now());
        self.perform(actions);
    }
}
