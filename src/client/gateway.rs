//! Asking a gateway: the one way in for every verb. [`open`] connects to a [`Target`], proves who is there, shakes
//! hands and returns a [`Session`] for calls and events; [`call`] does one call and closes. Within the command line
//! `cli::ask` fills in the target that flags, environment and files mean.
//!
//! Nothing below a state directory is opened for writing, and no credential leaves before the kernel has said who
//! listens, or the certificate who answers (invariants I4, I8).

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::explain::{Named, Stop, explain, late, starting, startup_wait};
use super::identity::Identity;
use super::keep::Keep;
use super::node::Claims;
use super::session::Session;
use super::{absent, answerer, behind};
use crate::access::{Certificate, Listener, Target};
use crate::base::{Error, Kind, Result};
use crate::host::clock::Stopwatch;
use crate::host::foreign;
use crate::host::lock::{self, Record};
use crate::host::socket::{self, Answers};
use crate::link::gateway::{Gateway, Opening, Trouble};
use crate::link::tls::Trust;
use crate::profile::{Profile, Registry};

/// How long a call may take when nothing else is asked for, as in the real program.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Somebody accepted and has gone from the port.
const CLOSED: &str = "gateway_closed";

/// One connection that is wanted.
pub struct Asking<'a> {
    /// Where, who is expected there, and what opens it.
    pub target: &'a Target,
    /// Whose gateway it is, and all profiles, among which whoever else answers is looked for; `None` for a URL.
    pub own: Option<(&'a Profile, &'a Registry<'a>)>,
    /// The scopes that the calls on it need, from [`crate::access::scope`].
    pub scopes: &'a [&'a str],
    /// What it is for, in words for people who watch the gateway.
    pub purpose: &'a str,
    /// How long connecting and the first call may take together.
    pub limit: Duration,
    /// Where this user's devices are kept; without it none is shown.
    pub keep: Option<&'a Keep>,
    /// What this machine says of itself when it comes as a node; `None` for an operator.
    pub node: Option<&'a Claims>,
    /// The caller's W3C trace context, sent along with each request.
    pub traceparent: Option<String>,
}

/// Connects, makes one call and closes.
///
/// # Errors
/// As [`open`] and [`Session::call`].
pub async fn call(asking: Asking<'_>, method: &str, params: Value) -> Result<Value> {
    let mut session = open(asking).await?;
    let answer = session.call(method, params).await;
    session.close().await;
    answer
}

/// Connects, proves who is there and shakes hands. A gateway that still starts is asked again until the time is over.
///
/// # Errors
/// [`Kind::NotRunning`] when nobody listens on this host, [`Kind::Unavailable`] when an endpoint elsewhere cannot be
/// reached or is no gateway, [`Kind::Denied`] when somebody else answers or the credential is refused,
/// [`Kind::Deadline`] when it is slow.
pub async fn open(asking: Asking<'_>) -> Result<Session> {
    let (clock, named) = (Stopwatch::start(), named(&asking));
    let waiting_for = Cell::new("the connection");
    let mut is_renewed = false;
    let mut identity = Identity::of(&asking)?;
    // What it said last of its start: then a later silence is part of that.
    let mut phase: Option<String> = None;
    loop {
        let left = asking.limit.saturating_sub(clock.elapsed());
        let fault = match timeout(left, attempt(&asking, &identity, &waiting_for)).await {
            Err(_) => {
                let late = || late(&named, waiting_for.get(), asking.limit);
                return Err(phase.map_or_else(late, |phase| starting(&named, &phase)));
            }
            Ok(Ok(gateway)) => {
                identity.welcomed(&gateway.hello);
                let mut session = Session::new(gateway, named, clock, asking.limit);
                session.trace(asking.traceparent);
                return Ok(session);
            }
            Ok(Err(Stop::Error(error))) => return Err(error),
            Ok(Err(Stop::Trouble(Trouble::Fault(fault)))) => fault,
            Ok(Err(Stop::Trouble(trouble))) => return Err(explain_own(&asking, &named, trouble).await),
        };
        if identity.refused(&fault) {
            continue;
        }
        let detail = fault.detail_code().unwrap_or_default();
        let is_expired = ["DEVICE_AUTH_SIGNATURE_EXPIRED", "DEVICE_AUTH_NONCE_MISMATCH"].contains(&detail);
        if is_expired && !is_renewed {
            is_renewed = true;
            continue;
        }
        let Some(wait) = startup_wait(&fault) else {
            return Err(explain(&named, Trouble::Fault(fault)));
        };
        if clock.elapsed() + wait >= asking.limit {
            return Err(starting(&named, &fault.message));
        }
        phase = Some(fault.message);
        sleep(wait).await;
    }
}

/// Proves who listens at an endpoint of this host before a person is sent there; that nobody does is told elsewhere.
///
/// # Errors
/// [`Kind::Denied`] when it is another user, another process than the profile's own gateway, or another profile's.
pub fn identify(asking: &Asking<'_>) -> Result<()> {
    match check_listener(asking) {
        Err(error) if error.code() != CLOSED => Err(error),
        _ => Ok(()),
    }
}

