//! The driver's hands on a run: launching it, signalling and probing it, and seeing it end.

use nix::sys::signal::Signal as KernelSignal;

use super::{Driver, jitter};
use crate::base::record::State;
use crate::base::{Kind, ProfileName, Result};
use crate::daemon::capture::{self, Capture};
use crate::daemon::kept_config;
use crate::daemon::linking;
use crate::daemon::live::Live;
use crate::daemon::mailbox::Note;
use crate::daemon::prepare::{self, Occasion, Prepared};
use crate::daemon::ready;
use crate::host::clock::epoch_ms;
use crate::host::lock::Record;
use crate::host::{crash, process, reap};
use crate::supervise::echo::telling;
use crate::supervise::{Event, GiveUp, Run, Signal, SweepEvent, Tagged};

impl Driver {
    /// Looks before the launch, on a thread of its own: a slow disk of one profile delays no other.
    pub(super) fn prepare(&mut self, name: ProfileName, run: Run) {
        let (setup, notes) = (self.setup.clone(), self.notes.clone());
        let Some(member) = self.members.get_mut(&name) else { return };
        let (occasion, repair) = (std::mem::replace(&mut member.occasion, Occasion::Again), member.repaired);
        // Later on nothing can be left: a run is over only when nothing of it is.
        let first = run == Run::default().next();
        tokio::task::spawn_blocking(move || {
            let change = kept_config::change(&setup.paths.records_dir, &name);
            let _ = notes.send(Note::Compared(name.clone(), change));
            let prepared = prepare::launch(&setup, &name, occasion, repair, first);
            let _ = notes.send(Note::Prepared(name, run, Box::new(prepared)));
        });
    }

    /// Spawns what was prepared. It happens here, in the loop that also reaps, so that no child can end
    /// before it is known.
    pub(super) fn launch(&mut self, name: &ProfileName, run: Run, prepared: Result<Prepared>) {
        if self.fleet.get(name).is_none_or(|instance| instance.run() != run) {
            return;
        }
        let spawned = prepared.and_then(|prepared| {
            let _ = self.fleet.set_policy(name, prepared.policy.clone());
            if let Some(warning) = self.limit_too_short(name) {
                tracing::warn!(profile = %name, "{warning}");
            }
            self.spawn(name, run, prepared)
        });
        if let Some(member) = self.members.get_mut(name) {
            member.refused = spawned.is_err();
        }
        let event = match spawned {
            Ok(()) => Event::Spawned { run },
            Err(error) => {
                tracing::error!(profile = %name, %error, "launch refused");
                let permanent = error.kind() != Kind::Failed;
                if let Some(member) = self.members.get_mut(name) {
                    member.error = Some(error);
                }
                Event::SpawnFailed { run, permanent }
            }
        };
        self.event(name, event);
    }

    pub(super) fn spawn(&mut self, name: &ProfileName, run: Run, prepared: Prepared) -> Result<()> {
        let Some(member) = self.members.get_mut(name) else { return Ok(()) };
        let state_dir = prepared.profile.paths.state_dir.clone();
        let (port, runtime) = (prepared.profile.port, prepared.runtime);
        member.profile = Some(prepared.profile.clone());
        member.shared.clone_from(&prepared.shared);
        let mut run_record = prepared.run.clone();
        run_record.group = self.containment.make(name);
        if let Err(error) = run_record.write(&self.setup.paths.records_dir, name) {
            tracing::warn!(profile = %name, %error, "should this supervisor die, the next one cannot adopt it");
        }
        let (pid, reader) = prepared.spawn().inspect_err(|_| {
            self.forget_run(name);
            self.close(run_record.group.clone());
        })?;
        self.take_in(name, pid, &run_record);
        crash::point("forked");
        let record = Record::of(name.as_str(), pid, port, runtime, run_record.mark.to_string());
        if let Err(error) = record.write(&state_dir) {
            // The record only informs; the lock itself is held.
            tracing::warn!(profile = %name, %error, "the lock's record could not be written");
        }
        crash::point("recorded");
        tracing::info!(profile = %name, pid, port, runtime = runtime.as_str(), "gateway spawned");
        let log = capture::log_path(&self.setup.paths.log_dir, name.as_str());
        process::spare_me_before(pid);
        let capture = Capture::start(Some(reader), &log);
        if let Some(member) = self.members.get_mut(name) {
            member.runtime = Some(runtime);
            member.live = Some(Live::new(run, pid, run_record, capture));
        }
        Ok(())
    }

    pub(super) fn signal(&mut self, name: &ProfileName, run: Run, signal: Signal) {
        let Some(live) = self.members.get_mut(name).and_then(|member| member.live.as_mut()) else { return };
        let ended_unseen = live.adopted.as_ref().is_some_and(|held| live.ended.is_none() && !held.is_alive());
        if live.run != run || ended_unseen {
            return;
        }
        live.note_tree();
        if signal == Signal::Terminate && live.ended.is_none() {
            live.asked_at_ms = Some(epoch_ms());
        }
        live.killed |= live.ended.is_none() && signal == Signal::Kill;
        let signal = match signal {
            Signal::Terminate => KernelSignal::SIGTERM,
            Signal::Kill => KernelSignal::SIGKILL,
        };
        if let Err(error) = live.signal_leader(signal) {
            tracing::error!(profile = %name, pid = live.pid, %error, "the group could not be signalled");
        }
        crash::point("stopping");
        // While the leader lives its children are its own affair, unless it has to be killed.
        let track = &live.track;
        if live.ended.is_some() || signal == KernelSignal::SIGKILL {
            let left = track.signal(signal);
            tracing::info!(profile = %name, ?left, signal = signal.as_str(), "ending what the run left behind");
            self.watch_rest(name, run);
        }
    }

