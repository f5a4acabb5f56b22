//! `device.pair.list`: who is paired and who waits to be. Whoever came in by a device's token sees that device alone.

use serde_json::{Value, json};

use crate::gateway::devices::{self, Manager};
use crate::gateway::method::Call;
use crate::host::clock;
use crate::wire::Fault;

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let (hub, manager) = (&call.hub, Manager::of(&call.connection.grant));
    let book = hub.devices.book();
    let pending: Vec<Value> = book
        .all_waiting(clock::epoch_ms())
        .into_iter()
        .filter(|pending| manager.reaches(&pending.card.device_id))
        .map(devices::Pending::shown)
        .collect();
    let mut paired: Vec<_> =
        book.paired.values().filter(|one| manager.reaches(&one.card.device_id)).collect();
    paired.sort_by_key(|device| std::cmp::Reverse(device.approved_at_ms));
    let paired: Vec<Value> = paired
        .into_iter()
        .map(|device| device.shown(Some(devices::is_connected(hub, &device.card.device_id))))
        .collect();
    Ok(json!({ "pending": pending, "paired": paired }))
}
