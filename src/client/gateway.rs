//! Asking a profile's gateway on this host. Nothing below its state directory is opened for writing, and no
//! credential leaves before the kernel has said who listens (invariants I4, I8).

use std::cell::Cell;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::answerer;
use crate::access::Credential;
use crate::base::{Error, Kind, Result};
use crate::host::lock::Record;
use crate::host::socket::{self, Answers};
use crate::link::gateway::{Opening, Trouble};
use crate::profile::{Profile, Registry};
use crate::wire::{ConnectParams, Fault};

/// How long a call may take when nothing else is asked for, as in the real program.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The least scopes that `method` needs, as far as this program knows it (OPENCLAW.md 4.10). One that it does
/// not know is asked with the right to read; the gateway says what it needs more.
pub fn scopes_for(method: &str) -> &'static [&'static str] {
    match method {
        "health" => &[],
        _ => &["operator.read"],
    }
}

/// One call of one method on a connection of its own.
pub struct Call<'a> {
    /// Whose gateway.
    pub profile: &'a Profile,
    /// All profiles, among which whoever else answers is looked for.
    pub registry: &'a Registry<'a>,
    /// What opens it.
    pub credential: &'a Credential,
    /// The method.
    pub method: &'a str,
    /// Its parameters.
    pub params: Value,
    /// The least scopes that it needs.
    pub scopes: &'a [&'a str],
    /// How long it may take, handshake included.
    pub timeout: Duration,
}

/// Makes the call.
///
/// # Errors
/// [`Kind::NotRunning`] when nobody listens, [`Kind::Denied`] when somebody else does or the credential is
/// refused, [`Kind::Deadline`], [`Kind::Unavailable`], or [`Kind::Failed`] for a failed call.
pub async fn call(call: Call<'_>) -> Result<Value> {
    let waiting_for = Cell::new("the connection");
    let exchange = async {
        let opening = Opening::to(call.profile.port).await.map_err(|trouble| explain(&call, trouble))?;
        check_listener(&call)?;
        waiting_for.set("the handshake");
        let connect = |_: &_| {
            let (token, password) = (call.credential.token(), call.credential.password());
            ConnectParams::backend(&format!("cli:{}", call.method), call.scopes, token, password)
        };
        let gateway = opening.shake_hands(connect).await;
        let mut gateway = gateway.map_err(|trouble| explain(&call, trouble))?;
        waiting_for.set(call.method);
        let answer = gateway.call(call.method, call.params.clone()).await;
        gateway.close().await;
        answer.map_err(|trouble| explain(&call, trouble))
    };
    timeout(call.timeout, exchange).await.unwrap_or_else(|_| Err(late(&call, waiting_for.get())))
}

fn late(call: &Call<'_>, waiting_for: &str) -> Error {
    let (name, limit) = (&call.profile.name, call.timeout.as_millis());
    let what = format!("the gateway of `{name}` did not answer {waiting_for} within {limit} ms");
    Error::new(Kind::Deadline, "gateway_slow", what)
        .profile(name)
        .remedy("it runs but is slow; try again with a longer --timeout")
}

/// Asks the kernel who listens on the profile's port: this user, and where a proved record names the
/// gateway's process, that process or one of its group.
fn check_listener(call: &Call<'_>) -> Result<()> {
    let profile = call.profile;
    let impostor = |holder: Option<crate::base::record::Holder>, why: &str| {
        let error = Error::new(
            Kind::Denied,
            "listener_foreign",
            format!("port {} of `{}` is held by {why}; no credential was sent", profile.port, profile.name),
        )
        .profile(&profile.name)
        .remedy("see who it is: openclaw host status");
        match holder {
            Some(holder) => error.holder(holder),
            None => error,
        }
    };
    let state_dir = &profile.paths.state_dir;
    let gateway =
        Record::read(state_dir).filter(|record| record.is_proved(state_dir)).map(|record| record.pid);
    let answers = socket::who_answers(profile.port, gateway);
    let own = answers == Answers::Ours && gateway.is_some();
    if !own && let Some(other) = answerer::of(call.registry, &profile.name, profile.port) {
        return Err(answerer::refusal(profile, &other));
    }
    match answers {
        Answers::Ours => Ok(()),
        // Whoever accepted has gone from the port: it can no longer be known who that was.
        Answers::Nobody => Err(Error::new(
            Kind::Unavailable,
            "gateway_closed",
            format!("the gateway of `{}` stopped listening; no credential was sent", profile.name),
        )
        .profile(&profile.name)
        .remedy("it may be restarting; try again")),
        Answers::OtherUser(holder) => Err(impostor(Some(holder), "another user's process")),
        Answers::OtherProcess => {
            let pid = gateway.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            Err(impostor(None, &format!("a process that is not its gateway{pid}")))
        }
    }
}

/// What went wrong, in the program's own words and exit codes.
fn explain(call: &Call<'_>, trouble: Trouble) -> Error {
    let profile = call.profile;
    let (name, port) = (&profile.name, profile.port);
    let unavailable =
        |code: &'static str, message: String| Error::new(Kind::Unavailable, code, message).profile(name);
    match trouble {
        Trouble::Refused(_) if let Some(other) = answerer::other_port(profile) => {
            let message = format!("the gateway of `{name}` runs on port {other}, and its files say {port}");
            unavailable("gateway_elsewhere", message)
                .remedy("end it where it was started, then start it on the port that its files say")
        }
        Trouble::Refused(why) => Error::new(
            Kind::NotRunning,
            "gateway_not_running",
            format!("the gateway of `{name}` does not run: nobody listens on 127.0.0.1:{port}"),
        )
        .profile(name)
        .caused_by(why)
        .remedy(format!("openclaw profile start {name}")),
        Trouble::Foreign(why) => {
            unavailable("gateway_foreign", format!("what listens on 127.0.0.1:{port} is no gateway: {why}"))
        }
        Trouble::Closed(close) => {
            let reason = close.map(|(code, reason)| format!(" ({code} {reason})")).unwrap_or_default();
            unavailable("gateway_closed", format!("the gateway of `{name}` closed the connection{reason}"))
                .remedy("it may be restarting; try again")
        }
        Trouble::Fault(fault) => explain_fault(call, &fault),
    }
}

fn explain_fault(call: &Call<'_>, fault: &Fault) -> Error {
    let name = &call.profile.name;
    let config = call.profile.paths.config_path.display();
    let detail = fault.detail_code().unwrap_or_default();
    let refused = detail.starts_with("AUTH_") || detail.starts_with("DEVICE_") || fault.code == "NOT_PAIRED";
    if refused {
        return Error::new(
            Kind::Denied,
            "gateway_auth_refused",
            format!("the gateway of `{name}` refused the credential: {}", fault.message),
        )
        .profile(name)
        .remedy(format!("compare gateway.auth in {config}; restart the gateway if the file was changed"));
    }
    if fault.code == crate::wire::fault::FORBIDDEN {
        return Error::new(Kind::Denied, "gateway_forbidden", fault.message.clone()).profile(name);
    }
    if fault.retryable == Some(true) {
        return Error::new(
            Kind::Unavailable,
            "gateway_starting",
            format!("the gateway of `{name}` is not ready: {}", fault.message),
        )
        .profile(name)
        .remedy("try again in a moment");
    }
    Error::new(Kind::Failed, "gateway_request_failed", fault.message.clone()).profile(name)
}
