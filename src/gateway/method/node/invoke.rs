//! `node.invoke` for operators; `node.invoke.result` and `node.invoke.progress` for the nodes that answer.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Call;
use crate::gateway::approvals;
use crate::gateway::nodes::{self, Invoke, Told, policy};
use crate::gateway::shape::{COUNT, Shape, TEXT, WORD, optional, required};
use crate::wire::Fault;

/// What an operator says.
pub const PARAMS: Shape = Shape::Object(&[
    required("nodeId", WORD),
    required("command", WORD),
    optional("params", Shape::Any),
    optional("timeoutMs", COUNT),
    required("idempotencyKey", WORD),
    optional("sessionKey", WORD),
    optional("turnSourceChannel", TEXT),
    optional("turnSourceTo", TEXT),
    optional("turnSourceAccountId", TEXT),
    optional("turnSourceThreadId", Shape::Any),
]);
/// What a node answers.
const RESULT: Shape = Shape::Object(&[
    required("id", WORD),
    required("nodeId", WORD),
    required("ok", Shape::Boolean),
    optional("payload", Shape::Any),
    optional("payloadJSON", TEXT),
    optional("error", Shape::Object(&[optional("code", WORD), optional("message", WORD)])),
]);
/// What a node shows while it is at it.
pub const PROGRESS: Shape = Shape::Object(&[
    required("invokeId", WORD),
    required("nodeId", WORD),
    required("seq", COUNT),
    required("chunk", TEXT),
]);

/// Calls a node's command.
///
/// # Errors
/// As [`nodes::invoke`], and where the command needs a scope that the caller does not have.
pub async fn call(call: Call) -> Result<Value, Fault> {
    let command = call.text("command").trim();
    policy::is_callable(command)?;
    call.connection.need(policy::scope_of(command))?;
    // Nobody is called by a name here: it could mean another one tomorrow.
    let node = call.text("nodeId").trim();
    if nodes::entry(&call.hub, node).is_none() {
        return Err(nodes::pairing_changed());
    }
    let order = Invoke {
        node: node.into(),
        command: command.into(),
        params: call.params["params"].clone(),
        timeout: call.params["timeoutMs"].as_f64().map(|millis| Duration::from_millis(millis as u64)),
        idempotency_key: call.text("idempotencyKey").into(),
        session_key: call.params["sessionKey"].as_str().map(str::to_owned),
        asker: approvals::asker(&call.connection),
    };
    nodes::invoke(&call.hub, order).await
}

/// Takes what a node answers. An answer that comes too late is acknowledged all the same.
///
/// # Errors
/// `INVALID_REQUEST` where it is malformed, or another node's.
pub fn result(call: &Call) -> Result<Value, Fault> {
    let mut params = call.params.clone();
    lenient(&mut params);
    RESULT
        .check(&params)
        .map_err(|wrong| Fault::invalid(format!("invalid node.invoke.result params: {wrong}")))?;
    super::own_node(call)?;
    let error = |key: &str| params["error"][key].as_str().map(str::to_owned);
    let told = match params["ok"].as_bool() {
        Some(true) => {
            Told::Done(json!({ "payload": params["payload"], "payloadJSON": params["payloadJSON"] }))
        }
        _ => Told::Failed(error("code"), error("message")),
    };
    let heard = nodes::result(&call.hub, &call.connection, call.text("id"), told);
    Ok(if heard { json!({ "ok": true }) } else { json!({ "ok": true, "ignored": true }) })
}

/// What some nodes write and the real gateway takes: absent parts as null, and a payload where its text belongs.
fn lenient(params: &mut Value) {
    let Some(params) = params.as_object_mut() else { return };
    params.retain(|name, value| !(value.is_null() && (name == "payloadJSON" || name == "error")));
    if params.get("payloadJSON").is_some_and(|text| !text.is_string())
        && let Some(value) = params.remove("payloadJSON")
    {
        params.entry("payload").or_insert(value);
    }
}

/// Takes a sign of progress.
///
/// # Errors
/// `INVALID_REQUEST` where it is too long, or another node's.
pub fn progress(call: &Call) -> Result<Value, Fault> {
    super::own_node(call)?;
    let heard = nodes::progress(&call.hub, &call.connection, call.text("invokeId"), call.text("chunk"))?;
    Ok(json!({ "ok": true, "ignored": !heard }))
}
