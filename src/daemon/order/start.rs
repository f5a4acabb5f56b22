//! `profile.start`: wants a profile up and follows it until it is ready. Joins a start that is under way.

use serde_json::Value;

use super::carry_out;
use crate::daemon::mailbox::{Orders, Verb};
use crate::link::unix::Wire;
use crate::wire::Frame;
use crate::wire::control::PROFILE_START;

/// The answer to the order; changes are told on `wire` before it.
pub async fn answer(wire: &mut Wire, orders: &Orders, id: &str, params: Value) -> Frame {
    carry_out(wire, orders, Verb::Start, PROFILE_START, id, params).await
}
