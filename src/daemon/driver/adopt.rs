//! The beginning of a supervisor: it takes over the runs of the one before (invariant I5), and brings back
//! what the user wanted up.

use super::Driver;
use crate::base::record::{Intent, LastExit};
use crate::base::{Exit, ProfileName};
use crate::daemon::adoption::{self, Found, RunRecord};
use crate::daemon::capture::{self, Capture};
use crate::daemon::live::Live;
use crate::daemon::mailbox::Note;
use crate::daemon::{DISK, journal, prepare};
use crate::host::clock::epoch_ms;
use crate::host::handle::Handle;
use crate::host::tail::Tail;
use crate::host::{files, output};
use crate::profile::Registry;
use crate::supervise::{Event, Run, SweepEvent};

/// Last lines of the log that tell the story of a run that ended unseen.
const LINES_TOLD: usize = 5;

impl Driver {
    /// Adopts what runs, then starts what was wanted up and does not run.
    pub(super) fn resume(&mut self) {
        let records = self.setup.paths.records_dir.clone();
        match adoption::runs(&records) {
            Ok(runs) => runs.into_iter().for_each(|(name, found)| match found {
                Found::Alive(record, handle) => self.adopt(&name, record, handle),
                Found::Ended(record) => self.note_unseen_end(&name, &record),
            }),
            Err(error) => tracing::error!(%error, "the records cannot be read; nothing is adopted"),
        }
        // After a change of the program in place there may be children that ended meanwhile.
        self.reap();
        match prepare::coming_up(&self.setup) {
            Ok(names) => names.into_iter().for_each(|(name, after)| self.bring_back(&name, after)),
            Err(error) => tracing::error!(%error, "the records cannot be read; nothing is brought back"),
        }
    }

    fn bring_back(&mut self, name: &ProfileName, after: Vec<ProfileName>) {
        if self.members.get(name).is_some_and(|member| member.live.is_some()) {
            return;
        }
        // Of one that was never started, the intent is yet to be saved.
        let known = journal::intent(&self.setup.paths.records_dir, name);
        self.enlist(name, known.unwrap_or(Intent::Down));
        self.fleet.set_after(name, after);
        let started = self.fleet.start(name, self.now());
        self.perform(started.unwrap_or_default());
    }

    /// Watches on over a run that an earlier supervisor made. An intent that was never written is that of the
    /// order which made it.
    fn adopt(&mut self, name: &ProfileName, record: RunRecord, handle: Handle) {
        let watched = match handle.try_clone() {
            Ok(watched) => watched,
            Err(error) => {
                tracing::error!(profile = %name, %error, "its run cannot be watched; it is left alone");
                return;
            }
        };
        let intent = journal::intent(&self.setup.paths.records_dir, name).unwrap_or(Intent::Up);
        self.enlist(name, intent);
        let Some(run) = self.fleet.get(name).map(|instance| instance.run().next()) else { return };
        let profile = Registry::new(DISK, &self.setup.environment).and_then(|registry| registry.load(name));
        if let Ok(profile) = &profile {
            let _ = self.fleet.set_policy(name, prepare::policy_of(profile, record.runtime));
        }
        let reader = output::reopen(&record.pipe).inspect_err(
            |error| tracing::warn!(profile = %name, %error, "what it writes from now on is not kept"),
        );
        let log = capture::log_path(&self.setup.paths.log_dir, name.as_str());
        let (pid, runtime) = (handle.pid(), record.runtime);
        let mut live = Live::new(run, pid, record, Capture::start(reader.ok(), &log));
        live.track = live.record.track();
        live.adopted = Some(handle);
        if let Some(member) = self.members.get_mut(name) {
            member.profile = profile.ok();
            member.runtime = Some(runtime);
            member.live = Some(live);
        }
        tracing::info!(profile = %name, pid, "gateway adopted");
        self.watch_end(name.clone(), run, watched);
        self.event(name, Event::Adopted);
        self.publish(name);
    }

    /// Hears of the end of a process that this one may not be told of as its parent.
    pub(super) fn watch_end(&self, name: ProfileName, run: Run, handle: Handle) {
        let notes = self.notes.clone();
        tokio::spawn(async move {
            match handle.ended().await {
                Ok(exit) => drop(notes.send(Note::Gone(name, run, exit))),
                Err(error) => {
                    tracing::error!(profile = %name, %error, "the end of its run cannot be waited for");
                }
            }
        });
    }

    /// The leader of an adopted run has ended. How, not every kernel tells.
    pub(super) fn gone(&mut self, name: &ProfileName, run: Run, exit: Exit) {
        // After a change of the binary in place the run is still this process's child.
        self.reap();
        let Some(live) = self.live(name, run) else {
            self.swept(name);
            return;
        };
        let pid = live.pid;
        if self.has_successor(pid, exit) {
            return;
        }
        let Some(live) = self.live(name, run) else { return };
        live.ended = Some(exit);
        let alone = live.is_over();
        self.sweep(name, run, SweepEvent::LeaderExited { exit, alone });
    }

    /// Waits for what an adopted run left behind: nobody signals the end of another's children.
    pub(super) fn watch_rest(&self, name: &ProfileName, run: Run) {
        let live = self.members.get(name).and_then(|member| member.live.as_ref());
        let Some(live) = live.filter(|live| live.run == run && live.adopted.is_some()) else { return };
        for member in live.track.members() {
            self.watch_end(name.clone(), run, member.handle);
        }
    }

    /// Tells of a run that ended while no supervisor watched.
    fn note_unseen_end(&mut self, name: &ProfileName, record: &RunRecord) {
        tracing::info!(profile = %name, port = record.port, "its gateway ended while no supervisor ran");
        let intent = journal::intent(&self.setup.paths.records_dir, name).unwrap_or(Intent::Down);
        self.enlist(name, intent);
        let log = capture::log_path(&self.setup.paths.log_dir, name.as_str());
        if let Some(member) = self.members.get_mut(name) {
            member.last_exit = Some(LastExit {
                reason: "it ended while no supervisor watched".into(),
                memory_bytes: None,
                last_lines: Tail::open(&log).last_lines(LINES_TOLD).lines().map(str::to_owned).collect(),
                at_ms: epoch_ms(),
                ..LastExit::default()
            });
        }
        self.end_rest(name, record);
        self.forget_run(name);
        self.publish(name);
    }

    /// Takes the record of a run away that is over, or never was.
    pub(super) fn forget_run(&self, name: &ProfileName) {
        files::remove(&adoption::path_of(&self.setup.paths.records_dir, name));
    }
}
