//! `device.pair.approve`: lets a device in with what it asks for. Nobody gives away a scope that they have not got.

use serde_json::{Value, json};

use super::denied;
use crate::gateway::devices::{self, Manager, Refused, Via};
use crate::gateway::method::Call;
use crate::host::clock;
use crate::wire::Fault;

const WHAT: &str = "device pairing approval";

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let (id, manager) = (call.text("requestId").trim(), Manager::of(&call.connection.grant));
    let pending = call.hub.devices.book().waiting(id, clock::epoch_ms()).cloned();
    match &pending {
        Some(pending) if !manager.may_approve(pending) => return Err(denied(WHAT, &pending.card.device_id)),
        None if !manager.admin => return Err(denied(WHAT, "unknown")),
        _ => {}
    }
    let approved = devices::approve(&call.hub, id, &manager.scopes, Via::Owner).await?;
    let device = approved.map_err(|refused| {
        Fault::invalid(match refused {
            Refused::Unknown => "unknown requestId".to_owned(),
            Refused::Outside(scope) => format!("invalid scope for requested roles: {scope}"),
            Refused::Missing(scope) => format!("missing scope: {scope}"),
        })
    })?;
    Ok(json!({ "requestId": id, "device": device.shown(None) }))
}
