//! `profile.stop`: wants a profile down and follows it until nothing of it runs.

use serde_json::Value;

use super::{ending, place, profile_of};
use crate::base::record::{Intent, State};
use crate::base::{Error, Kind};
use crate::daemon::mailbox::{Orders, Verb};
use crate::daemon::member::View;
use crate::wire::Frame;
use crate::wire::control::{self, PROFILE_STOP};

/// The answer to the order.
pub async fn answer(orders: &Orders, id: &str, params: Value) -> Frame {
    let name = match profile_of(PROFILE_STOP, params) {
        Ok(name) => name,
        Err(fault) => return Frame::failure(id, fault),
    };
    let mut view = match place(orders, Verb::Stop, &name).await {
        Ok(view) => view,
        Err(error) => return control::failure(id, &error),
    };
    let over = |view: &View| view.status.state == State::Stopped || view.status.intent == Intent::Up;
    let Ok(status) = view.wait_for(over).await.map(|view| view.status.clone()) else {
        return control::failure(id, &ending());
    };
    if status.intent == Intent::Up {
        // Somebody wants it up again: waiting for its end could take for ever.
        let what = format!("`{name}` was started again meanwhile");
        return control::failure(id, &Error::new(Kind::Failed, "stop_overtaken", what).profile(&name));
    }
    orders.saved().await;
    Frame::success(id, serde_json::to_value(status).unwrap_or_default())
}
