//! A call on a node, from whoever asks to what the node answers (OPENCLAW.md 6.2). The call belongs to nobody's connection:
//! who asked may go and come again under the same key.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::timeout;
use uuid::Uuid;

use super::book::Live;
use super::calls::{Key, Outcome, Told, Waiting};
use super::order::{self, Patience};
use super::policy::{self, Machine};
use super::{pairing_changed, surface, work};
use crate::gateway::approvals::{self, Asker};
use crate::gateway::hub::Hub;
use crate::wire::{Fault, fault};

/// A call on a node.
#[derive(Clone, Debug)]
pub struct Invoke {
    /// The node's id, or its name where only one has it.
    pub node: String,
    /// The command.
    pub command: String,
    /// Its parameters; null for none.
    pub params: Value,
    /// How long it may take: nothing for the usual 30 s, zero for as long as the node shows progress.
    pub timeout: Option<Duration>,
    /// The same key joins the same call, for five minutes after its end.
    pub idempotency_key: String,
    /// The session that it is for.
    pub session_key: Option<String>,
    /// Who calls, whose approvals it may use.
    pub asker: Asker,
}

/// Calls a command of a node and waits for what it answers: `{ok, nodeId, command, payload, payloadJSON}`. Who may do
/// that has been asked before.
///
/// # Errors
/// What stands in the way, in the forms of the real gateway: policy, pairing, absence, time, or the node's own error.
pub async fn invoke(hub: &Rc<Hub>, order: Invoke) -> Result<Value, Fault> {
    policy::is_callable(&order.command)?;
    let node = hub.nodes.book.borrow().find(&order.node).map(str::to_owned).ok_or_else(pairing_changed)?;
    let key = (node, order.idempotency_key.clone());
    let fingerprint = order::fingerprint(&order.command, &order.params);
    let joined = hub.nodes.calls.borrow().join(&key, &fingerprint)?;
    let mut outcome = match joined {
        Some(outcome) => outcome,
        None => start(hub, key, fingerprint, order)?,
    };
    let ended = outcome.wait_for(Option::is_some).await;
    let ended = ended.ok().and_then(|ended| ended.clone());
    ended.map_or_else(|| Err(Fault::new(fault::UNAVAILABLE, "gateway stopping")), |ended| (*ended).clone())
}

/// A call that is on its way.
struct Trip {
    hub: Rc<Hub>,
    live: Live,
    id: String,
    key: Key,
    command: String,
    params: Value,
    patience: Patience,
}

/// Checks everything that can be checked, and sends the call on its way.
fn start(hub: &Rc<Hub>, key: Key, fingerprint: [u8; 32], order: Invoke) -> Result<Outcome, Fault> {
    let live = permitted(hub, &key.0, &order.command)?;
    hub.nodes.calls.borrow().has_room(&key.0)?;
    let params = params(hub, &key.0, &order)?;
    let id = Uuid::new_v4().to_string();
    let waiting = hub.nodes.calls.borrow_mut().open(&id, &key.0, &live.connection);
    let (ended, outcome) = watch::channel(None);
    hub.nodes.calls.borrow_mut().keep(key.clone(), fingerprint, outcome.clone());
    let session = order.session_key.as_deref();
    tracing::info!(target: "gateway/nodes", node = key.0, command = order.command, call = id, session, "called");
    let patience = Patience::of(order.timeout);
    let trip = Trip { hub: Rc::clone(hub), live, id, key, command: order.command, params, patience };
    spawn_local(async move {
        let result = trip.run(waiting).await;
        let bytes = result.as_ref().map_or(0, |payload| payload.to_string().len());
        ended.send_replace(Some(Rc::new(result)));
        let now = trip.hub.moment();
        trip.hub.nodes.calls.borrow_mut().ended(trip.key, bytes, now);
    });
    Ok(outcome)
}

/// What goes to the node. An approval is used last, once nothing else stands in the way.
fn params(hub: &Rc<Hub>, node: &str, order: &Invoke) -> Result<Value, Fault> {
    let params = order::params(&order.command, &order.params, &Uuid::new_v4().to_string());
    match params {
        Value::Object(params) if order.command == order::RUN && approvals::is_claimed(&order.params) => {
            approvals::redeem(hub, &order.asker, node, &order.params, params)
        }
        params => Ok(params),
    }
}

