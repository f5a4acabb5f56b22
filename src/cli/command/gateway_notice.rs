//! What a service manager hears of a gateway that is its unit's own process: that it serves, that its thread goes
//! round, and that it ends. A supervised gateway has another to speak for it and is told of no manager.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::base::Result;
use crate::gateway::{self, Options};
use crate::host::notify::Manager;
use crate::host::{clock, process};
use crate::profile::Environment;
use crate::service::notice::Notice;

/// The way to the manager that wants to hear of this process.
pub struct Ear {
    manager: Manager,
    beat: Option<Duration>,
}

impl Ear {
    /// The one that `environment` names; `None` when nobody wants to hear.
    pub fn of(environment: &Environment) -> Option<Ear> {
        let notice = Notice::of(environment, process::own_pid())?;
        Some(Ear { manager: Manager::at(&notice.address)?, beat: notice.beat() })
    }

    /// Says that this process is cleared to become another program, which knows of no manager: the unit counts as
    /// started, and nobody takes that program's silence for a hang.
    pub fn hand_over(&self, what: &str) {
        self.tell(&["READY=1", "WATCHDOG_USEC=0", &format!("STATUS={what}")]);
    }

    fn tell(&self, lines: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        self.manager.tell(&lines);
    }

    /// Says that the gateway serves once it does, and from then on shows that its thread goes round. Never ends.
    async fn speak(&self, ready: oneshot::Receiver<u16>) {
        let Ok(port) = ready.await else { return std::future::pending().await };
        self.tell(&["READY=1", &format!("STATUS=the gateway serves on port {port}")]);
        let Some(beat) = self.beat else { return std::future::pending().await };
        let mut rhythm = clock::every(beat);
        loop {
            self.tell(&["WATCHDOG=1"]);
            rhythm.tick().await;
        }
    }
}

/// Runs the embedded gateway until `stop`, and lets the manager behind `ear` hear of it.
///
/// # Errors
/// As [`gateway::run`].
pub async fn serve(mut options: Options, stop: impl Future<Output = ()>, ear: Option<Ear>) -> Result<()> {
    let Some(ear) = ear else { return gateway::run(options, stop).await };
    let (sender, ready) = oneshot::channel();
    options.ready = Some(sender);
    let stop = async {
        stop.await;
        ear.tell(&["STOPPING=1"]);
    };
    tokio::select! {
        ended = gateway::run(options, stop) => ended,
        () = ear.speak(ready) => Ok(()),
    }
}
