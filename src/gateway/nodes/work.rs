//! What waits for a node to ask for it: hints that an operator leaves (`node.pending.enqueue`), and commands that a phone
//! could not carry out while its app was in the background. All of it is bounded, ages, and lives in memory alone.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::calls::Key;
use crate::gateway::hub::Hub;
use crate::host::clock;
use crate::wire::{Fault, fault};

/// Commands that may wait for one node.
const ACTIONS_MAX: usize = 64;
/// How long they wait.
const ACTION_FOR: Duration = Duration::from_secs(10 * 60);
/// How long a hint waits that names no time.
const HINT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Nodes for which something may wait; beyond that nothing more is taken.
const NODES_MAX: usize = 512;
/// The hint that every node finds which asks for hints.
const BASELINE: &str = "baseline-status";

/// What waits, by node.
#[derive(Debug, Default)]
pub struct Work(HashMap<String, Queue>);

#[derive(Debug, Default)]
struct Queue {
    revision: u64,
    hints: Vec<Hint>,
    actions: Vec<Action>,
}

#[derive(Clone, Debug)]
struct Hint {
    id: String,
    kind: String,
    high: bool,
    created_ms: u64,
    expires_ms: u64,
}

#[derive(Clone, Debug)]
struct Action {
    id: String,
    key: String,
    command: String,
    params: Value,
    created_ms: u64,
}

impl Work {
    /// Nothing waits for this node any more.
    pub fn forget(&mut self, node: &str) {
        self.0.remove(node);
    }

    fn queue(&mut self, node: &str, now_ms: u64) -> Option<&mut Queue> {
        if self.0.len() >= NODES_MAX && !self.0.contains_key(node) {
            return None;
        }
        let queue = self.0.entry(node.to_owned()).or_default();
        let before = queue.hints.len();
        queue.hints.retain(|hint| hint.expires_ms > now_ms);
        queue.revision += u64::from(queue.hints.len() != before);
        queue
            .actions
            .retain(|action| now_ms.saturating_sub(action.created_ms) < ACTION_FOR.as_millis() as u64);
        Some(queue)
    }

    /// Leaves a hint of a kind for a node; one of the same kind that waits already is enough.
    fn leave(&mut self, node: &str, hint: Hint) -> Option<(u64, Hint)> {
        let queue = self.queue(node, hint.created_ms)?;
        if let Some(waiting) = queue.hints.iter().find(|waiting| waiting.kind == hint.kind) {
            return Some((queue.revision, waiting.clone()));
        }
        queue.revision += 1;
        queue.hints.push(hint.clone());
        Some((queue.revision, hint))
    }

    /// Takes the most urgent hints; the rest stays.
    fn drain(&mut self, node: &str, most: usize, now_ms: u64) -> Value {
        let (mut revision, mut items, mut left, mut asked) = (0, Vec::new(), 0, false);
        if let Some(queue) = self.0.contains_key(node).then(|| self.queue(node, now_ms)).flatten() {
            queue.hints.sort_by_key(|hint| (!hint.high, hint.created_ms));
            asked = queue.hints.iter().any(|hint| hint.kind == "status.request");
            let taken: Vec<Hint> = queue.hints.drain(..most.min(queue.hints.len())).collect();
            queue.revision += u64::from(!taken.is_empty());
            (revision, left) = (queue.revision, queue.hints.len());
            items = taken.iter().map(Hint::view).collect();
        }
        let fits = items.len() < most;
        if !asked && fits {
            items.push(json!({
                "id": BASELINE,
                "type": "status.request",
                "priority": "default",
                "createdAtMs": now_ms,
                "expiresAtMs": null,
            }));
        }
        json!({ "nodeId": node, "revision": revision, "items": items, "hasMore": left > 0 || (!asked && !fits) })
    }
}

impl Hint {
    fn view(&self) -> Value {
        json!({
            "id": self.id,
            "type": self.kind,
            "priority": if self.high { "high" } else { "normal" },
            "createdAtMs": self.created_ms,
            "expiresAtMs": self.expires_ms,
        })
    }
}

/// Leaves a hint for a node that is known. Waking a phone goes through services elsewhere, which this gateway does not
/// speak to.
///
/// # Errors
/// `UNAVAILABLE` where something waits for too many nodes.
pub fn enqueue(
    hub: &Hub,
    node: &str,
    kind: &str,
    high: bool,
    wait: Option<Duration>,
) -> Result<Value, Fault> {
    let now = clock::epoch_ms();
    let expires_ms = now + wait.unwrap_or(HINT_FOR).as_millis() as u64;
    let hint = Hint { id: Uuid::new_v4().to_string(), kind: kind.into(), high, created_ms: now, expires_ms };
    let left = hub.nodes.work.borrow_mut().leave(node, hint);
    let (revision, hint) =
        left.ok_or_else(|| Fault::new(fault::UNAVAILABLE, "too much waits for other nodes"))?;
    Ok(json!({ "nodeId": node, "revision": revision, "queued": hint.view(), "wakeTriggered": false }))
}

