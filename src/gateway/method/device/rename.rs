//! `device.pair.rename`: what the owner calls a device.

use serde_json::{Value, json};

use super::denied;
use crate::gateway::devices::{Change, Manager};
use crate::gateway::hub::Announcement;
use crate::gateway::method::Call;
use crate::gateway::scope;
use crate::wire::Fault;

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let (id, label) = (call.text("deviceId").trim(), call.text("label").trim());
    if label.is_empty() {
        return Err(Fault::invalid("label required"));
    }
    let manager = Manager::of(&call.connection.grant);
    let device = call.hub.devices.book().paired.get(id).cloned();
    if !manager.may_change(id, device.as_ref()) {
        return Err(denied("device pairing rename", id));
    }
    let mut device = device.ok_or_else(|| Fault::invalid("unknown deviceId"))?;
    device.operator_label = Some(label.to_owned());
    call.hub.devices.commit(&call.hub.store, Change::of_device(device)).await?;
    call.hub.announce(Announcement::new("device.pair.changed", Some(scope::PAIRING), &json!({})));
    Ok(json!({ "deviceId": id, "label": label }))
}
