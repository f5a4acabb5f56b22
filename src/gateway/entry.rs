//! From the parameters of `connect` to a grant: what the limiter says, what is decided, what a device's pairing needs.

use std::rc::Rc;
use std::time::Duration;

use super::access::Access;
use super::admission::{self, Asking, By, Denial, Grant, Guess, Peer};
use super::devices::{self, Refusal, Token};
use super::hub::Hub;
use super::throttle::{Cost, Party};
use crate::host::clock;
use crate::wire::{ConnectParams, Fault};

/// What becomes of who asks to be let in.
#[derive(Debug)]
pub enum Entry {
    /// It is let in, its device with this token.
    In(Grant, Option<Token>),
    /// It is not.
    Out {
        /// The answer.
        fault: Box<Fault>,
        /// The close code.
        code: u16,
        /// The close reason.
        close: String,
        /// How long the answer waits.
        delay: Duration,
    },
}

/// Decides.
pub async fn decide(hub: &Rc<Hub>, peer: &Peer, party: &Party, nonce: &str, params: &ConnectParams) -> Entry {
    let (access, epoch) = (hub.access(), hub.epoch());
    let (grant, pairing) = match ask(hub, &access, peer, party, nonce, params) {
        Ok(admitted) => admitted,
        Err(denial) => return denied(hub, party, denial),
    };
    let guess = if grant.by == By::DeviceToken { Guess::DeviceToken } else { Guess::Secret };
    hub.throttle().succeeded(party, guess);
    let token = match devices::admit(hub, params, &grant, peer, pairing).await {
        Ok(token) => token,
        Err(Refusal { fault, close }) => return out(*fault, 1008, close, Duration::ZERO),
    };
    // Pairing waits for the disk. Whoever lost the right to come in meanwhile is not let in by the earlier answer.
    let lost = if grant.by.is_shared() {
        (epoch != hub.epoch()).then(|| (Fault::invalid("gateway auth changed"), 4001))
    } else {
        let again = ask(hub, &hub.access(), peer, party, nonce, params);
        again.err().map(|denial| (denial.fault, denial.code))
    };
    match lost {
        Some((fault, code)) => {
            let close = fault.message.clone();
            out(fault, code, close, Duration::ZERO)
        }
        None => Entry::In(grant, token),
    }
}

fn ask(
    hub: &Hub,
    access: &Access,
    peer: &Peer,
    party: &Party,
    nonce: &str,
    params: &ConnectParams,
) -> Result<(Grant, admission::Pairing), Denial> {
    let now = hub.moment();
    let locked = |guess| hub.throttle().locked(party, guess, now).map(|left| left.as_millis() as u64);
    admission::admit(&Asking {
        params,
        peer,
        access,
        book: &hub.devices.book(),
        nonce,
        now_ms: clock::epoch_ms(),
        locked_ms: locked(Guess::Secret),
        token_locked_ms: locked(Guess::DeviceToken),
    })
}

/// A refusal, with what the guesses in it cost.
fn denied(hub: &Hub, party: &Party, denial: Denial) -> Entry {
    let Denial { fault, code, guessed } = denial;
    let costs =
        guessed.into_iter().flatten().map(|guess| match hub.throttle().failed(party, guess, hub.moment()) {
            Cost::Delay(delay) => delay,
            Cost::Nothing => Duration::ZERO,
        });
    let delay = costs.max().unwrap_or_default();
    let close = fault.message.clone();
    out(fault, code, close, delay)
}

fn out(fault: Fault, code: u16, close: String, delay: Duration) -> Entry {
    Entry::Out { fault: Box::new(fault), code, close, delay }
}
