//! `supervisor.status`: the supervisor itself.

use tokio::sync::oneshot;

use super::ending;
use crate::daemon::mailbox::{Order, Orders};
use crate::wire::{Frame, control};

/// The answer to the order.
pub async fn answer(orders: &Orders, id: &str) -> Frame {
    let (answer, told) = oneshot::channel();
    orders.send(Order::Status(answer));
    match told.await {
        Ok(status) => Frame::success(id, serde_json::to_value(status).unwrap_or_default()),
        Err(_) => control::failure(id, &ending()),
    }
}
