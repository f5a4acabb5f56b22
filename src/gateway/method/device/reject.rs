//! `device.pair.reject`: turns a request down. The device may ask again.

use serde_json::{Value, json};

use super::denied;
use crate::gateway::devices::{self, Manager};
use crate::gateway::method::Call;
use crate::host::clock;
use crate::wire::Fault;

const WHAT: &str = "device pairing rejection";

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let (id, manager) = (call.text("requestId").trim(), Manager::of(&call.connection.grant));
    let found = devices::reject(&call.hub.devices.book(), id, clock::epoch_ms());
    let (pending, change) = match found {
        Some((pending, _)) if !manager.reaches(&pending.card.device_id) => {
            return Err(denied(WHAT, &pending.card.device_id));
        }
        Some(found) => found,
        None if manager.is_bound() => return Err(denied(WHAT, "unknown")),
        None => return Err(Fault::invalid("unknown requestId")),
    };
    call.hub.devices.commit(&call.hub.store, change).await?;
    let device = pending.card.device_id;
    devices::resolved(&call.hub, id, &device, "rejected");
    Ok(json!({ "requestId": id, "deviceId": device }))
}
