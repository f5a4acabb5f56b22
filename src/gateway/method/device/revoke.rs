//! `device.token.revoke`: a device's token opens nothing any more; its connections end.

use serde_json::{Value, json};

use super::{denied, token_denied};
use crate::gateway::devices::{self, Manager};
use crate::gateway::method::Call;
use crate::host::clock;
use crate::wire::Fault;

const WHAT: &str = "device token revocation";

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let (id, role) = (call.text("deviceId").trim(), call.text("role").trim());
    let manager = Manager::of(&call.connection.grant);
    if !manager.may_change_token(id, role) {
        return Err(denied(WHAT, id));
    }
    let now = clock::epoch_ms();
    let revoked = devices::revoke(&call.hub.devices.book(), id, role, manager.bound(role), now);
    let (token, change) = revoked.map_err(|why| token_denied(WHAT, id, &why))?;
    call.hub.devices.commit(&call.hub.store, change).await?;
    devices::disconnect(&call.hub, id, Some(role), &call.connection.id);
    tracing::info!(target: "gateway/devices", device = id, role, "the token is revoked");
    Ok(json!({ "deviceId": id, "role": role, "revokedAtMs": token.revoked_at_ms }))
}
