//! Looking after runs that are ready: rounds of probes when `supervise::watch` wants them, what they showed, and
//! the beginning of a hung run's end.

use std::time::Duration;

use super::Driver;
use crate::base::record::{Runtime, State};
use crate::base::{Moment, ProfileName};
use crate::daemon::evidence;
use crate::daemon::mailbox::Note;
use crate::daemon::ready::{self, Look};
use crate::host::process;
use crate::profile::resolved::Ready;
use crate::supervise::watch::{Round, Verdict, Watch};
use crate::supervise::{Event, Policy, Run};

/// Longest time that collecting evidence may hold up the end of a hung run.
const EVIDENCE_LIMIT: Duration = Duration::from_secs(5);

impl Driver {
    /// Begins to watch a run that has just become ready.
    pub(super) fn begin_watch(&mut self, name: &ProfileName, run: Run) {
        let (now, policy) = (self.clock.now(), self.policy(name));
        if let Some(live) = self.live(name, run) {
            live.watch = Some(Watch::new(now, &policy));
        }
    }

    /// When the next round of probes is due.
    pub(super) fn next_round(&self) -> Option<Moment> {
        self.members.values().filter_map(|member| member.live.as_ref()?.watch.as_ref()?.due()).min()
    }

    /// One round of probes of everything that is due, all at once.
    pub(super) fn pulse(&mut self) {
        self.notice_absence();
        let now = self.clock.now();
        let names: Vec<ProfileName> = self.members.keys().cloned().collect();
        let mut scales = Vec::new();
        for name in names {
            let policy = self.policy(&name);
            let watched = matches!(self.fleet.state(&name), Some(State::Ready | State::Degraded));
            let Some(member) = self.members.get_mut(&name) else { continue };
            let Some(live) = member.live.as_mut() else { continue };
            if !watched {
                live.watch = None;
                continue;
            }
            let Some(ask) = live.watch.as_mut().and_then(|watch| watch.ask(now, &policy)) else { continue };
            let (run, leader, notes) = (live.run, live.pid, self.notes.clone());
            let group = live.track.group().cloned();
            let Some(target) = member.target(&self.setup) else { continue };
            let mark = member.profile.as_ref().map_or(0, |profile| profile.supervise.memory_high.0);
            scales.push((name.clone(), run, leader, group, mark));
            tokio::spawn(async move {
                let mut look = ready::look(&target, ask.limit).await;
                if !look.seen.is_ready() {
                    let used = tokio::task::spawn_blocking(move || process::usage_of_tree(leader).cpu_ms);
                    look.cpu_ms = used.await.ok();
                }
                let _ = notes.send(Note::Probed(name, run, ask.number, Box::new(look)));
            });
        }
        if scales.is_empty() {
            return;
        }
        // One after the other: a hundred at once would be a hundred threads.
        let notes = self.notes.clone();
        tokio::task::spawn_blocking(move || {
            let weighed = scales.into_iter().map(|(name, run, leader, group, mark)| {
                let bytes = group.and_then(|group| group.memory_bytes());
                (name, run, bytes.unwrap_or_else(|| process::memory_of_tree(leader, mark)))
            });
            let _ = notes.send(Note::Weighed(weighed.collect()));
        });
    }

    /// Takes what a round showed.
    pub(super) fn probed(&mut self, name: &ProfileName, run: Run, number: u64, look: Look) {
        self.notice_absence();
        let (now, policy) = (self.clock.now(), self.policy(name));
        let http_only = self.members.get(name).and_then(|member| member.profile.as_ref());
        let http_only = http_only.is_some_and(|profile| profile.ready == Ready::Http);
        let Some(live) = self.live(name, run) else { return };
        let passes_on = http_only || live.record.runtime == Runtime::Link;
        let round = Round {
            well: look.seen.is_ready(),
            answered: look.seen.is_ready() || look.seen.probe.challenge || (passes_on && look.spoke),
            spoke: look.spoke,
            took: look.took,
            cpu: look.cpu_ms.map(Duration::from_millis),
        };
        let Some(verdict) = live.watch.as_mut().and_then(|watch| watch.take(number, round, now, &policy))
        else {
            return;
        };
        let missing = look.seen.waiting_for.clone().unwrap_or_default();
        let hello = look.seen.probe.hello;
        live.seen = Some(look.seen);
        self.shaken(name, hello);
        match verdict {
            Verdict::Well => self.event(name, Event::Probed { run, healthy: true }),
            Verdict::Doubt => self.publish(name),
            Verdict::Degraded => {
                tracing::warn!(profile = %name, missing, "it answers late or not at all");
                self.event(name, Event::Probed { run, healthy: false });
                self.publish(name);
            }
            Verdict::Hung => self.confirm_hang(name, run, &missing),
        }
    }

    /// A hang is confirmed: what shows why is to be collected before the run is ended, since it ends with it.
    fn confirm_hang(&mut self, name: &ProfileName, run: Run, missing: &str) {
        tracing::error!(profile = %name, missing, "it is alive but answers nothing; ending it");
        let profile = self.members.get(name).and_then(|member| member.profile.clone());
        let Some(live) = self.live(name, run) else { return };
        live.watch = None;
        let (pid, lines) = (live.pid, live.capture.told());
        let probe = live.seen.as_ref().map(|seen| seen.probe).unwrap_or_default();
        let (directory, notes) = (self.setup.paths.evidence_dir.clone(), self.notes.clone());
        let name = name.clone();
        tokio::spawn(async move {
            let collecting = tokio::task::spawn_blocking(move || match profile {
                Some(profile) => evidence::collect(&directory, &profile, pid, &lines, probe).map(Some),
                None => Ok(None),
            });
            let kept = match tokio::time::timeout(EVIDENCE_LIMIT, collecting).await {
                Ok(Ok(Ok(file))) => file,
                Ok(Ok(Err(error))) => {
                    tracing::warn!(profile = %name, %error, "no evidence could be kept");
                    None
                }
                // Evidence is good to have; the end of the hang does not wait for it.
                _ => None,
            };
            if let Some(file) = &kept {
                tracing::info!(profile = %name, file = %file.display(), "evidence kept");
            }
            let _ = notes.send(Note::Hung(name, run, kept));
        });
    }

    /// Where the supervisor itself was away, what its probes waited for meanwhile tells nothing.
    pub(super) fn notice_absence(&mut self) {
        let now = self.clock.now();
        if !self.clock.was_away() {
            return;
        }
        tracing::info!("the supervisor was away; probing anew");
        for member in self.members.values_mut() {
            if let Some(watch) = member.live.as_mut().and_then(|live| live.watch.as_mut()) {
                watch.restart(now);
            }
        }
    }

    fn policy(&self, name: &ProfileName) -> Policy {
        self.fleet.policy(name).cloned().unwrap_or_default()
    }
}
