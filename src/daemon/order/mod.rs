//! The orders that the control socket takes, one file each.

pub mod forget;
pub mod list;
pub mod reload;
pub mod restart;
pub mod shutdown;
pub mod start;
pub mod status;
pub mod stop;

use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::mailbox::{Order, Orders, Verb};
use super::member::View;
use crate::base::record::State;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::link::unix::Wire;
use crate::wire::control::{self, ProfileParams};
use crate::wire::{Fault, Frame};

/// Hands one profile's order to the driver and returns the way to follow it.
async fn place(orders: &Orders, verb: Verb, name: &ProfileName) -> Result<watch::Receiver<View>> {
    let (answer, placed) = oneshot::channel();
    orders.send(Order::Profile(verb, name.clone(), answer));
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

/// Orders `verb` and follows the profile until it is ready; changes are told on `wire` before the answer.
async fn bring_up(
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
        Ok(view) => until_up(wire, orders, id, view).await,
        Err(error) => Err(error),
    };
    followed.unwrap_or_else(|error| control::failure(id, &error))
}

/// Follows a profile until it is ready, or will not become so, and tells each change on the way.
async fn until_up(
    wire: &mut Wire,
    orders: &Orders,
    id: &str,
    mut view: watch::Receiver<View>,
) -> Result<Frame> {
    loop {
        let now = view.borrow_and_update().clone();
        let failed = |otherwise: &str| {
            let name = &now.status.name;
            now.error.clone().unwrap_or_else(|| {
                Error::new(Kind::Failed, "start_failed", format!("`{name}` {otherwise}")).profile(name)
            })
        };
        match now.status.state {
            State::Ready | State::Degraded => {
                orders.saved().await;
                return Ok(Frame::success(id, serde_json::to_value(&now.status).unwrap_or_default()));
            }
            State::Failed => return Ok(control::failure(id, &failed("did not start"))),
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
                return Ok(control::failure(id, &error.remedy(remedy)));
            }
            State::Stopped => return Ok(control::failure(id, &failed("was stopped meanwhile"))),
            State::Starting | State::Stopping => {
                let change = serde_json::to_value(&now.status).unwrap_or_default();
                wire.send(&Frame::event(control::PROFILE_CHANGED, change)).await?;
            }
        }
        if view.changed().await.is_err() {
            return Ok(control::failure(id, &ending()));
        }
    }
}
