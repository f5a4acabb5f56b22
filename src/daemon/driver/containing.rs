//! Runs in groups of their own: made before the gateway is, taken away after its last process.

use std::io;

use super::Driver;
use crate::base::ProfileName;
use crate::daemon::adoption::RunRecord;
use crate::host::cgroup::{Containment, Group};
use crate::host::process;
use crate::host::signal::Name;

/// Takes this supervisor's place in the tree of groups, where it has one.
pub(super) fn enter() -> Containment {
    let containment = Containment::enter();
    if let Some(base) = containment.base() {
        tracing::info!(group = %base.display(), "each gateway gets a control group of its own");
    }
    containment
}

impl Driver {
    /// Moves the gateway that was just spawned into its group, on a thread of its own, since the kernel takes its time
    /// for it. Its mark is on what it forks meanwhile.
    pub(super) fn take_in(&self, name: &ProfileName, pid: u32, record: &RunRecord) {
        let Some(group) = record.group.clone() else { return };
        let (name, start) = (name.clone(), process::start_time(pid));
        tokio::task::spawn_blocking(move || {
            // One that ended at once needs no group any more.
            if let Err(error) = group.take_in(pid, start)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(profile = %name, pid, %error, "not in its control group; known by its mark alone");
            }
        });
    }

    /// Takes the group of a run away that is over.
    pub(super) fn close(&mut self, group: Option<Group>) {
        if let Some(group) = group {
            self.containment.close(group);
        }
    }

    /// Ends what is still in the group of a run that ended while no supervisor watched. What was outside of it is
    /// looked for by its mark before the next start.
    pub(super) fn end_rest(&mut self, name: &ProfileName, record: &RunRecord) {
        let track = record.track();
        let Some(group) = track.group() else { return };
        if !group.pids().is_empty() {
            let left = track.signal(Name::SIGKILL);
            tracing::warn!(profile = %name, ?left, "ending what an earlier run left behind");
        }
        self.containment.close(group.clone());
    }
}
