//! One profile as the supervisor sees it: what it was resolved to, its current run, and the view of both that
//! is published.

use std::time::Duration;

use tokio::sync::{broadcast, watch};

use super::Setup;
use super::driver::{Given, Lockout};
use super::linked::{self, Linked};
use super::linking;
use super::live::Live;
use super::prepare::{self, Occasion};
use super::ready::{Door, Target};
use crate::access::Credential;
use crate::base::record::{LastExit, Owner, Probe, ProfileStatus, Runtime, State};
use crate::base::{Error, Kind, ProfileName};
use crate::host::clock::epoch_ms;
use crate::host::signal;
use crate::profile::resolved::OnMemoryHigh;
use crate::profile::status::described;
use crate::profile::{GatewayUrl, Profile, poll_clash};
use crate::supervise::budget;
use crate::supervise::echo::telling;
use crate::supervise::memory::Crossing;
use crate::supervise::{Exit, Fleet, GiveUp, Report, Run};

/// What is published about a profile after every change.
#[derive(Clone, Debug)]
pub struct View {
    /// Its status, without the figures that only a sample gives.
    pub status: ProfileStatus,
    /// While it is failed or waits for its next attempt: why.
    pub error: Option<Error>,
}

/// One profile under supervision.
pub struct Member {
    name: ProfileName,
    /// As it was last resolved; unknown until its first launch was prepared.
    pub profile: Option<Profile>,
    /// What it shares by permission, and with whom, as of its last launch.
    pub shared: Vec<(String, ProfileName)>,
    /// What its last run was made of.
    pub runtime: Option<Runtime>,
    /// Why the next launch is made.
    pub occasion: Occasion,
    /// Whether the real program's own repair was tried since the user last asked for a start.
    pub repaired: bool,
    /// What made the last run end, where the driver knows better than its exit code tells.
    trouble: Option<Error>,
    /// Its files since they last worked.
    pub lockout: Lockout,
    /// While it is given up: how its files looked then.
    pub given_up: Option<Given>,
    /// The current run.
    pub live: Option<Live>,
    /// Of a remote profile: what is known of its link.
    pub linked: Linked,
    /// How the last run ended.
    pub last_exit: Option<LastExit>,
    /// Why the last launch was refused, or why it was given up.
    pub error: Option<Error>,
    /// Whether that was before anything was started, so that no end of a run tells of it.
    pub refused: bool,
    view: watch::Sender<View>,
    changes: broadcast::Sender<ProfileStatus>,
}

impl Member {
    /// A profile of which only the name is known, and which tells its `changes`.
    pub fn new(name: ProfileName, changes: broadcast::Sender<ProfileStatus>) -> Self {
        let status = ProfileStatus::unknown(&name);
        Member {
            name,
            profile: None,
            shared: Vec::new(),
            runtime: None,
            occasion: Occasion::Again,
            repaired: false,
            trouble: None,
            lockout: Lockout::default(),
            given_up: None,
            live: None,
            linked: Linked::default(),
            last_exit: None,
            error: None,
            refused: false,
            view: watch::Sender::new(View { status, error: None }),
            changes,
        }
    }

    /// Follows what is published.
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Publishes what is known now.
    pub fn publish(&mut self, fleet: &Fleet) {
        let status = self.status(fleet);
        let error =
            matches!(status.state, State::Failed | State::Backoff).then(|| self.error.clone()).flatten();
        let gist = |status: &ProfileStatus| (status.state, status.intent, status.phase.clone(), status.pid);
        let changed = gist(&self.view.borrow().status) != gist(&status);
        if changed && self.changes.receiver_count() > 0 {
            // Whoever listened a moment ago may be gone.
            let _ = self.changes.send(status.clone());
        }
        self.view.send_replace(View { status, error });
    }

    /// The status with fresh figures of memory and processor.
    pub fn sample(&mut self, fleet: &Fleet) -> ProfileStatus {
        let mut status = self.status(fleet);
        let Some(live) = self.live.as_mut().filter(|live| live.ended.is_none()) else { return status };
        let (memory_bytes, cpu_percent) = live.sample();
        status.memory_bytes = Some(memory_bytes);
        status.cpu_percent = Some(cpu_percent);
        status
    }

