//! `device.token.rotate`: replaces a device's token. The new one is told to that device alone; its connections end.

use serde_json::{Value, json};

use super::{denied, token_denied};
use crate::gateway::devices::{self, Manager};
use crate::gateway::method::Call;
use crate::host::clock;
use crate::wire::Fault;

const WHAT: &str = "device token rotation";

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let (id, role) = (call.text("deviceId").trim(), call.text("role").trim());
    let manager = Manager::of(&call.connection.grant);
    if !manager.may_change_token(id, role) {
        return Err(denied(WHAT, id));
    }
    let words = |list: &Vec<Value>| list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
    let scopes: Option<Vec<String>> = call.params["scopes"].as_array().map(words);
    let (fresh, now) = (devices::fresh()?, clock::epoch_ms());
    let bound = manager.bound(role);
    let rotated = devices::rotate(&call.hub.devices.book(), id, role, scopes.as_deref(), bound, &fresh, now);
    let (token, change) = rotated.map_err(|why| token_denied(WHAT, id, &why))?;
    call.hub.devices.commit(&call.hub.store, change).await?;
    devices::disconnect(&call.hub, id, Some(role), &call.connection.id);
    let mut answer = json!({
        "deviceId": id, "role": role, "scopes": token.scopes, "rotatedAtMs": token.issued_at_ms(),
        "tokenDelivery": "withheld-cross-device",
    });
    if manager.may_learn(id) {
        answer["token"] = json!(token.token);
        answer["tokenDelivery"] = json!("in-band");
    }
    Ok(answer)
}
