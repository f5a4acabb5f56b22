//! `gateway.identity.get`: the gateway's own public key.

use serde_json::{Value, json};

use crate::gateway::method::Call;
use crate::wire::{Fault, fault};

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    call.hub.devices.ready(&call.hub.store).await?;
    let key = call.hub.devices.key().ok_or_else(|| Fault::new(fault::UNAVAILABLE, "there is no key now"))?;
    Ok(json!({ "deviceId": key.id(), "publicKey": key.public_key() }))
}