    fn status(&self, fleet: &Fleet) -> ProfileStatus {
        let files = self.profile.as_ref().map_or_else(|| ProfileStatus::unknown(&self.name), described);
        let mut status = ProfileStatus { owner: Owner::supervisor(), managed: true, ..files };
        status.runtime = self.runtime.unwrap_or(status.runtime);
        if let Some(instance) = fleet.get(&self.name) {
            status.intent = instance.want();
            status.restarts = instance.restarts();
        }
        status.state = fleet.state(&self.name).unwrap_or_default();
        status.phase = fleet.phase(&self.name).map(str::to_owned);
        status.last_exit.clone_from(&self.last_exit);
        status.warnings.extend(self.lockout.told.clone());
        status.warnings.extend(self.refusal(status.state));
        if let Some(live) = &self.live {
            status.pid = Some(live.pid);
            let started_at_ms = live.record.started_at_ms;
            status.started_at_ms = Some(started_at_ms);
            status.uptime_ms = Some(epoch_ms().saturating_sub(started_at_ms));
            // Its files may say another port by now; this is the one it was told.
            status.port = live.record.port;
            let tls = self.profile.as_ref().is_some_and(Profile::speaks_tls_here);
            status.url = GatewayUrl::loopback(live.record.port, tls).as_str().to_owned();
            if status.state == State::Starting && live.phase.is_some() {
                let wrong = (self.runtime == Some(Runtime::Link)).then(|| linked::wrong(live)).flatten();
                status.phase = wrong.or_else(|| live.phase.clone());
            }
            status.confine.in_force.clone_from(&live.record.confinement.in_force);
            status.confine.abi = live.record.confinement.abi;
            status.warnings.extend(live.warnings(&self.name));
            let allowance = fleet.get(&self.name).and_then(|instance| instance.stop_allowance());
            if let (Some(asked), Some(up_to), None) = (live.asked_at_ms, allowance, live.ended) {
                let since = Duration::from_millis(epoch_ms().saturating_sub(asked));
                status.phase = Some(budget::draining(since, up_to));
            }
            status.probe = Some(live.seen.as_ref().map_or(Probe::default(), |seen| seen.probe));
            if let (Some(bytes), true, Some(profile)) =
                (live.memory.last, live.memory.is_above(), &self.profile)
            {
                let mark = profile.supervise.memory_high.0;
                status.warnings.push(format!(
                    "it uses {} MiB of memory, more than its mark of {} MiB ([supervise] memory_high)",
                    bytes >> 20,
                    mark >> 20
                ));
            }
            if let Some(seen) = &live.seen {
                status.version.clone_from(&seen.version);
            }
            status.warnings.extend(poll_clash::warning(&self.name, live.capture.clashes(), &self.shared));
        }
        if let Some(link) = &mut status.link {
            // Its gateway is no process of this host.
            status.pid = None;
            link.reconnects = status.restarts;
            self.linked.complete(link, status.state, self.live.as_ref(), self.error.as_ref());
        }
        status
    }

    /// Whether the real program shall repair its own configuration before one more attempt: its manifest asks
    /// for it, and it was not tried yet.
    pub fn may_repair(&self) -> bool {
        self.runtime == Some(Runtime::Openclaw)
            && !self.repaired
            && self.profile.as_ref().is_some_and(|profile| profile.doctor_on_78)
    }

    /// Notes what `run` uses, in bytes; whether it shall be restarted for it.
    pub fn weigh(&mut self, run: Run, bytes: u64) -> bool {
        let (Some(profile), Some(live)) = (&self.profile, &mut self.live) else { return false };
        // One without any memory has just ended, of what is still to be told: what was seen before stays.
        if live.run != run || live.ended.is_some() || bytes == 0 {
            return false;
        }
        live.note_tree();
        live.note_memory_ends();
        let (high, name) = (profile.supervise.memory_high.0, &self.name);
        match live.memory.look(bytes, high) {
            Crossing::Rose => {
                tracing::warn!(profile = %name, bytes, high, "its memory passed its mark");
                profile.supervise.on_memory_high == OnMemoryHigh::Restart
            }
            Crossing::Fell => {
                tracing::info!(profile = %name, bytes, high, "its memory is below its mark again");
                false
            }
            Crossing::Same => false,
        }
    }

    /// Whom to probe: the current run, with what opens it.
    pub fn target(&self, setup: &Setup) -> Option<Target> {
        let live = self.live.as_ref()?;
        // A profile whose files cannot be read any more goes on all the same.
        let way = self.profile.as_ref().map(|profile| Door::of(setup, profile, live.record.ready));
        let (credential, door) = way.unwrap_or((Credential::None, Door::Plain));
        Some(Target {
            port: live.record.port,
            leader: live.pid,
            ready: live.record.ready,
            credential,
            door,
            is_link: live.record.runtime == Runtime::Link,
        })
    }

    /// How the machine shall see `exit` of the current run: a port that somebody's outgoing connection uses for a
    /// while is no fault of the configuration, and passes.
    pub fn judged(&mut self, exit: Exit) -> Exit {
        if let (Some(Runtime::Link), Some(profile), Some(live)) = (self.runtime, &self.profile, &self.live) {
            let was_up = self.linked.last_handshake_at_ms.is_some();
            let (exit, trouble) = linking::judged(profile, exit, &live.capture.told(), was_up);
            self.trouble = trouble;
            return exit;
        }
        if !exit.is_config() {
            return exit;
        }
        self.trouble = self.profile.as_ref().and_then(prepare::port_lent);
        if self.trouble.is_some() { Exit::code(Kind::Unavailable.exit_code().into()) } else { exit }
    }

