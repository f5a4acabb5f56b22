//! Telling people of incidents: what `supervise::alarm` finds worth a word goes to every client of the control socket
//! and to the profile's own command, whose end or lateness is seen to here.

use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::Driver;
use crate::base::{Exit, ProfileName};
use crate::daemon::alert::{self, Document, Turn};
use crate::daemon::mailbox::Note;
use crate::host::clock::epoch_ms;
use crate::host::process;
use crate::profile::child_env::plain_env;
use crate::profile::resolved::OnMemoryHigh;
use crate::supervise::alarm::Incident;
use crate::supervise::{Condition, Event, Run};

impl Driver {
    /// An incident happened; people hear of it unless they have already.
    pub(super) fn raise(&mut self, name: &ProfileName, incident: Incident, evidence: Option<PathBuf>) {
        if !self.desks.entry(name.clone()).or_default().alarm.raise(incident) {
            return;
        }
        let (message, remedy) = self.story(name, incident);
        let mut document = Document::new(Turn::Alert, incident, name, &message, remedy.as_deref());
        document.evidence = evidence;
        self.tell(name, document);
    }

    /// A timer of a run that is ready shows that it lasts: what was wrong is over.
    pub(super) fn note_recovered(&mut self, name: &ProfileName) {
        if self.fleet.get(name).map(|instance| instance.condition()) != Some(Condition::Ready) {
            return;
        }
        let live = self.members.get(name).and_then(|member| member.live.as_ref());
        let heavy = live.is_some_and(|live| live.memory.is_above());
        let Some(desk) = self.desks.get_mut(name) else { return };
        for incident in desk.alarm.lasts(heavy) {
            self.tell_recovered(name, incident);
        }
    }

    /// Somebody asked for a stop.
    pub(super) fn note_stop(&mut self, name: &ProfileName) {
        if let Some(desk) = self.desks.get_mut(name) {
            desk.alarm.stopped();
        }
    }

    /// Takes what a run uses, and tells when that passes its mark or is over.
    pub(super) fn weighed_aloud(&mut self, name: &ProfileName, run: Run, bytes: u64) {
        let above = |driver: &mut Driver| driver.live(name, run).is_some_and(|live| live.memory.is_above());
        let before = above(self);
        self.weighed(name, run, bytes);
        let now = above(self);
        if !before && now {
            self.raise(name, Incident::MemoryHigh, None);
        }
        if before && !now && self.desks.get_mut(name).is_some_and(|desk| desk.alarm.lightens()) {
            self.tell_recovered(name, Incident::MemoryHigh);
        }
    }

    /// The evidence about a hung run was collected, as far as it could be: now it may end.
    pub(super) fn hung(&mut self, name: &ProfileName, run: Run, evidence: Option<PathBuf>) {
        let condition = self.fleet.get(name).map(|instance| instance.condition());
        let hung = self.live(name, run).is_some() && condition == Some(Condition::Ready);
        self.event(name, Event::Hung { run });
        if hung {
            self.raise(name, Incident::Hung, evidence);
        }
    }

    /// Tells it where the kernel ended the current run for want of memory.
    pub(super) fn note_out_of_memory(&mut self, name: &ProfileName) {
        let live = self.members.get(name).and_then(|member| member.live.as_ref());
        if live.is_some_and(|live| live.ran_out_of_memory(live.ended.unwrap_or_default())) {
            self.raise(name, Incident::OutOfMemory, None);
        }
    }

    /// A child has ended: whether it was a command that told people something. What it left goes with it.
    pub(super) fn alert_ended(&mut self, pid: u32, exit: Exit) -> bool {
        let found = self.desks.iter_mut().find(|(_, desk)| desk.running == Some(pid));
        let Some((name, desk)) = found else { return false };
        desk.running = None;
        let name = name.clone();
        if !exit.is_clean() {
            tracing::warn!(profile = %name, pid, %exit, "its alert command failed");
        }
        let _ = process::signal_group(pid, Signal::SIGKILL);
        self.run_alerts(&name);
        true
    }

    /// The time of a command is over.
    pub(super) fn alert_late(&mut self, name: &ProfileName, pid: u32) {
        if self.desks.get(name).is_some_and(|desk| desk.running == Some(pid)) {
            tracing::warn!(profile = %name, pid, "its alert command takes too long; killing it");
            let _ = process::signal_group(pid, Signal::SIGKILL);
        }
    }

