//! Probing a gateway, layer by layer: TCP, the health path, the challenge, `hello-ok` (DESIGN section 4).
//! Before a credential leaves, the kernel is asked whether the listener belongs to the run (invariant I8).

mod door;

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::access::Credential;
use crate::base::record::Probe;
use crate::host::clock::Stopwatch;
use crate::host::process;
use crate::host::socket::{self, Answers};
use crate::link::gateway::{Opening, Trouble};
use crate::profile::resolved::Ready;
use crate::wire::ConnectParams;
use door::Knock;

pub use door::Door;

/// Longest time that one layer may take.
const LAYER_TIMEOUT: Duration = Duration::from_secs(5);
/// First wait between two attempts while a gateway starts; it grows to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(1);
/// Longest wait between two attempts while a gateway starts.
const RETRY_MAX: Duration = Duration::from_millis(250);

/// How long a gateway behind a link may refuse before the link is taken for made.
const FAR_PATIENCE: Duration = Duration::from_secs(3);

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
    /// Whether its port speaks TLS, as the configuration has it.
    pub door: Door,
    /// Whether the process that is looked at only passes things on: that it lets go of a connection at once tells of
    /// the far end, and that the way there stands.
    pub is_link: bool,
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

    /// The first layer above TCP that did not answer.
    fn first_missing(&self) -> &'static str {
        match self.probe {
            Probe { http: false, .. } => "/healthz",
            Probe { challenge: false, .. } => "connect.challenge",
            _ => "hello-ok",
        }
    }
}

/// Probes until the gateway is ready; `phase` hears what is missing whenever that changes. Ends only with
/// readiness, or with a link that stands while nothing answers behind it: the run's deadline and its exit are the
/// driver's affair.
pub async fn until_ready(target: &Target, mut phase: impl FnMut(&str)) -> Seen {
    let mut wait = RETRY_MIN;
    let mut missing = String::new();
    // Since when a link lets go of every connection: then it stands, and what is behind it does not.
    let mut refused: Option<Stopwatch> = None;
    loop {
        let (seen, spoke) = once(target).await;
        let Some(waiting_for) = &seen.waiting_for else { return seen };
        refused = refused.or_else(|| Some(Stopwatch::start())).filter(|_| target.is_link && spoke);
        if refused.is_some_and(|since| since.elapsed() >= FAR_PATIENCE) {
            return seen;
        }
        if *waiting_for != missing {
            missing.clone_from(waiting_for);
            phase(&missing);
        }
        sleep(wait).await;
        wait = (wait + wait / 2).min(RETRY_MAX);
    }
}

/// What one round of probes of a gateway that was ready showed.
#[derive(Clone, Debug)]
pub struct Look {
    /// The layers.
    pub seen: Seen,
    /// Whether something above TCP answered, be it badly.
    pub spoke: bool,
    /// How long the round took.
    pub took: Duration,
    /// Processor time that the gateway has used so far in milliseconds, where somebody looked.
    pub cpu_ms: Option<u64>,
}

/// Looks at a gateway that was ready; takes at most `limit` altogether.
pub async fn look(target: &Target, limit: Duration) -> Look {
    let (began, mut seen) = (Stopwatch::start(), Seen::default());
    // What lives behind a link may be frozen while the link itself is well: a process that had its turns is no dead one.
    let turns = || target.is_link.then(|| process::turns(target.leader)).flatten();
    let before = turns();
    let mut probing = Probing { target, limit, seen: &mut seen, spoke: false };
    let missing = timeout(limit, probing.layers()).await;
    let spoke = probing.spoke || turns() > before;
    seen.waiting_for = missing.unwrap_or_else(|_| Some(seen.first_missing().into()));
    if seen.is_ready() {
        seen.probe.latency_ms = Some(began.elapsed_ms());
    }
    Look { seen, spoke, took: began.elapsed(), cpu_ms: None }
}

/// Probes once a gateway that starts; whether something above TCP answered.
async fn once(target: &Target) -> (Seen, bool) {
    let (began, mut seen) = (Stopwatch::start(), Seen::default());
    let mut probing = Probing { target, limit: LAYER_TIMEOUT, seen: &mut seen, spoke: false };
    let missing = probing.layers().await;
    let spoke = probing.spoke;
    seen.waiting_for = missing;
    if seen.is_ready() {
        seen.probe.latency_ms = Some(began.elapsed_ms());
    }
    (seen, spoke)
}

