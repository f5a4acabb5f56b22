//! `profile.restart`: wants a new run of a profile and follows it until that is ready. Concurrent ones
//! share one new run.

use serde_json::Value;

use super::carry_out;
use crate::daemon::mailbox::{Orders, Verb};
use crate::link::unix::Wire;
use crate::wire::Frame;
use crate::wire::control::PROFILE_RESTART;

/// The answer to the order; changes are told on `wire` before it.
pub async fn answer(wire: &mut Wire, orders: &Orders, id: &str, params: Value) -> Frame {
    carry_out(wire, orders, Verb::Restart, PROFILE_RESTART, id, params).await
}
