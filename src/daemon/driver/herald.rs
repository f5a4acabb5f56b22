//! What the service manager hears of the supervisor: that the profiles which come up with it have come up or failed,
//! the whole in one line, and that the loop goes round. Each word comes from the loop itself, on its own turn: a
//! supervisor that is stopped, or stuck, is silent.

use std::time::Duration;

use tokio::time::Instant;

use super::Driver;
use crate::base::record::State;
use crate::base::{Error, ProfileName};
use crate::daemon::Setup;
use crate::daemon::member::Member;
use crate::host::clock::steady_us;
use crate::host::notify::Manager;
use crate::supervise::outlook::{Outlook, Standing, line};

/// How often the manager is asked for more time while profiles start or end; each time for thrice as long.
const PATIENCE: Duration = Duration::from_secs(10);

const READY: &str = "READY=1";
const STOPPING: &str = "STOPPING=1";

/// The way to the service manager, and what was told to it.
pub struct Herald {
    manager: Manager,
    watched: Option<Duration>,
    /// For whom the first word of readiness waits; `None` once it was said.
    outlook: Option<Outlook>,
    status: String,
    ending: bool,
    /// What the manager did not take, and must know.
    unsaid: Vec<String>,
    /// When the next sign of life is due.
    next: Instant,
}

impl Herald {
    /// The way to the manager that `setup` names; `None` when none wants to hear, or this supervisor is not its service.
    fn open(setup: &Setup, outlook: Outlook) -> Option<Herald> {
        let notice = setup.notice.as_ref().filter(|_| setup.is_service())?;
        let Some(manager) = Manager::at(&notice.address) else {
            tracing::warn!(
                address = notice.address,
                "NOTIFY_SOCKET is no address; the service manager hears nothing"
            );
            return None;
        };
        Some(Herald {
            manager,
            watched: notice.beat(),
            outlook: Some(outlook),
            status: String::new(),
            ending: false,
            unsaid: Vec::new(),
            next: Instant::now(),
        })
    }

    /// What is to be said now; `patient` is whether the manager can be asked for more time.
    fn words(&mut self, all: &[Standing<'_>], ending: bool, patient: bool) -> Vec<String> {
        let mut words = std::mem::take(&mut self.unsaid);
        if self.outlook.as_mut().is_some_and(|outlook| ending || outlook.is_settled(all)) {
            self.outlook = None;
            // One that ends before it was ready never says so.
            words.extend((!ending).then(|| READY.to_owned()));
        }
        if ending && !self.ending {
            self.ending = true;
            words.push(STOPPING.to_owned());
        }
        let status = line(all, ending);
        if status != self.status {
            words.push(format!("STATUS={status}"));
            self.status = status;
        }
        let waits = self.outlook.is_some() || (ending && patient);
        if self.next <= Instant::now() {
            let pace = self.watched.unwrap_or(PATIENCE);
            self.next = Instant::now() + if waits { pace.min(PATIENCE) } else { pace };
            words.extend(self.watched.map(|_| "WATCHDOG=1".to_owned()));
            words.extend(waits.then(|| format!("EXTEND_TIMEOUT_USEC={}", 3 * PATIENCE.as_micros())));
        }
        words
    }

    /// Says `words`; what must be known and was not taken is said again.
    fn say(&mut self, mut words: Vec<String>) {
        if !words.is_empty() && !self.manager.tell(&words) {
            tracing::debug!(?words, "the service manager did not take it");
            words.retain(|word| word == READY || word == STOPPING);
            self.unsaid = words;
        }
    }
}

impl Driver {
    /// Begins to speak to the service manager, once the profiles that come up are on their way.
    pub(super) fn begin_to_tell(&mut self) {
        let outlook =
            if self.setup.inherited.serving { Outlook::default() } else { Outlook::of(&self.standings()) };
        self.herald = Herald::open(&self.setup, outlook);
    }

    /// Tells the service manager what is new, and at its time that this loop goes round.
    pub(super) fn tell_manager(&mut self) {
        let Some(mut herald) = self.herald.take() else { return };
        // A manager that said how long it waits is asked for no more; one that cannot be asked might wait too short.
        let patient = self.outer.as_ref().is_none_or(|outer| outer.limit.is_none());
        let words = herald.words(&self.standings(), self.ending.is_some(), patient);
        herald.say(words);
        self.herald = Some(herald);
    }

    /// When the loop has to go round for the manager's sake; `None` when it need not.
    pub(super) fn next_word(&self) -> Option<Instant> {
        let herald = self.herald.as_ref()?;
        let waits = herald.outlook.is_some() || herald.ending || !herald.unsaid.is_empty();
        let counts = waits || herald.watched.is_some();
        counts.then_some(herald.next)
    }

    /// Whether the manager was told that the supervisor serves; then it hears now that another program goes on with it.
    pub(super) fn tell_of_successor(&self) -> bool {
        let Some(herald) = &self.herald else { return false };
        let serving = herald.outlook.is_none() && !herald.ending;
        if serving {
            let at = format!("MONOTONIC_USEC={}", steady_us());
            herald.manager.tell(&["RELOADING=1".into(), at, "STATUS=becoming another program".into()]);
        }
        serving
    }

    fn standings(&self) -> Vec<Standing<'_>> {
        self.members.iter().map(|(name, member)| self.standing(name, member)).collect()
    }

    fn standing<'a>(&self, name: &'a ProfileName, member: &'a Member) -> Standing<'a> {
        let state = self.fleet.state(name).unwrap_or_default();
        let failed = matches!(state, State::Failed | State::Backoff);
        let intent = self.fleet.get(name).map(|instance| instance.want()).unwrap_or_default();
        Standing { name, intent, state, code: member.error.as_ref().filter(|_| failed).map(Error::code) }
    }
}