    /// Lets go of a profile's incidents and of its command.
    pub(super) fn drop_alerts(&mut self, name: &ProfileName) {
        // The leader is our unreaped child: the number cannot be another's.
        if let Some(pid) = self.desks.remove(name).and_then(|desk| desk.running) {
            tracing::warn!(profile = %name, pid, "its alert command has not ended; killing it");
            let _ = process::signal_group(pid, Signal::SIGKILL);
        }
    }

    /// The same for all, at the end: nobody would be there to bound them.
    pub(super) fn drop_all_alerts(&mut self) {
        let names: Vec<ProfileName> = self.desks.keys().cloned().collect();
        for name in names {
            self.drop_alerts(&name);
        }
    }

    fn tell_recovered(&mut self, name: &ProfileName, incident: Incident) {
        let message = match incident {
            Incident::MemoryHigh => format!("the memory of `{name}` is below its mark again"),
            _ => format!("the gateway of `{name}` is ready again and has lasted"),
        };
        self.tell(name, Document::new(Turn::Recovered, incident, name, &message, None));
    }

    fn tell(&mut self, name: &ProfileName, mut document: Document) {
        let Some(member) = self.members.get(name) else { return };
        document.at_ms = epoch_ms();
        document.state = self.fleet.state(name).unwrap_or_default();
        document.pid = member.live.as_ref().filter(|live| live.ended.is_none()).map(|live| live.pid);
        let payload = serde_json::to_value(&document).unwrap_or_default();
        tracing::info!(profile = %name, document = %payload, "telling people");
        // Nobody may be connected.
        let _ = self.alerts.send(payload);
        let command = member.profile.as_ref().map(|profile| profile.supervise.alert.clone());
        let desk = self.desks.entry(name.clone()).or_default();
        if !desk.put(&command.unwrap_or_default(), document) {
            tracing::warn!(profile = %name, "its alert command is too slow; this one is counted only");
        }
        self.run_alerts(name);
    }

    /// Runs the next command of `name`, unless one runs.
    fn run_alerts(&mut self, name: &ProfileName) {
        let Some(desk) = self.desks.get_mut(name) else { return };
        while let Some((command, document)) = desk.next() {
            match alert::run(&command, &document, &plain_env(&self.setup.environment)) {
                Ok(pid) => {
                    desk.running = Some(pid);
                    let (notes, name) = (self.notes.clone(), name.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(alert::LIMIT).await;
                        let _ = notes.send(Note::AlertLate(name, pid));
                    });
                }
                Err(error) => {
                    let program = command.first().map(String::as_str).unwrap_or_default();
                    tracing::warn!(profile = %name, program, %error, "its alert command cannot be run");
                }
            }
        }
    }

    /// What there is to say of an incident, and what to do about it.
    fn story(&self, name: &ProfileName, incident: Incident) -> (String, Option<String>) {
        let logs = Some(format!("openclaw profile logs {name}"));
        let Some(member) = self.members.get(name) else { return (String::new(), logs) };
        let used = member.live.as_ref().and_then(|live| live.memory.last).unwrap_or_default() >> 20;
        let supervise = member.profile.as_ref().map(|profile| &profile.supervise);
        match incident {
            Incident::GivenUp => match &member.error {
                Some(error) => (error.to_string(), error.remedy_text().map(str::to_owned)),
                None => (format!("the gateway of `{name}` is given up"), logs),
            },
            Incident::Hung => {
                (format!("the gateway of `{name}` was alive but answered nothing; it is restarted"), logs)
            }
            Incident::MemoryHigh => {
                let mark = supervise.map_or(0, |supervise| supervise.memory_high.0 >> 20);
                let warns = supervise.is_none_or(|supervise| supervise.on_memory_high == OnMemoryHigh::Warn);
                let said =
                    format!("the gateway of `{name}` uses {used} MiB of memory, its mark is {mark} MiB");
                match warns {
                    true => (said, Some(format!("openclaw profile restart {name}"))),
                    false => (format!("{said}; it is restarted within the hour's budget"), logs),
                }
            }
            Incident::OutOfMemory => (
                format!(
                    "the kernel ended the gateway of `{name}` for want of memory \
                     ({used} MiB in use at the last look)"
                ),
                logs,
            ),
            Incident::RolledBack => (
                member.lockout.told.clone().unwrap_or_default(),
                Some(format!("mend the change before it is made again; see openclaw profile show {name}")),
            ),
        }
    }
}