/// Gives a node the hints that wait for it.
pub fn drain(hub: &Hub, node: &str, most: usize) -> Value {
    hub.nodes.work.borrow_mut().drain(node, most, clock::epoch_ms())
}

/// Shows a node the commands that wait for it; they stay until it has acknowledged them.
pub fn pull(hub: &Hub, node: &str) -> Value {
    let mut work = hub.nodes.work.borrow_mut();
    let queue = work.0.contains_key(node).then(|| work.queue(node, clock::epoch_ms())).flatten();
    let actions: Vec<Value> = queue
        .iter()
        .flat_map(|queue| &queue.actions)
        .map(|action| {
            json!({
                "id": action.id,
                "command": action.command,
                "paramsJSON": (!action.params.is_null()).then(|| action.params.to_string()),
                "enqueuedAtMs": action.created_ms,
            })
        })
        .collect();
    json!({ "nodeId": node, "actions": actions })
}

/// A node has these commands.
pub fn acknowledge(hub: &Hub, node: &str, ids: &[&str]) -> Value {
    let mut work = hub.nodes.work.borrow_mut();
    let queue = work.0.contains_key(node).then(|| work.queue(node, clock::epoch_ms())).flatten();
    let left = queue.map_or(0, |queue| {
        queue.actions.retain(|action| !ids.contains(&action.id.as_str()));
        queue.actions.len()
    });
    json!({ "nodeId": node, "ackedIds": ids, "remainingCount": left })
}

/// Whether a phone says that it could do this once its app is in front.
pub fn waits_for_foreground(
    platform: &str,
    command: &str,
    code: Option<&str>,
    message: Option<&str>,
) -> bool {
    let platform = platform.to_ascii_lowercase();
    let phone = platform.starts_with("ios") || platform.starts_with("ipados");
    let shows = ["camera.", "screen.", "talk."].iter().any(|family| command.starts_with(family));
    let says =
        |text: Option<&str>, what: &str| text.is_some_and(|text| text.to_ascii_uppercase().contains(what));
    phone && shows && (says(code, "NODE_BACKGROUND_UNAVAILABLE") || says(message, "BACKGROUND_UNAVAILABLE"))
}

/// Keeps a command for a phone; gives back what its caller is answered. The same call waits once.
pub fn queue_action(hub: &Rc<Hub>, (node, key): &Key, command: &str, params: &Value) -> Fault {
    let now = clock::epoch_ms();
    let mut work = hub.nodes.work.borrow_mut();
    let Some(queue) = work.queue(node, now) else {
        return Fault::new(fault::UNAVAILABLE, "too much waits for other nodes");
    };
    let waiting = queue.actions.iter().find(|action| action.key == *key).map(|action| action.id.clone());
    let id = waiting.unwrap_or_else(|| {
        if queue.actions.len() >= ACTIONS_MAX {
            queue.actions.remove(0);
        }
        let id = Uuid::new_v4().to_string();
        let (key, command, params) = (key.clone(), command.to_owned(), params.clone());
        queue.actions.push(Action { id: id.clone(), key, command, params, created_ms: now });
        id
    });
    let mut fault = Fault::new(fault::UNAVAILABLE, "node command queued until iOS returns to foreground")
        .details(json!({
            "code": "QUEUED_UNTIL_FOREGROUND",
            "queuedActionId": id,
            "nodeId": node,
            "command": command,
        }));
    fault.retryable = Some(true);
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(id: &str, kind: &str, high: bool, at: u64) -> Hint {
        Hint { id: id.into(), kind: kind.into(), high, created_ms: at, expires_ms: at + 100 }
    }

    fn ids(drained: &Value) -> Vec<&str> {
        drained["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
    }

    #[test]
    fn hints_are_left_once_taken_by_urgency_and_age() {
        let mut work = Work::default();
        assert_eq!(ids(&work.drain("n", 4, 1)), [BASELINE]);
        assert_eq!(work.leave("n", hint("a", "location.request", false, 1)).unwrap().0, 1);
        assert_eq!(work.leave("n", hint("b", "location.request", true, 2)).unwrap().1.id, "a");
        work.leave("n", hint("c", "status.request", true, 3));
        let first = work.drain("n", 1, 4);
        assert_eq!((ids(&first), &first["hasMore"]), (vec!["c"], &json!(true)));
        assert_eq!(ids(&work.drain("n", 4, 5)), ["a", BASELINE]);
        work.leave("n", hint("d", "location.request", false, 6));
        assert_eq!(ids(&work.drain("n", 4, 106)), [BASELINE]);
    }

    #[test]
    fn only_a_phone_in_the_background_waits_for_its_front() {
        let says = |platform, command, code| waits_for_foreground(platform, command, Some(code), None);
        assert!(says("iOS 26.1", "camera.snap", "node_background_unavailable"));
        assert!(!says("linux", "camera.snap", "NODE_BACKGROUND_UNAVAILABLE"));
        assert!(
            !says("ios", "system.notify", "NODE_BACKGROUND_UNAVAILABLE") && !says("ios", "camera.snap", "X")
        );
    }
}
