//! Probing a gateway, layer by layer: TCP, the health path, the challenge, `hello-ok` (DESIGN section 4).
//! Before a credential leaves, the kernel is asked whether the listener belongs to the run (invariant I8).

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::access::Credential;
use crate::base::record::Probe;
use crate::host::clock::Stopwatch;
use crate::host::socket::{self, Answers};
use crate::link::gateway::{Opening, Trouble};
use crate::link::http;
use crate::profile::resolved::Ready;
use crate::wire::ConnectParams;

/// Longest time that one layer may take.
const LAYER_TIMEOUT: Duration = Duration::from_secs(5);
/// First wait between two attempts while a gateway starts; it grows to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(1);
/// Longest wait between two attempts while a gateway starts.
const RETRY_MAX: Duration = Duration::from_millis(250);

/// Whom to probe and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// The gateway's port on loopback.
    pub port: u16,
    /// The leader of the run's process group.
    pub leader: u32,
    /// What counts as ready.
    pub ready: Ready,
    /// What opens the gateway; none when the configuration has none.
    pub credential: Credential,
}

/// What a probe saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The layers.
    pub probe: Probe,
    /// What the gateway says of itself.
    pub version: Option<String>,
    /// While not ready: what is missing, in words.
    pub waiting_for: Option<String>,
    /// What deserves attention although it is ready.
    pub warning: Option<String>,
}

impl Seen {
    /// Whether every layer that the target asks for answered.
    pub fn is_ready(&self) -> bool {
        self.waiting_for.is_none()
    }

    fn waiting(mut self, what: impl Into<String>) -> Seen {
        self.waiting_for = Some(what.into());
        self
    }
}

/// Probes until the gateway is ready; `phase` hears what is missing whenever that changes. Ends only with
/// readiness: the run's deadline and its exit are the driver's affair.
pub async fn until_ready(target: &Target, mut phase: impl FnMut(&str)) -> Seen {
    let mut wait = RETRY_MIN;
    let mut missing = String::new();
    loop {
        let seen = once(target).await;
        let Some(waiting_for) = &seen.waiting_for else { return seen };
        if *waiting_for != missing {
            missing.clone_from(waiting_for);
            phase(&missing);
        }
        sleep(wait).await;
        wait = (wait + wait / 2).min(RETRY_MAX);
    }
}

/// Probes once.
pub async fn once(target: &Target) -> Seen {
    let began = Stopwatch::start();
    let mut seen = layers(target).await;
    if seen.is_ready() {
        seen.probe.latency_ms = Some(began.elapsed_ms());
    }
    seen
}

async fn layers(target: &Target) -> Seen {
    let mut seen = Seen::default();
    let opening = match timeout(LAYER_TIMEOUT, Opening::to(target.port)).await {
        Ok(Ok(opening)) => opening,
        _ => return seen.waiting(format!("port {}", target.port)),
    };
    seen.probe.tcp = true;
    match socket::who_answers(target.port, Some(target.leader)) {
        Answers::Ours => {}
        Answers::OtherUser(_) | Answers::OtherProcess => {
            seen.probe.tcp = false;
            return seen.waiting(format!("port {}, which another process holds", target.port));
        }
        Answers::Nobody => return seen.waiting(format!("port {}", target.port)),
    }
    if target.ready == Ready::Tcp {
        return seen;
    }
    match timeout(LAYER_TIMEOUT, http::get(target.port, "/healthz")).await {
        Ok(Ok(answer)) if answer.status == 200 => seen.probe.http = true,
        Ok(Ok(answer)) => return seen.waiting(format!("/healthz, which answers {}", answer.status)),
        Ok(Err(_)) | Err(_) => return seen.waiting("/healthz"),
    }
    if target.ready == Ready::Http {
        return seen;
    }
    handshake(target, opening, seen).await
}

async fn handshake(target: &Target, opening: Opening, mut seen: Seen) -> Seen {
    let (token, password) = (target.credential.token(), target.credential.password());
    let mut challenged = false;
    let shaken = timeout(
        LAYER_TIMEOUT,
        opening.shake_hands(|_| {
            challenged = true;
            ConnectParams::backend("supervisor:probe", &[], token, password)
        }),
    )
    .await;
    seen.probe.challenge = challenged;
    match shaken {
        Ok(Ok(gateway)) => {
            seen.probe.hello = true;
            seen.version = Some(gateway.hello.server.version.clone());
            gateway.close().await;
            seen
        }
        Ok(Err(Trouble::Fault(fault))) if fault.retryable != Some(true) => {
            refused(target, seen, &fault.message).await
        }
        Ok(Err(Trouble::Fault(fault))) => seen.waiting(fault.message),
        Ok(Err(Trouble::Foreign(why))) => seen.waiting(format!("the Gateway protocol: {why}")),
        Ok(Err(Trouble::Refused(_) | Trouble::Closed(_))) | Err(_) => {
            let layer = if challenged { "hello-ok" } else { "connect.challenge" };
            seen.waiting(layer)
        }
    }
}

/// A gateway that refuses our credential is up all the same when it says so itself; what is missing is told.
async fn refused(target: &Target, mut seen: Seen, message: &str) -> Seen {
    match timeout(LAYER_TIMEOUT, http::get(target.port, "/startupz")).await {
        Ok(Ok(answer)) if answer.status == 200 => {
            seen.warning = Some(format!(
                "the gateway runs but refuses the credential in its openclaw.json: {message}; restart it if the \
                 file was changed"
            ));
            seen
        }
        _ => seen.waiting("/startupz"),
    }
}