/// The connection on which the command may be called now.
fn permitted(hub: &Hub, node: &str, command: &str) -> Result<Live, Fault> {
    let book = hub.nodes.book.borrow();
    let known = book.known(node).filter(|known| known.approved.is_some()).ok_or_else(pairing_changed)?;
    let live = book.live(node).ok_or_else(not_connected)?;
    let usable = known.usable(&live.claims);
    let machine = Machine {
        platform: &known.client.platform,
        family: known.client.device_family.as_deref().unwrap_or_default(),
        talks: surface::talks(&usable.caps, &usable.commands),
    };
    policy::judge(machine, &hub.embedded().nodes, &usable.commands, command)?;
    Ok(live.clone())
}

impl Trip {
    async fn run(&self, waiting: Waiting) -> Result<Value, Fault> {
        let (node, key) = &self.key;
        let asks = order::request(&self.id, node, &self.command, &self.params, self.patience, key);
        let told = if self.live.connection.tell("node.invoke.request", asks) {
            self.wait(waiting).await
        } else {
            Told::Failed(Some("DISCONNECTED".into()), None)
        };
        self.hub.nodes.calls.borrow_mut().close(&self.id);
        match told {
            Told::Done(result) => Ok(self.answer(&result)),
            Told::Failed(code, message) => Err(self.failure(code, message)),
        }
    }

    /// Waits for the node, as long as the call may take.
    async fn wait(&self, Waiting { mut done, stirred }: Waiting) -> Told {
        let (Patience::Until(wait) | Patience::Silent(wait)) = self.patience;
        let stirs = matches!(self.patience, Patience::Silent(_));
        loop {
            let heard = async {
                tokio::select! {
                    told = &mut done => Some(told),
                    () = stirred.notified(), if stirs => None,
                }
            };
            match timeout(wait, heard).await {
                Ok(Some(told)) => return told.unwrap_or(Told::Failed(Some("DISCONNECTED".into()), None)),
                // It shows progress, so it may be silent as long again.
                Ok(None) => {}
                Err(_) => break,
            }
        }
        let cancel = json!({ "invokeId": self.id, "nodeId": self.key.0 });
        self.live.connection.tell("node.invoke.cancel", cancel);
        Told::Failed(Some("TIMEOUT".into()), Some("node invoke timed out".into()))
    }

    /// What the caller is answered: the node's own text where it sent one, read.
    fn answer(&self, result: &Value) -> Value {
        let text = result["payloadJSON"].as_str();
        let payload = match text.map(str::trim) {
            Some(text) if !text.is_empty() => {
                serde_json::from_str(text).unwrap_or_else(|_| json!({ "payloadJSON": text }))
            }
            _ => result["payload"].clone(),
        };
        json!({
            "ok": true,
            "nodeId": self.key.0,
            "command": self.command,
            "payload": payload,
            "payloadJSON": text,
        })
    }

    fn failure(&self, code: Option<String>, message: Option<String>) -> Fault {
        let message = match (code.as_deref(), message) {
            (Some("DISCONNECTED"), None) => Some(format!("node disconnected ({})", self.command)),
            (_, message) => message,
        };
        let platform = &self.live.connection.client.platform;
        if work::waits_for_foreground(platform, &self.command, code.as_deref(), message.as_deref()) {
            return work::queue_action(&self.hub, &self.key, &self.command, &self.params);
        }
        let mut node_error = json!({});
        if let Some(code) = &code {
            node_error["code"] = json!(code);
        }
        if let Some(message) = &message {
            node_error["message"] = json!(message);
        }
        let sentence = message.unwrap_or_else(|| "node invoke failed".into());
        let sentence = code.map_or(sentence.clone(), |code| format!("{code}: {sentence}"));
        tracing::warn!(target: "gateway/nodes", node = self.key.0, command = self.command, call = self.id, "failed");
        Fault::new(fault::UNAVAILABLE, sentence)
            .details(json!({ "nodeError": node_error, "nodeCommandDispatched": true }))
    }
}

fn not_connected() -> Fault {
    Fault::new(fault::UNAVAILABLE, "node not connected").details(json!({
        "code": "NOT_CONNECTED",
        "nodeError": { "code": "NOT_CONNECTED", "message": "node not connected" },
        "nodeCommandDispatched": false,
    }))
}