    /// Why there is no run, with what to do: the last one's end, however long ago, is no word on that.
    fn refusal(&self, state: State) -> Option<String> {
        let is_down = matches!(state, State::Failed | State::Backoff);
        let error = self.error.as_ref().filter(|_| self.refused && is_down)?;
        let remedy = error.remedy_text().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        Some(format!("not started: {error}{remedy}"))
    }

    /// Notes the end of the current run, of which nothing is left, and lets go of it.
    pub fn run_ended(&mut self, asked: bool) {
        let Some(live) = self.live.take() else { return };
        if let Some(prober) = &live.prober {
            prober.abort();
        }
        let exit = live.ended.unwrap_or_default();
        let how = match live.memory.last {
            _ if !live.ran_out_of_memory(exit) => describe_exit(exit),
            Some(bytes) => {
                format!("killed by the kernel for memory (oom; {} MiB in use at the last look)", bytes >> 20)
            }
            None => "killed by the kernel for memory (oom)".to_owned(),
        };
        let memory_bytes = live.memory.last;
        let last_lines = live.capture.finish();
        let reason = if asked { format!("stopped as asked ({how})") } else { how };
        tracing::info!(profile = %self.name, pid = live.pid, reason, "gateway ended");
        self.last_exit = Some(LastExit {
            code: exit.code,
            signal: exit.signal,
            reason,
            memory_bytes,
            last_lines,
            at_ms: epoch_ms(),
        });
    }

    /// Takes what the machine reports: the story behind `failed` and `backoff`.
    pub fn take_report(&mut self, report: &Report) {
        match report {
            Report::Impossible { condition, event } => {
                tracing::error!(profile = %self.name, ?condition, ?event, "an event that cannot be; ignored");
            }
            Report::Unkillable { run } => {
                tracing::error!(profile = %self.name, ?run, "killed processes are still there");
            }
            Report::Failed { reason, .. } => {
                let reason = match reason {
                    crate::supervise::Reason::SpawnFailed => return,
                    crate::supervise::Reason::Exited(exit) => describe_exit(*exit),
                    other => other.to_string(),
                };
                let failure = || self.failure(Kind::Failed, "gateway_failed", &reason);
                self.error = Some(self.trouble.clone().unwrap_or_else(failure));
                self.trouble = None;
            }
            Report::GaveUp { why, last } => {
                let launch_refused = *last == crate::supervise::Reason::SpawnFailed && self.error.is_some();
                match why {
                    // What its client said is told already.
                    GiveUp::Configuration
                        if self.error.as_ref().is_some_and(|e| e.kind() == Kind::Config) => {}
                    GiveUp::Configuration => {
                        // A port that was lost between the look and the bind is no fault of the configuration.
                        let taken = self.profile.as_ref().and_then(prepare::port_taken);
                        self.error = Some(taken.unwrap_or_else(|| {
                            self.failure(Kind::Config, "gateway_config_invalid", &why.to_string())
                        }));
                    }
                    _ if launch_refused => {}
                    GiveUp::Refused => {
                        self.error = Some(self.failure(Kind::Config, "start_refused", &why.to_string()))
                    }
                    GiveUp::BudgetSpent { .. } | GiveUp::SameLine { .. } => {
                        let reason = format!("{why}; {last}");
                        let code = match why {
                            GiveUp::SameLine { .. } => "same_failure",
                            _ => "restart_budget_spent",
                        };
                        self.error = Some(self.failure(Kind::Failed, code, &reason));
                    }
                }
                tracing::error!(profile = %self.name, %why, %last, "given up");
            }
        }
    }

    /// The error of a gateway that did not come up or did not last, quoting its last line.
    fn failure(&self, kind: Kind, code: &'static str, reason: &str) -> Error {
        let lines = self.last_exit.as_ref().map(|exit| &exit.last_lines);
        let what = if self.runtime == Some(Runtime::Link) { "link" } else { "gateway" };
        let error = Error::new(kind, code, format!("the {what} of `{}` failed: {reason}", self.name))
            .profile(&self.name)
            .remedy(format!("openclaw profile logs {}", self.name));
        match lines.and_then(|lines| telling(lines)) {
            Some(line) => error.caused_by(format!("its last line was: {line}")),
            None => error,
        }
    }
}

fn describe_exit(exit: Exit) -> String {
    match exit.signal {
        Some(number) => format!("it was ended by {}", signal::name(number)),
        None => exit.to_string(),
    }
}