async fn attempt(
    asking: &Asking<'_>,
    identity: &Identity<'_>,
    waiting_for: &Cell<&'static str>,
) -> std::result::Result<Gateway, Stop> {
    let target = asking.target;
    let endpoint = &target.endpoint;
    waiting_for.set("the connection");
    let mut opening = Opening::reach(&endpoint.host, endpoint.port).await?;
    check_listener(asking).map_err(Stop::Error)?;
    let trust = match &target.certificate {
        Certificate::Plain => None,
        Certificate::Pinned(pins) => Some(Trust::Pins(pins.clone())),
        Certificate::Authorities => Some(Trust::Authorities),
    };
    if let Some(trust) = trust {
        waiting_for.set("the TLS handshake");
        opening = opening.secured(&endpoint.host, &trust).await?;
    }
    waiting_for.set("the handshake");
    let connect = |challenge: &_| identity.connect(asking, challenge);
    Ok(opening.path(&endpoint.path).shake_hands(connect).await?)
}

fn named(asking: &Asking<'_>) -> Named {
    let url = asking.target.endpoint.url.clone();
    let source = &asking.target.credential_source;
    match asking.own {
        Some((profile, _)) => Named {
            who: format!("the gateway of `{}`", profile.name),
            profile: Some(profile.name.clone()),
            is_own: asking.target.listener == Listener::OwnGateway,
            credential: match profile.remote {
                None => format!(
                    "compare gateway.auth in {}; restart the gateway if the file was changed",
                    profile.paths.config_path.display()
                ),
                Some(_) => format!("compare the credential ({source}) with the remote gateway's own"),
            },
            url,
        },
        None => Named {
            who: match &asking.target.beyond {
                Some(beyond) => format!("the gateway behind {beyond}"),
                None => format!("the gateway at {url}"),
            },
            profile: None,
            is_own: false,
            credential: format!("compare the credential ({source}) with that gateway's own"),
            url,
        },
    }
}

/// Asks the kernel who listens, where that can be asked: this user, and for the profile's own gateway the process that
/// a proved record names, or one of its group.
fn check_listener(asking: &Asking<'_>) -> Result<()> {
    let named = named(asking);
    let port = asking.target.endpoint.port;
    let is_own = matches!(asking.target.listener, Listener::OwnGateway | Listener::OwnLink);
    let own = asking.own.filter(|_| is_own);
    let proved = own.and_then(|(profile, _)| proved_owner(&profile.paths.state_dir));
    let answers = match asking.target.listener {
        Listener::Elsewhere => return Ok(()),
        Listener::OwnUser | Listener::OwnGateway | Listener::OwnLink => socket::who_answers(port, proved),
    };
    if let Some((profile, registry)) = own
        && !(answers == Answers::Ours && proved.is_some())
        && let Some(other) = answerer::of(registry, &profile.name, port)
    {
        return Err(answerer::refusal(profile, &other));
    }
    let whose = asking.own.map_or_else(String::new, |(profile, _)| format!(" of `{}`", profile.name));
    let impostor = |why: &str| {
        let what = format!("port {port}{whose} is held by {why}; no credential was sent");
        Error::new(Kind::Denied, "listener_foreign", what).remedy("see who it is: openclaw host status")
    };
    let is_vouched_for = proved.is_some() || !own.is_some_and(|(profile, _)| profile.managed);
    let error = match answers {
        Answers::Ours if is_vouched_for => return Ok(()),
        // A profile that we look after runs under a claim, or under the real program's own lock, or not at all.
        Answers::Ours => impostor("a process of this user that does not hold the profile"),
        // Whoever accepted has gone from the port: it can no longer be known who that was.
        Answers::Nobody => {
            let what = format!("{} stopped listening; no credential was sent", named.who);
            Error::new(Kind::Unavailable, CLOSED, what).remedy("it may be restarting; try again")
        }
        Answers::OtherUser(holder) => impostor("another user's process").holder(holder),
        Answers::OtherProcess => {
            let pid = proved.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            impostor(&format!("a process that is not its gateway{pid}"))
        }
    };
    Err(named.mark(error))
}

/// The process that owns a state directory, by what the kernel proves: the one that its record names, another that
/// holds the claim, or the real program's under its own lock.
fn proved_owner(state_dir: &Path) -> Option<u32> {
    let recorded =
        Record::read(state_dir).filter(|record| record.is_proved(state_dir)).map(|record| record.pid);
    recorded.or_else(|| lock::holder_of(state_dir)).or_else(|| foreign::owner_of(state_dir))
}

/// What went wrong, with what is known of the profile's own gateway besides.
async fn explain_own(asking: &Asking<'_>, named: &Named, trouble: Trouble) -> Error {
    let is_refused = matches!(trouble, Trouble::Refused(_));
    let is_silent = is_refused || matches!(trouble, Trouble::Foreign(_) | Trouble::Closed(_));
    if let (Some((profile, registry)), Listener::OwnLink, true) =
        (asking.own, asking.target.listener, is_silent)
    {
        let status = absent::status_soon(profile, registry).await;
        if let Some(error) = behind::explain(profile, status.as_ref(), is_refused) {
            return error;
        }
    }
    if let (Some((profile, registry)), Trouble::Refused(_), true) = (asking.own, &trouble, named.is_own)
        && let Some(error) = absent::explain(profile, registry, asking.target.endpoint.port).await
    {
        return error;
    }
    explain(named, trouble)
}
