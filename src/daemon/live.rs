//! One run of a gateway as the supervisor follows it: its process and whatever that made, its output, what the probes
//! saw, and how it ends.

use std::io;

use nix::sys::signal::Signal;
use tokio::task::AbortHandle;

use super::adoption::RunRecord;
use super::capture::Capture;
use super::ready::Seen;
use super::rehearsal;
use crate::access::peer::Led;
use crate::base::ProfileName;
use crate::host::census;
use crate::host::cgroup::Group;
use crate::host::clock::epoch_ms;
use crate::host::handle::Handle;
use crate::host::process::{self, Usage};
use crate::host::signal;
use crate::host::tree::Track;
use crate::supervise::watch::Watch;
use crate::supervise::{Exit, Run, memory};

/// One run of the gateway.
pub struct Live {
    /// Its number.
    pub run: Run,
    /// Its process, leader of its group.
    pub pid: u32,
    /// What is on record of it.
    pub record: RunRecord,
    /// What it runs, as it shows itself.
    pub argv: Vec<String>,
    /// A hold on a leader that this process did not spawn: one that was adopted, or made by the leader before it.
    pub adopted: Option<Handle>,
    /// Its output.
    pub capture: Capture,
    /// The task that waits for it to be ready.
    pub prober: Option<AbortHandle>,
    /// Since it became ready: when it is probed and what that amounts to.
    pub watch: Option<Watch>,
    /// What the last probe saw.
    pub seen: Option<Seen>,
    /// How many lines it had written when it last answered well: what they say is over.
    pub heard: u64,
    /// While starting: what it waits for.
    pub phase: Option<String>,
    /// When it was asked to end, in milliseconds since the epoch.
    pub asked_at_ms: Option<u64>,
    /// How its leader ended, while what it left is swept.
    pub ended: Option<Exit>,
    /// By what its processes are known, wherever they went.
    pub track: Track,
    /// What its tree uses, at the pulse.
    pub memory: memory::Watch,
    /// Whether we killed it.
    pub killed: bool,
    /// How many processes the kernel had ended for memory when it was last looked at.
    ended_for_memory: Option<u64>,
    /// Processor time at the last sample: when, in milliseconds since the epoch, and how much.
    sampled: Option<(u64, Usage)>,
}

impl Live {
    /// A run that has just begun.
    pub fn new(run: Run, pid: u32, record: RunRecord, capture: Capture) -> Self {
        let track = Track::new(record.mark.clone(), &record.state_dir).within(record.group.clone());
        Live {
            ended_for_memory: memory_ends(&track),
            track,
            run,
            pid,
            record,
            argv: census::command_line(pid).map(|line| line.argv).unwrap_or_default(),
            adopted: None,
            capture,
            prober: None,
            watch: None,
            seen: None,
            heard: 0,
            phase: None,
            asked_at_ms: None,
            ended: None,
            memory: memory::Watch::default(),
            killed: false,
            sampled: None,
        }
    }

    /// Whether the kernel ended its leader for want of memory: a kill that was not ours, while the kernel's count of
    /// such ends rose.
    pub fn ran_out_of_memory(&self, exit: Exit) -> bool {
        let killed = exit.signal == Some(signal::Name::SIGKILL as i32) && !self.killed;
        killed && self.ended_for_memory.is_some() && memory_ends(&self.track) > self.ended_for_memory
    }

    /// Whom it is led by, and whether it is confined.
    pub fn led(&self) -> Led {
        Led { leader: self.pid, confined: self.record.confinement.is_in_force() }
    }

    /// What is to be said of it: by its making, by the last probe, and where it is of another version than this program.
    pub fn warnings(&self, name: &ProfileName) -> Vec<String> {
        let seen = self.seen.as_ref();
        let version = seen.and_then(|seen| seen.version.as_deref());
        let other = rehearsal::another_version(name, self.record.runtime, version);
        let probe = seen.and_then(|seen| seen.warning.clone());
        self.record.warning.clone().into_iter().chain(probe).chain(other).collect()
    }

    /// Looks again at what it runs: between fork and exec it has the words of its maker, and a title may come later.
    pub fn read_argv(&mut self) {
        if let Some(line) = census::command_line(self.pid) {
            self.argv = line.argv;
        }
    }

    /// Sends `signal` to the leader and, where it leads one, to its group.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal_leader(&self, signal: Signal) -> io::Result<()> {
        match &self.adopted {
            Some(held) if !process::leads_group(self.pid) => held.signal(signal),
            // The leader is our unreaped child, or its group still has members: the number cannot be another's.
            _ => process::signal_group(self.pid, signal),
        }
    }

    /// Remembers who is in its tree, while it has a leader.
    pub fn note_tree(&mut self) {
        if self.ended.is_none() {
            self.track.note(self.pid);
        }
    }

    /// Whether nobody is left of it: nobody in its group, and nobody who went elsewhere.
    pub fn is_over(&self) -> bool {
        // Of another's child nobody here can tell when it is collected; one that waits for that has ended.
        let grouped = self.adopted.is_none() && process::group_exists(self.pid);
        !grouped && self.track.members().is_empty()
    }

    /// Notes how many processes the kernel has ended for memory by now.
    pub fn note_memory_ends(&mut self) {
        self.ended_for_memory = memory_ends(&self.track);
    }

    /// What its tree uses: resident memory in bytes, and the share of one processor in percent since the last sample.
    pub fn sample(&mut self) -> (u64, f64) {
        let (now, usage) = (epoch_ms(), process::usage_of_tree(self.pid));
        let (since, before) = self.sampled.unwrap_or((self.record.started_at_ms, Usage::default()));
        let cpu_ms = usage.cpu_ms.saturating_sub(before.cpu_ms) as f64;
        self.sampled = Some((now, usage));
        let contained = self.track.group().and_then(Group::memory_bytes);
        (
            contained.unwrap_or(usage.memory_bytes),
            (cpu_ms * 1000.0 / now.saturating_sub(since).max(1) as f64).round() / 10.0,
        )
    }
}

/// How many processes the kernel has ended for memory: of this run where its group counts them, else anywhere.
fn memory_ends(track: &Track) -> Option<u64> {
    track.group().and_then(Group::ended_for_memory).or_else(process::ended_for_memory)
}
