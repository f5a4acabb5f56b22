//! `profile.stop`: wants a profile down and follows it until nothing of it runs.

use serde_json::Value;

use super::{ending, place, profile_of};
use crate::base::record::{Intent, State};
use crate::base::{Error, Kind, Result};
use crate::daemon::mailbox::{Orders, Verb};
use crate::link::unix::Wire;
use crate::wire::Frame;
use crate::wire::control::{self, PROFILE_STOP};

/// The answer to the order; how it gets on is told on `wire` before it.
///
/// # Errors
/// When nobody listens any more; the stop goes on.
pub async fn answer(wire: &mut Wire, orders: &Orders, id: &str, params: Value) -> Result<Frame> {
    let name = match profile_of(PROFILE_STOP, params) {
        Ok(name) => name,
        Err(fault) => return Ok(Frame::failure(id, fault)),
    };
    let mut view = match place(orders, Verb::Stop, &name).await {
        Ok(view) => view,
        Err(error) => return Ok(control::failure(id, &error)),
    };
    let status = loop {
        let status = view.borrow_and_update().status.clone();
        if status.state == State::Stopped || status.intent == Intent::Up {
            break status;
        }
        if view.changed().await.is_err() {
            return Ok(control::failure(id, &ending()));
        }
        let change = view.borrow().status.clone();
        if change.state == State::Stopping {
            let change = serde_json::to_value(&change).unwrap_or_default();
            wire.send(&Frame::event(control::PROFILE_CHANGED, change)).await?;
        }
    };
    if status.intent == Intent::Up {
        // Somebody wants it up again: waiting for its end could take for ever.
        let what = format!("`{name}` was started again meanwhile");
        return Ok(control::failure(id, &Error::new(Kind::Failed, "stop_overtaken", what).profile(&name)));
    }
    orders.saved().await;
    Ok(Frame::success(id, serde_json::to_value(status).unwrap_or_default()))
}
