//! `device.pair.remove`: ends a pairing with all its tokens; its connections are closed.

use serde_json::{Value, json};

use super::denied;
use crate::gateway::devices::{self, Manager};
use crate::gateway::method::Call;
use crate::gateway::nodes;
use crate::wire::Fault;

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let (id, manager) = (call.text("deviceId").trim(), Manager::of(&call.connection.grant));
    let change = {
        let book = call.hub.devices.book();
        if !manager.may_change(id, book.paired.get(id)) {
            return Err(denied("device pairing removal", id));
        }
        devices::remove(&book, id).ok_or_else(|| Fault::invalid("unknown deviceId"))?
    };
    call.hub.devices.commit(&call.hub.store, change).await?;
    nodes::forget(&call.hub, id);
    devices::disconnect(&call.hub, id, None, &call.connection.id);
    tracing::info!(target: "gateway/devices", device = id, "the pairing is removed");
    Ok(json!({ "deviceId": id }))
}