    pub(super) fn probe(&mut self, name: &ProfileName, run: Run) {
        let Some(target) = self.members.get(name).and_then(|member| member.target(&self.setup)) else {
            return;
        };
        let (notes, name_of_task) = (self.notes.clone(), name.clone());
        let profile = self.members.get(name).and_then(|member| member.profile.clone());
        let (setup, profile) = (self.setup.clone(), profile.filter(|_| target.is_link));
        let task = tokio::spawn(async move {
            let phase = |missing: &str| {
                let phase = format!("waiting for {missing}");
                let _ = notes.send(Note::Phase(name_of_task.clone(), run, phase));
            };
            let seen = ready::until_ready(&target, phase).await;
            let stale = match profile {
                Some(profile) => {
                    tokio::task::spawn_blocking(move || linking::is_stale(&setup, &profile)).await
                }
                None => Ok(false),
            };
            let _ = notes.send(match stale {
                Ok(true) => Note::Stale(name_of_task.clone(), run),
                _ => Note::Ready(name_of_task.clone(), run, Box::new(seen)),
            });
        });
        if let Some(live) = self.live(name, run) {
            live.prober = Some(task.abort_handle());
        }
        crash::point("starting");
    }

    /// Takes what a run uses: a crossing of its mark is told once, and answered as the manifest wants it.
    pub(super) fn weighed(&mut self, name: &ProfileName, run: Run, bytes: u64) {
        let Some(member) = self.members.get_mut(name) else { return };
        if !member.weigh(run, bytes) {
            return;
        }
        let actions = self.fleet.restart_unasked(name, self.now());
        if actions.is_empty() {
            tracing::error!(profile = %name, "not restarted for its memory: the hour's restarts are used up");
        }
        self.perform(actions);
        self.publish(name);
    }

    pub(super) fn reap(&mut self) {
        for (pid, exit) in reap::collect() {
            if self.alert_ended(pid, exit) || self.has_successor(pid, exit) {
                continue;
            }
            let found = self.members.iter_mut().find_map(|(name, member)| {
                let live = member.live.as_mut().filter(|live| live.pid == pid && live.ended.is_none())?;
                live.ended = Some(exit);
                let (run, alone) = (live.run, live.is_over());
                Some((name.clone(), run, alone, member.judged(exit)))
            });
            if let Some((name, run, alone, exit)) = found {
                self.sweep(&name, run, SweepEvent::LeaderExited { exit, alone });
            }
        }
        let sweeping: Vec<ProfileName> = self.members.keys().cloned().collect();
        for name in sweeping {
            self.swept(&name);
        }
    }

    /// Looks whether nothing is left by now of a run whose leader has ended, and says so to the fleet.
    pub(super) fn swept(&mut self, name: &ProfileName) -> bool {
        let live = self.members.get(name).and_then(|member| member.live.as_ref());
        let Some(live) = live.filter(|live| live.ended.is_some() && live.is_over()) else {
            return false;
        };
        let run = live.run;
        self.sweep(name, run, SweepEvent::GroupEmpty);
        true
    }

    pub(super) fn sweep(&mut self, name: &ProfileName, run: Run, event: SweepEvent) {
        let (now, jitter) = (self.now(), jitter());
        let asked = self.fleet.state(name) == Some(State::Stopping)
            && self.fleet.get(name).is_some_and(|instance| instance.last_failure().is_none());
        if let Some(live) = self.members.get(name).and_then(|member| member.live.as_ref()) {
            self.fleet.hear(name, run, telling(&live.capture.told()).map(String::as_str));
        }
        let actions = self.fleet.sweep(name, run, event, now, jitter);
        // The story of the run is told before the reports about it are.
        let over = self.fleet.get(name).is_none_or(|instance| instance.run() != run || !instance.has_child());
        if over {
            self.note_out_of_memory(name);
        }
        if let Some(member) = self.members.get_mut(name).filter(|_| over) {
            let group = member.live.as_ref().and_then(|live| live.track.group().cloned());
            member.run_ended(asked);
            self.forget_run(name);
            self.close(group);
        }
        let actions = self.repaired_or(name, actions);
        self.perform(actions);
        self.publish(name);
    }

    /// Where a run ended for its configuration and its own program may repair that once, a new launch instead
    /// of giving up.
    fn repaired_or(&mut self, name: &ProfileName, actions: Vec<Tagged>) -> Vec<Tagged> {
        let hopeless =
            self.fleet.get(name).and_then(|instance| instance.gave_up()) == Some(GiveUp::Configuration);
        let now = self.now();
        match self.members.get_mut(name) {
            Some(member) if hopeless && member.may_repair() => member.repaired = true,
            _ => return actions,
        }
        tracing::info!(profile = %name, "repairing its configuration once");
        self.fleet.start(name, now).unwrap_or(actions)
    }
}
