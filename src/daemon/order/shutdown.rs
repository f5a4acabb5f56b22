//! `supervisor.stop`: stops every gateway and ends the supervisor. The caller sees the end when the
//! connection closes.

use crate::daemon::mailbox::{Order, Orders};
use crate::wire::Frame;

/// The answer to the order.
pub fn answer(orders: &Orders, id: &str) -> Frame {
    orders.send(Order::Shutdown);
    Frame::success(id, serde_json::json!({ "stopping": true }))
}
