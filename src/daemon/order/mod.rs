//! The orders that the control socket takes, one file each.

pub mod all;
pub mod conflicts;
pub mod forget;
pub mod give_way;
pub mod list;
pub mod logs;
pub mod reload;
pub mod restart;
pub mod rollback;
pub mod shutdown;
pub mod start;
pub mod status;
pub mod stop;
pub mod watch;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::sync::watch::Receiver;

use super::after;
use super::linked;
use super::mailbox::{Order, Orders, Verb};
use super::member::View;
use crate::base::record::{Intent, ProfileStatus, State};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::link::unix::Wire;
use crate::wire::control::{self, ProfileParams};
use crate::wire::{Fault, Frame};

/// Hands one profile's order to the driver and returns the way to follow it.
async fn place(orders: &Orders, verb: Verb, name: &ProfileName) -> Result<Receiver<View>> {
    let (setup, whose) = (orders.setup(), name.clone());
    let after = tokio::task::spawn_blocking(move || after::of(&setup, &whose)).await;
    place_after(orders, verb, name, after.unwrap_or_default()).await
}

/// The same for one that comes up after those of `after`.
async fn place_after(
    orders: &Orders,
    verb: Verb,
    name: &ProfileName,
    after: Vec<ProfileName>,
) -> Result<Receiver<View>> {
    let (answer, placed) = oneshot::channel();
    orders.send(Order::Profile(verb, name.clone(), after, answer));
    placed.await.map_err(|_| ending())?
}

/// The supervisor ends before it could answer.
pub fn ending() -> Error {
    Error::new(Kind::Unavailable, "supervisor_stopping", "the supervisor is stopping")
        .remedy("repeat the command once it has ended")
}

/// Reads which profile is meant.
fn profile_of(method: &str, params: Value) -> std::result::Result<ProfileName, Fault> {
    control::params::<ProfileParams>(method, params).map(|params| params.name)
}

/// Orders `verb` and follows the profile until that is done; changes are told on `wire` before the answer.
async fn carry_out(
    wire: &mut Wire,
    orders: &Orders,
    verb: Verb,
    method: &str,
    id: &str,
    params: Value,
) -> Frame {
    let name = match profile_of(method, params) {
        Ok(name) => name,
        Err(fault) => return Frame::failure(id, fault),
    };
    let followed = match place(orders, verb, &name).await {
        Ok(view) => follow(wire, verb, &name, view).await.and_then(|followed| followed),
        Err(error) => Err(error),
    };
    match followed {
        Ok(status) => {
            orders.saved().await;
            Frame::success(id, serde_json::to_value(&status).unwrap_or_default())
        }
        Err(error) => control::failure(id, &error),
    }
}

/// Follows a profile until it is what `verb` asked for, or will not become so, and tells each change on the way.
///
/// # Errors
/// When `wire` fails; what became of the profile otherwise is the inner outcome.
async fn follow(
    wire: &mut Wire,
    verb: Verb,
    name: &ProfileName,
    view: Receiver<View>,
) -> Result<Result<ProfileStatus>> {
    match verb {
        Verb::Start | Verb::Restart => until_up(wire, view).await,
        Verb::Stop => until_down(wire, name, view).await,
    }
}

/// Follows a profile until it is ready, or will not become so.
async fn until_up(wire: &mut Wire, mut view: Receiver<View>) -> Result<Result<ProfileStatus>> {
    loop {
        let now = view.borrow_and_update().clone();
        let failed = |otherwise: &str| {
            let name = &now.status.name;
            now.error.clone().unwrap_or_else(|| {
                Error::new(Kind::Failed, "start_failed", format!("`{name}` {otherwise}")).profile(name)
            })
        };
        match now.status.state {
            State::Ready | State::Degraded => return Ok(linked::reached(now.status)),
            State::Failed => return Ok(Err(failed("did not start"))),
            State::Backoff => {
                let error = failed("ended while it started");
                let remedy = format!(
                    "the supervisor tries again; see openclaw profile logs {0}, end it with openclaw profile stop {0}",
                    now.status.name
                );
                let remedy = match error.remedy_text().and_then(|known| known.split_once("; or go back")) {
                    Some((_, way)) => format!("{remedy}; or go back{way}"),
                    None => remedy,
                };
                return Ok(Err(error.remedy(remedy)));
            }
            State::Stopped => return Ok(Err(failed("was stopped meanwhile"))),
            State::Starting | State::Stopping => {
                let change = serde_json::to_value(&now.status).unwrap_or_default();
                wire.send(&Frame::event(control::PROFILE_CHANGED, change)).await?;
            }
        }
        if view.changed().await.is_err() {
            return Ok(Err(ending()));
        }
    }
}

/// Follows a profile until nothing of it runs.
async fn until_down(
    wire: &mut Wire,
    name: &ProfileName,
    mut view: Receiver<View>,
) -> Result<Result<ProfileStatus>> {
    loop {
        let status = view.borrow_and_update().status.clone();
        if status.intent == Intent::Up {
            // Somebody wants it up again: waiting for its end could take for ever.
            let what = format!("`{name}` was started again meanwhile");
            return Ok(Err(Error::new(Kind::Failed, "stop_overtaken", what).profile(name)));
        }
        if status.state == State::Stopped {
            return Ok(Ok(status));
        }
        if view.changed().await.is_err() {
            return Ok(Err(ending()));
        }
        let change = view.borrow().status.clone();
        if change.state == State::Stopping {
            let change = serde_json::to_value(&change).unwrap_or_default();
            wire.send(&Frame::event(control::PROFILE_CHANGED, change)).await?;
        }
    }
}
