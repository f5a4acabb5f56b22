//! `profile.list`: every profile that the supervisor looks after, with fresh figures.

use tokio::sync::oneshot;

use super::ending;
use crate::daemon::mailbox::{Order, Orders};
use crate::wire::{Frame, control};

/// The answer to the order.
pub async fn answer(orders: &Orders, id: &str) -> Frame {
    let (answer, listed) = oneshot::channel();
    orders.send(Order::List(answer));
    match listed.await {
        Ok(profiles) => Frame::success(id, serde_json::json!({ "profiles": profiles })),
        Err(_) => control::failure(id, &ending()),
    }
}
