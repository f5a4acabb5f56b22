//! `profile.stop`: wants a profile down and follows it until nothing of it runs.

use serde_json::Value;

use super::carry_out;
use crate::daemon::mailbox::{Orders, Verb};
use crate::link::unix::Wire;
use crate::wire::Frame;
use crate::wire::control::PROFILE_STOP;

/// The answer to the order.
pub async fn answer(wire: &mut Wire, orders: &Orders, id: &str, params: Value) -> Frame {
    carry_out(wire, orders, Verb::Stop, PROFILE_STOP, id, params).await
}
