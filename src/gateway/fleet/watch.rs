//! Hearing of the others: one lasting connection to the supervisor. Every change of a profile is announced as
//! `fleet.changed`, every incident as `fleet.alert`, and incidents go to the operators' phones; so is that the supervisor
//! went and that it came back.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Fleet, line, refusal, words};
use crate::gateway::channel::{CHANNEL, telegram::notice};
use crate::gateway::hub::{Announcement, Hub};
use crate::gateway::scope;
use crate::link::unix::Wire;
use crate::profile::rescue::May;
use crate::wire::control::{self, PROFILE_ALERT, PROFILE_CHANGED, PROFILE_WATCH};
use crate::wire::{Fault, Frame};

/// A profile changed, or the supervisor went or came.
pub const CHANGED: &str = "fleet.changed";
/// Something happened to a profile that people should hear of.
pub const ALERT: &str = "fleet.alert";

/// Wait before the supervisor is looked for again; doubled each time.
const REST_MIN: Duration = Duration::from_millis(100);
/// Longest such wait.
const REST_MAX: Duration = Duration::from_secs(5);
/// How long the first answer may take.
const FIRST: Duration = Duration::from_secs(10);

/// Watches until it is dropped; nothing to do where there is nobody to watch.
pub async fn run(hub: Rc<Hub>) {
    let Some(fleet) = &hub.fleet else { return };
    if fleet.post.socket.is_none() || !fleet.post.rescue.may.contains(&May::Status) {
        return;
    }
    let (mut rest, mut was_up) = (REST_MIN, false);
    loop {
        let ended = match begin(fleet).await {
            Ok(mut wire) => {
                if !was_up {
                    tracing::info!(target: "gateway/fleet", "the supervisor is there");
                    tell(&hub, CHANGED, &json!({ "supervisor": { "up": true } }));
                }
                (rest, was_up) = (REST_MIN, true);
                while let Ok(Some(frame)) = wire.receive().await {
                    hear(&hub, fleet, frame);
                }
                refusal::supervisor_gone()
            }
            Err(fault) => fault,
        };
        fleet.up.set(false);
        if was_up {
            tracing::warn!(target: "gateway/fleet", "{}", ended.message);
            tell(&hub, CHANGED, &json!({ "supervisor": { "up": false, "why": ended.message } }));
        }
        was_up = false;
        sleep(rest).await;
        rest = (rest * 2).min(REST_MAX);
    }
}

/// Asks to hear of every change; says which gateway this is, so that it is never taken for somebody else.
async fn begin(fleet: &Fleet) -> Result<Wire, Fault> {
    let mut wire = line::connect(fleet).await?;
    let begun = async {
        let order = Frame::request("1", PROFILE_WATCH, json!({ "gateway": fleet.own }));
        wire.send(&order).await.map_err(|error| refusal::of_error(&error))?;
        loop {
            match wire.receive().await {
                Ok(Some(Frame::Res(response))) => {
                    return match response.error {
                        Some(fault) => Err(refusal::of_error(&control::error_of(fault))),
                        None => Ok(()),
                    };
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Err(refusal::supervisor_gone()),
            }
        }
    };
    timeout(FIRST, begun).await.unwrap_or_else(|_| Err(refusal::too_slow(PROFILE_WATCH)))?;
    Ok(wire)
}

fn hear(hub: &Rc<Hub>, fleet: &Fleet, frame: Frame) {
    let Frame::Event(event) = frame else { return };
    let payload = event.payload.unwrap_or_default();
    match event.event.as_str() {
        PROFILE_CHANGED => tell(hub, CHANGED, &json!({ "profile": payload })),
        PROFILE_ALERT => {
            tracing::warn!(target: "gateway/fleet", "{}", words::alert(&payload));
            tell(hub, ALERT, &payload);
            let rescue = fleet.rescue();
            let text = words::notice(&payload, |may| rescue.may.contains(&may));
            notice::tell(hub, rescue.operators_of(CHANNEL).map(str::to_owned), &text);
        }
        _ => {}
    }
}

fn tell(hub: &Hub, event: &'static str, payload: &Value) {
    hub.announce(Announcement::new(event, Some(scope::READ), payload));
}
