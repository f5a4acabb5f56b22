//! `profile.list`: every profile that the supervisor looks after, or one of them, with fresh figures.

use serde_json::Value;
use tokio::sync::oneshot;

use super::ending;
use crate::daemon::mailbox::{Order, Orders};
use crate::wire::Frame;
use crate::wire::control::{self, ListParams, PROFILE_LIST};

/// The answer to the order.
pub async fn answer(orders: &Orders, id: &str, params: Value) -> Frame {
    let of = match control::params::<ListParams>(PROFILE_LIST, params) {
        Ok(params) => params.name,
        Err(fault) => return Frame::failure(id, fault),
    };
    let (answer, listed) = oneshot::channel();
    orders.send(Order::List(of, answer));
    match listed.await {
        Ok(profiles) => Frame::success(id, serde_json::json!({ "profiles": profiles })),
        Err(_) => control::failure(id, &ending()),
    }
}
