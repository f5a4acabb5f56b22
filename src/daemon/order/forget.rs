//! `profile.forget`: lets go of a profile that is about to be removed, its intent on disk included. Without this
//! order a running supervisor would go on counting it, and write its record again.

use serde_json::Value;
use tokio::sync::oneshot;

use super::{ending, profile_of};
use crate::daemon::mailbox::{Order, Orders};
use crate::wire::Frame;
use crate::wire::control::{self, PROFILE_FORGET};

/// The answer to the order; refused while the profile runs or is about to.
pub async fn answer(orders: &Orders, id: &str, params: Value) -> Frame {
    let name = match profile_of(PROFILE_FORGET, params) {
        Ok(name) => name,
        Err(fault) => return Frame::failure(id, fault),
    };
    let (answer, forgotten) = oneshot::channel();
    orders.send(Order::Forget(name.clone(), answer));
    match forgotten.await {
        Ok(Ok(())) => {
            orders.saved().await;
            Frame::success(id, serde_json::json!({ "forgotten": name }))
        }
        Ok(Err(error)) => control::failure(id, &error),
        Err(_) => control::failure(id, &ending()),
    }
}
