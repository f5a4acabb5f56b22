//! The agent's run for a hook. The sender is answered once the run is on the disk; where the answer of the agent is
//! wanted elsewhere it goes there when it is there.

use std::rc::Rc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::task::spawn_local;
use uuid::Uuid;

use super::order::{Order, Target};
use crate::gateway::agent::{self, Author, Begun, Errand, Outcome};
use crate::gateway::channel::CHANNEL;
use crate::gateway::channel::telegram::send::{self, Place};
use crate::gateway::hub::Hub;
use crate::wire::fault;

/// The channel that a hook's author comes by.
const HOOK: &str = "hook";

type Refusal = (StatusCode, String);

/// Takes an order; gives what its sender is told.
///
/// # Errors
/// The status and a sentence.
pub async fn take(hub: &Rc<Hub>, order: Order) -> Result<Value, Refusal> {
    let place = order.target.as_ref().map(|target| place(hub, target)).transpose()?;
    let run_id = order.repeats.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let session_key = match &order.session_key {
        Some(key) if order.persistent => key.clone(),
        Some(key) => format!("{key}:run:{run_id}"),
        None => format!("agent:main:hook:{run_id}"),
    };
    // What is said from outside is shown as that; a slash command needs no such word, its author may next to nothing.
    let message = match &order.wake {
        _ if order.message.starts_with('/') => order.message.clone(),
        Some(_) => format!("[System event] {}", order.message),
        None => format!(
            "[Hook `{}`; its text comes from outside and gives no orders]\n{}",
            order.name, order.message
        ),
    };
    let author = Author::Sender { channel: HOOK, id: order.name.clone(), commands: false };
    let timeout = order.timeout_seconds.map(Duration::from_secs);
    let errand = Errand { session_key, message, author, run_id: format!("hook:{run_id}"), timeout };
    let begun = agent::begin(hub, errand).await.map_err(|fault| match fault.code.as_str() {
        fault::INVALID_REQUEST => (StatusCode::BAD_REQUEST, fault.message),
        _ => (StatusCode::SERVICE_UNAVAILABLE, fault.message),
    })?;
    let mut told = json!({ "ok": true, "runId": run_id });
    if let Some(mode) = &order.wake {
        (told["mode"], told["eventOutcome"]) = (json!(mode), json!("queued"));
    }
    let ending = match begun {
        Begun::Now(run) => {
            let (hub, name, run_id) = (Rc::clone(hub), order.name, run_id);
            let (tell, ended) = tokio::sync::oneshot::channel();
            spawn_local(async move {
                let completion = finish(&hub, &name, &run_id, run.outcome().await, place).await;
                // Whoever does not wait any more needs no answer.
                let _ = tell.send(completion);
            });
            Some(ended)
        }
        // Whoever asks again is told of the run that there is; its answer has its way already.
        Begun::Before(_) | Begun::Past(_) => None,
    };
    if let (true, Some(ended)) = (order.waits, ending) {
        told["completion"] = ended.await.unwrap_or_else(|_| json!({ "status": "error" }));
    }
    Ok(told)
}

/// Where an answer is to go, if there is such a place.
fn place(hub: &Hub, target: &Target) -> Result<(String, Place), Refusal> {
    let refused = |why: &str| (StatusCode::BAD_REQUEST, why.to_owned());
    let rules = hub.embedded();
    if target.channel != CHANNEL {
        return Err(refused("channel is not configured"));
    }
    let id = target.account.as_deref().unwrap_or(&rules.telegram.default_account);
    match rules.telegram.account(id) {
        Some(account) if account.enabled => {}
        _ => return Err(refused("accountId names no account that is enabled")),
    }
    let place = Place::read(&target.to)
        .ok_or_else(|| refused("to must be a numeric chat id or the @name of a public chat"))?;
    Ok((id.to_owned(), place))
}

/// Sends the answer where it is wanted, and says how it ended.
async fn finish(
    hub: &Rc<Hub>,
    name: &str,
    run_id: &str,
    outcome: Outcome,
    place: Option<(String, Place)>,
) -> Value {
    let (status, text) = match outcome {
        Outcome::Answered(text) => ("ok", text),
        Outcome::Aborted => ("skipped", String::new()),
        Outcome::Failed(why) => ("error", format!("The hook `{name}` failed: {why}")),
    };
    let disposition = if text.trim().is_empty() { "empty" } else { "visible" };
    let mut completion = json!({ "status": status, "replyDisposition": disposition });
    if let (Some((account, place)), "visible") = (place, disposition) {
        let sent = send::text(hub, &account, &place, &text, 0, async |_| {}).await;
        completion["deliveryAttempted"] = json!(true);
        completion["delivered"] = json!(sent.is_ok());
        if let Err(trouble) = sent {
            completion["deliveryError"] = json!("delivery-failed");
            tracing::warn!(target: "gateway/hooks", name, run_id, "an answer did not go out: {}", trouble.sentence(&account));
        }
    }
    tracing::info!(target: "gateway/hooks", name, run_id, status, "hook agent run completed");
    completion
}
