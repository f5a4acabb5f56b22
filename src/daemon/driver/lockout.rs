//! Files that keep a gateway from booting: those with which it worked are kept, offered when a change fails, and put
//! back where the manifest wants it (INCIDENTS I1). `supervise::probation` decides, `daemon::kept_config` has the
//! hands.

use super::Driver;
use crate::base::record::Intent;
use crate::base::{Error, Moment, ProfileName, Result};
use crate::daemon::kept_config::{self, Restored};
use crate::daemon::mailbox::Note;
use crate::host::files::Stamp;
use crate::supervise::alarm::Incident;
use crate::supervise::probation::{Probation, Terms, Verdict};
use crate::supervise::{Condition, Event, Run};

/// What is known of one profile's files.
#[derive(Debug, Default)]
pub struct Lockout {
    /// How they differed, at the last launch, from those that worked.
    change: Option<u64>,
    /// How they stood when the run became ready; `None` for a run that another supervisor launched.
    ready: Option<[Option<Stamp>; 2]>,
    probation: Probation,
    /// What is to be said of files that were put back, until somebody asks for a start or a stop.
    pub told: Option<String>,
}

impl Lockout {
    /// Somebody asked for a start or a stop.
    pub fn asked(&mut self) {
        self.probation.asked();
        self.told = None;
    }
}

impl Driver {
    /// Notes how the files differ with which the next launch is made.
    pub(super) fn note_change(&mut self, name: &ProfileName, change: Option<u64>) {
        if let Some(member) = self.members.get_mut(name) {
            member.lockout.change = change;
        }
    }

    /// Notes how the files stand with which a run became ready. Whether an adopted one was launched with them,
    /// nobody knows.
    pub(super) fn note_files(&mut self, name: &ProfileName, run: Run) {
        let adopted = self.live(name, run).is_none_or(|live| live.adopted.is_some());
        let Some(member) = self.members.get_mut(name) else { return };
        let paths = member.profile.as_ref().map(|profile| &profile.paths).filter(|_| !adopted);
        member.lockout.ready = paths.map(kept_config::stamps);
    }

    /// A timer of a run that is ready shows that it lasts: its files are good.
    pub(super) fn note_lasting(&mut self, name: &ProfileName) {
        if self.fleet.get(name).map(|instance| instance.condition()) != Some(Condition::Ready) {
            return;
        }
        let Some(member) = self.members.get_mut(name) else { return };
        let (Some(profile), Some(stamps)) = (&member.profile, member.lockout.ready.take()) else { return };
        member.lockout.change = None;
        member.lockout.probation.worked();
        let (paths, records, name) =
            (profile.paths.clone(), self.setup.paths.records_dir.clone(), name.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = kept_config::keep(&records, &name, &paths, stamps) {
                tracing::warn!(profile = %name, %error, "its files cannot be kept as the last known good ones");
            }
        });
    }

    /// The probation of changed files may be over. While a boot is under way, its own end tells.
    pub(super) fn probation_over(&mut self, name: &ProfileName) {
        let condition = self.fleet.get(name).map(|instance| instance.condition());
        if matches!(condition, Some(Condition::Resting | Condition::Broken)) {
            self.judge_files(name);
        }
    }

    /// Its boot failed, or its probation may be over: what becomes of changed files.
    pub(super) fn judge_files(&mut self, name: &ProfileName) {
        let now = self.now();
        let Some(instance) = self.fleet.get(name) else { return };
        let trying = instance.target() == Intent::Up && instance.last_failure().is_some();
        let lasting = instance.condition() == Condition::Ready;
        let Some(member) = self.members.get_mut(name) else { return };
        // Who is in the way is not sent away by other files.
        let held = member.error.as_ref().is_some_and(|error| error.holder_record().is_some());
        if !trying || lasting || held {
            return;
        }
        let supervise = member.profile.as_ref().map(|profile| &profile.supervise);
        let terms = Terms {
            rollback: supervise.is_some_and(|supervise| supervise.rollback),
            probation: supervise.map(|supervise| supervise.probation).unwrap_or_default(),
        };
        let verdict = member.lockout.probation.failed(member.lockout.change, now, terms);
        if verdict != Verdict::Nothing {
            member.error = member.error.take().map(|error| with_way_back(error, name));
            member.publish(&self.fleet);
        }
        match verdict {
            Verdict::Nothing | Verdict::Offer => {}
            Verdict::OfferUntil(due) => self.look_again(name, due),
            Verdict::Restore => self.roll_back(name),
        }
    }

    fn look_again(&self, name: &ProfileName, due: Moment) {
        let (notes, name, wait) = (self.notes.clone(), name.clone(), due - self.now());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = notes.send(Note::Probation(name));
        });
    }

    fn roll_back(&self, name: &ProfileName) {
        let (notes, name, records) = (self.notes.clone(), name.clone(), self.setup.paths.records_dir.clone());
        tokio::task::spawn_blocking(move || {
            let restored = kept_config::restore(&records, &name);
            let _ = notes.send(Note::RolledBack(name, restored));
        });
    }

    /// The files that worked are back: one line tells it, and it is tried again at once.
    pub(super) fn rolled_back(&mut self, name: &ProfileName, restored: Result<Vec<Restored>>) {
        let restored = match restored {
            Ok(restored) => restored,
            Err(error) => {
                tracing::error!(profile = %name, %error, "its last good files could not be put back");
                return;
            }
        };
        let files =
            restored.iter().map(|file| file.path.display().to_string()).collect::<Vec<_>>().join(", ");
        let aside = restored.iter().filter_map(|file| Some(file.rejected.as_ref()?.display().to_string()));
        let aside = aside.collect::<Vec<_>>().join(", ");
        tracing::warn!(profile = %name, files, rejected = aside, "put back what it last worked with");
        let Some(member) = self.members.get_mut(name) else { return };
        member.repaired = false;
        member.lockout.told = Some(format!(
            "put back after a change that kept it from booting: {files}; the change is in {aside}"
        ));
        match self.fleet.get(name).map(|instance| instance.condition()) {
            Some(Condition::Broken) => self.event(name, Event::Changed),
            Some(Condition::Resting) => {
                let started = self.fleet.start(name, self.now());
                self.perform(started.unwrap_or_default());
            }
            _ => {}
        }
        self.raise(name, Incident::RolledBack, None);
        self.publish(name);
    }
}

/// The error with the way back to the files that worked last, behind what it recommends already.
fn with_way_back(error: Error, name: &ProfileName) -> Error {
    let way = format!("openclaw profile rollback {name}");
    let remedy = match error.remedy_text() {
        Some(known) if known.contains(&way) => known.to_owned(),
        Some(known) => format!("{known}; or go back to the files with which it last worked: {way}"),
        None => way,
    };
    error.remedy(remedy)
}
