//! A gateway that replaces itself by another process: the leader ends in good order and a process of its own making has
//! its claim and runs the same. That one is the gateway from then on; nothing is killed and nothing started.

use super::Driver;
use crate::base::record::Intent;
use crate::base::{Exit, ProfileName};
use crate::host::clock::epoch_ms;
use crate::host::handle::Handle;
use crate::host::lock::Record;
use crate::supervise::{Condition, Event};

impl Driver {
    /// Whether the leader `pid`, which ended by `exit`, left its place to another process; then that one is followed.
    pub(super) fn has_successor(&mut self, pid: u32, exit: Exit) -> bool {
        let led = self.members.iter().find_map(|(name, member)| {
            let live = member.live.as_ref().filter(|live| live.pid == pid && live.ended.is_none())?;
            Some((name.clone(), live))
        });
        let Some((name, live)) = led else { return false };
        let Some(instance) = self.fleet.get(&name) else { return false };
        // One that was asked to end, or crashed, leaves only what has to go.
        let unasked = matches!(instance.condition(), Condition::Starting | Condition::Ready);
        if !(exit.is_clean() && unasked && instance.target() == Intent::Up) {
            return false;
        }
        match live.track.successor(&live.argv) {
            Some(handle) => self.follow(&name, handle),
            None => false,
        }
    }

    fn follow(&mut self, name: &ProfileName, handle: Handle) -> bool {
        let Ok(watched) = handle.try_clone() else { return false };
        let records = self.setup.paths.records_dir.clone();
        let Some(live) = self.members.get_mut(name).and_then(|member| member.live.as_mut()) else {
            return false;
        };
        let (before, after) = (live.run, live.run.next());
        if let Some(prober) = live.prober.take() {
            prober.abort();
        }
        (live.run, live.pid, live.watch, live.seen, live.phase) = (after, handle.pid(), None, None, None);
        live.record.started_at_ms = epoch_ms();
        let record = &live.record;
        let lock = Record::of(name.as_str(), live.pid, record.port, record.runtime, record.mark.to_string());
        for written in [record.write(&records, name), lock.write(&record.state_dir)] {
            if let Err(error) = written {
                tracing::warn!(profile = %name, %error, "a record of the new process could not be written");
            }
        }
        tracing::info!(profile = %name, pid = live.pid, "the gateway replaced itself");
        live.adopted = Some(handle);
        self.watch_end(name.clone(), after, watched);
        self.event(name, Event::Replaced { run: before });
        self.publish(name);
        true
    }
}
