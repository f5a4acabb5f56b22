//! The gateway's own rhythm: `tick` and `health` events for everyone, and the samples of its load.

use std::rc::Rc;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::json;

use super::hub::{Announcement, Hub};
use super::load::Sample;
use super::method::health;
use crate::host::clock::{self, Stopwatch};

/// Distance of load samples: rare enough to cost nothing.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// Wait after a failed accept: out of descriptors is not mended by trying at once.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Runs until it is dropped.
pub async fn run(hub: Rc<Hub>) {
    let limits = hub.options.limits;
    let (mut tick, mut health) = (clock::every(limits.tick), clock::every(limits.health));
    let (mut sample, mut reload) = (clock::every(SAMPLE_EVERY), clock::every(limits.reload));
    let mut meter = Meter::start();
    loop {
        tokio::select! {
            _ = tick.tick() => hub.announce(Announcement::new("tick", None, &json!({ "ts": clock::epoch_ms() }))),
            _ = health.tick() => {
                hub.health_changed();
                hub.announce(health::announcement(&hub));
            }
            _ = reload.tick() => hub.look_again(),
            due = sample.tick() => {
                hub.load.borrow_mut().add(meter.sample(due.elapsed()), clock::epoch_ms());
            }
        }
    }
}

/// Waits a moment before the next accept.
pub async fn rest() {
    tokio::time::sleep(ACCEPT_REST).await;
}

/// The meters' state at the last sample.
struct Meter {
    at: Stopwatch,
    busy: Duration,
    cpu: Duration,
}

impl Meter {
    fn start() -> Self {
        Meter { at: Stopwatch::start(), busy: busy(), cpu: cpu() }
    }

    fn sample(&mut self, delay: Duration) -> Sample {
        let now = Meter::start();
        let sample = Sample {
            interval: self.at.elapsed(),
            delay,
            busy: now.busy.saturating_sub(self.busy),
            cpu: now.cpu.saturating_sub(self.cpu),
        };
        *self = now;
        sample
    }
}

/// How long this thread has worked since it began.
fn busy() -> Duration {
    tokio::runtime::Handle::current().metrics().worker_total_busy_duration(0)
}

/// The process's processor time.
fn cpu() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
