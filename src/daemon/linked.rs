//! What the supervisor knows of a remote profile's link besides what it knows of any run.

use super::live::Live;
use crate::base::record::{LinkStatus, ProfileStatus, State};
use crate::base::{Error, Kind, Result};
use crate::host::clock::epoch_ms;
use crate::host::process;
use crate::profile::resolved::Transport;
use crate::profile::tunnel;

/// The life of a link over all its runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linked {
    /// When a handshake with the gateway behind it last succeeded, in milliseconds since the epoch.
    pub last_handshake_at_ms: Option<u64>,
    /// While it waits for its next attempt: when that is, in milliseconds since the epoch.
    pub next_attempt_at_ms: Option<u64>,
}

impl Linked {
    /// Notes that a handshake succeeded just now.
    pub fn shaken(&mut self) {
        self.last_handshake_at_ms = Some(epoch_ms());
    }

    /// Completes `link`, which the profile's files have begun. `error` is what the last run died of.
    pub fn complete(&self, link: &mut LinkStatus, state: State, live: Option<&Live>, error: Option<&Error>) {
        link.last_handshake_at_ms = self.last_handshake_at_ms;
        link.next_attempt_at_ms = self.next_attempt_at_ms.filter(|_| state == State::Backoff);
        link.last_error = error.map(|error| error.message().to_owned());
        let Some(live) = live.filter(|live| live.ended.is_none()) else { return };
        link.pid = Some(live.pid);
        link.local_port = live.record.port;
        link.up = state == State::Ready && live.seen.as_ref().is_some_and(|seen| seen.probe.hello);
        // Of this program's own forwarder the system does not count what passes.
        link.bytes = process::bytes_moved(live.pid).filter(|_| link.transport == Transport::Ssh.as_str());
        if let (false, Some(wrong)) = (link.up, wrong(live)) {
            link.last_error = Some(wrong);
        }
    }
}

/// What is wrong with a link that runs and is not up: what its client says, else what the probe misses.
pub fn wrong(live: &Live) -> Option<String> {
    let told = live.capture.since(live.heard);
    let trouble = tunnel::trouble(told.iter().map(String::as_str)).map(|trouble| trouble.line);
    let missing = || live.seen.as_ref()?.waiting_for.as_ref().map(|missing| format!("no answer: {missing}"));
    trouble.or_else(missing)
}

/// A profile that runs, unless it is a link with nothing behind it: then the error that says so.
///
/// # Errors
/// [`Kind::Unavailable`], code `remote_gateway_down`.
pub fn reached(status: ProfileStatus) -> Result<ProfileStatus> {
    let Some(link) = status.link.as_ref().filter(|link| !link.up) else { return Ok(status) };
    let message = format!("the link of `{}` stands, but no gateway answers at its far end", status.name);
    let error = Error::new(Kind::Unavailable, "remote_gateway_down", message);
    let error = match &link.last_error {
        Some(why) => error.caused_by(why),
        None => error,
    };
    Err(error.remedy("start the gateway there; it is found by itself then"))
}
