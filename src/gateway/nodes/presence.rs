//! Signs of life: that a node is still there, and that its user is. Both say how they were taken, in the words of the real
//! gateway.

use std::rc::Rc;

use serde_json::{Value, json};

use super::book;
use crate::gateway::hub::{Announcement, Hub};
use crate::gateway::scope;
use crate::host::clock;

/// Signs of life that come faster are not kept, in milliseconds.
const ALIVE_EVERY_MS: u64 = 60_000;
/// What a sign of life may be caused by; anything else counts as the first.
const TRIGGERS: [&str; 6] =
    ["background", "silent_push", "bg_app_refresh", "significant_location", "manual", "connect"];
/// Longest idleness that a node may tell, in seconds: 30 days.
const IDLE_MAX: u64 = 2_592_000;
/// The permission without which a node does not see its user.
const SEES: &str = "accessibility";

/// A node says that it is there: whether that was of use, and how.
pub fn alive(hub: &Rc<Hub>, node: &str, payload: &Value) -> (bool, &'static str) {
    if !payload.is_object() {
        return (false, "invalid_payload");
    }
    let now = clock::epoch_ms();
    {
        let mut book = hub.nodes.book.borrow_mut();
        let Some(live) = book.live_mut(node) else { return (false, "stale_connection") };
        if live.alive_ms.is_some_and(|last| now.saturating_sub(last) < ALIVE_EVERY_MS) {
            return (true, "throttled");
        }
        live.alive_ms = Some(now);
        let said = payload["trigger"].as_str().unwrap_or_default();
        let trigger = TRIGGERS.iter().find(|trigger| **trigger == said).unwrap_or(&TRIGGERS[0]);
        if let Some(known) = book.known_mut(node) {
            known.seen(trigger, now);
        }
    }
    book::save_later(hub, node.to_owned());
    (true, "persisted")
}

/// A node says how long its user has been idle, or that it does not know any more: whether that was of use, and how.
pub fn activity(hub: &Rc<Hub>, node: &str, payload: &Value) -> (bool, &'static str) {
    let idle = payload["idleSeconds"].as_u64().filter(|seconds| *seconds <= IDLE_MAX);
    let clears = payload["action"] == "clear";
    if idle.is_none() && !clears {
        return (false, "invalid_payload");
    }
    let now = clock::epoch_ms();
    let (told, reason) = {
        let mut book = hub.nodes.book.borrow_mut();
        let sees = book
            .known(node)
            .zip(book.live(node))
            .is_some_and(|(known, live)| known.usable(&live.claims).permissions.get(SEES) == Some(&true));
        let Some(live) = book.live_mut(node) else { return (false, "stale_connection") };
        match idle {
            _ if clears && live.active_ms.take().is_none() => return (true, "already_clear"),
            Some(_) if !sees => return (false, "permission_required"),
            Some(seconds) if !clears => {
                live.active_ms = Some((now.saturating_sub(seconds * 1000), now));
                (live.active_ms, "updated")
            }
            _ => (None, "cleared"),
        }
    };
    let payload = json!({
        "nodeId": node,
        "lastActiveAtMs": told.map(|(active, _)| active),
        "presenceUpdatedAtMs": told.map(|(_, said)| said),
    });
    hub.announce(Announcement::new("node.presence", Some(scope::READ), &payload));
    (true, reason)
}
