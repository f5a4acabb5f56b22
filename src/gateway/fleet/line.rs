//! The control socket as a rescue gateway uses it: one connection an order, which ends with its answer or its deadline.
//! Nothing is kept, so a supervisor that was replaced meanwhile is found at the next order.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Fleet, refusal};
use crate::base::ProfileName;
use crate::link::unix::Wire;
use crate::wire::control::{self, PROFILE_CHANGED};
use crate::wire::{Fault, Frame};

/// How long it may take to reach the supervisor, who accepts at once.
const REACH: Duration = Duration::from_secs(2);
/// The only order of a connection.
const ID: &str = "1";
/// How long an order for this very gateway is held back, so that the answer is out first.
const FAREWELL: Duration = Duration::from_millis(250);

/// A connection to the supervisor.
///
/// # Errors
/// That there is none, or that it cannot be reached.
pub async fn connect(fleet: &Fleet) -> Result<Wire, Fault> {
    let socket = fleet.post.socket.as_ref().ok_or_else(|| refusal::unsupervised(&fleet.own))?;
    let reached = match timeout(REACH, Wire::connect(socket)).await {
        Err(_) => Err(refusal::too_slow("the connection")),
        Ok(Err(error)) => Err(refusal::of_error(&error)),
        Ok(Ok(None)) => Err(refusal::supervisor_gone()),
        Ok(Ok(Some(wire))) => Ok(wire),
    };
    fleet.up.set(reached.is_ok());
    reached
}

/// Gives an order and waits for its answer.
///
/// # Errors
/// The supervisor's own, that it is gone, or that it takes longer than `limit`.
pub async fn ask(fleet: &Fleet, method: &str, params: Value, limit: Duration) -> Result<Value, Fault> {
    let answered = timeout(limit, async {
        let mut wire = begin(fleet, method, params).await?;
        answer(&mut wire, &mut |_| {}).await
    });
    answered.await.unwrap_or_else(|_| Err(refusal::too_slow(method)))
}

/// Gives an order about a profile and follows it for at most `limit`; it goes on behind that.
///
/// # Errors
/// As [`ask`].
pub async fn follow(
    fleet: &Fleet,
    method: &str,
    name: &ProfileName,
    limit: Duration,
) -> Result<Value, Fault> {
    let mut wire = begin(fleet, method, json!({ "name": name })).await?;
    let mut last = json!({ "name": name });
    let followed = timeout(limit, answer(&mut wire, &mut |status| last = status)).await;
    match followed {
        Ok(answered) => answered.map(|profile| json!({ "ok": true, "done": true, "profile": profile })),
        Err(_) => Ok(json!({ "ok": true, "done": false, "profile": last })),
    }
}

/// Gives an order about this very gateway, a moment later.
///
/// # Errors
/// As [`connect`].
pub async fn leave(fleet: &Fleet, method: &'static str, own: &ProfileName) -> Result<(), Fault> {
    let mut wire = connect(fleet).await?;
    let order = Frame::request(ID, method, json!({ "name": own }));
    tokio::task::spawn_local(async move {
        sleep(FAREWELL).await;
        if let Err(error) = wire.send(&order).await {
            tracing::warn!(target: "gateway/fleet", %error, "the order could not be given");
        }
        // The supervisor hears it before this end is closed by the stop that it leads to.
        let _ = wire.receive().await;
    });
    Ok(())
}

async fn begin(fleet: &Fleet, method: &str, params: Value) -> Result<Wire, Fault> {
    let mut wire = connect(fleet).await?;
    match timeout(REACH, wire.send(&Frame::request(ID, method, params))).await {
        Ok(Ok(())) => Ok(wire),
        _ => Err(refusal::supervisor_gone()),
    }
}

/// Reads up to the answer; `changed` hears how the profile gets on meanwhile.
async fn answer(wire: &mut Wire, changed: &mut dyn FnMut(Value)) -> Result<Value, Fault> {
    loop {
        match wire.receive().await {
            Ok(Some(Frame::Res(response))) if response.id == ID => {
                return match response.error {
                    Some(fault) => Err(refusal::of_error(&control::error_of(fault))),
                    None => Ok(response.payload.unwrap_or_default()),
                };
            }
            Ok(Some(Frame::Event(event))) if event.event == PROFILE_CHANGED => {
                changed(event.payload.unwrap_or_default());
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Err(refusal::supervisor_gone()),
        }
    }
}