/// One way through the layers. What was seen so far stays seen when it is cut short.
struct Probing<'a> {
    target: &'a Target,
    /// Longest time that one layer may take.
    limit: Duration,
    seen: &'a mut Seen,
    /// Whether something above TCP answered.
    spoke: bool,
}

impl Probing<'_> {
    /// What is missing, in words.
    async fn layers(&mut self) -> Option<String> {
        let Target { port, leader, ready, .. } = *self.target;
        let opening = match timeout(self.limit, Opening::to(port)).await {
            Ok(Ok(opening)) => opening,
            _ => return Some(format!("port {port}")),
        };
        match socket::who_answers(port, Some(leader)) {
            Answers::Ours => self.seen.probe.tcp = true,
            Answers::OtherUser(_) | Answers::OtherProcess => {
                return Some(format!("port {port}, which another process holds"));
            }
            Answers::Nobody => {
                self.seen.probe.tcp = true;
                return Some(format!("port {port}"));
            }
        }
        if ready == Ready::Tcp {
            return None;
        }
        let door = &self.target.door;
        let opening = match door.knock(opening, port, self.limit).await {
            Knock::Open(opening) => *opening,
            // Of the far end nothing is known but its certificate.
            Knock::Mismatch(why) if self.target.is_link => {
                self.spoke = true;
                return Some(why);
            }
            Knock::Mismatch(why) => return self.mismatched(why),
            Knock::Silent => return Some("TLS".into()),
        };
        let health = timeout(self.limit, door.get(port, "/healthz")).await;
        self.spoke = matches!(health, Ok(Ok(_))) || (self.target.is_link && health.is_ok());
        match health {
            Ok(Ok(answer)) if answer.status == 200 => self.seen.probe.http = true,
            Ok(Ok(answer)) => {
                if ready == Ready::Gateway {
                    // It is not well, but does it speak?
                    self.handshake(opening).await;
                }
                return Some(format!("/healthz, which answers {}", answer.status));
            }
            Ok(Err(_)) if self.target.is_link => return Some("the gateway at the far end".into()),
            Ok(Err(_)) => {
                let why = door.explain(port, self.limit).await;
                return why.map_or_else(|| Some("/healthz".into()), |why| self.mismatched(why));
            }
            Err(_) => return Some("/healthz".into()),
        }
        if ready == Ready::Http {
            return None;
        }
        self.handshake(opening).await
    }

    /// A gateway whose TLS is not what its configuration says is up all the same: the kernel has said whose it is, and
    /// another process would be no other. What does not fit is told.
    fn mismatched(&mut self, why: String) -> Option<String> {
        self.spoke = true;
        self.seen.warning = Some(why);
        None
    }

    async fn handshake(&mut self, opening: Opening) -> Option<String> {
        let credential = &self.target.credential;
        let (token, password) = (credential.token(), credential.password());
        let challenged = &mut self.seen.probe.challenge;
        let shaken = timeout(
            self.limit,
            opening.shake_hands(|_| {
                *challenged = true;
                ConnectParams::backend("supervisor:probe", &[], token, password)
            }),
        )
        .await;
        match shaken {
            Ok(Ok(gateway)) => {
                self.seen.probe.hello = true;
                self.seen.version = Some(gateway.hello.server.version.clone());
                gateway.close().await;
                None
            }
            Ok(Err(Trouble::Fault(fault))) if fault.retryable != Some(true) => {
                self.refused(&fault.message).await
            }
            Ok(Err(Trouble::Fault(fault))) => Some(fault.message),
            Ok(Err(Trouble::Foreign(why))) => Some(format!("the Gateway protocol: {why}")),
            Ok(Err(Trouble::Refused(_) | Trouble::Mistrusted(_) | Trouble::Closed(_))) | Err(_) => {
                Some(self.seen.first_missing().into())
            }
        }
    }

    /// A gateway that refuses our credential is up all the same when it says so itself; what is missing is told.
    async fn refused(&mut self, message: &str) -> Option<String> {
        match timeout(self.limit, self.target.door.get(self.target.port, "/startupz")).await {
            Ok(Ok(answer)) if answer.status == 200 => {
                self.seen.warning = Some(format!(
                    "the gateway runs but refuses the credential in its openclaw.json: {message}; restart it if \
                     the file was changed"
                ));
                None
            }
            _ => Some("/startupz".into()),
        }
    }
}
