//! What is sent to a node for a call: its parameters without what no caller may say, and its time. Pure.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// How long a call may take that names no time, and how long one without a limit may be silent.
pub const USUAL: Duration = Duration::from_secs(30);
/// Longest time that a call may name; more counts as this.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The command that runs a program.
pub const RUN: &str = "system.run";
/// What a caller may say of a program to be run; everything else is the gateway's or the node's to say.
const RUN_PARAMS: &[&str] = &[
    "command",
    "rawCommand",
    "systemRunPlan",
    "cwd",
    "env",
    "timeoutMs",
    "needsScreenRecording",
    "agentId",
    "sessionKey",
    "runId",
    "suppressNotifyOnExit",
];

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// So long in all.
    Until(Duration),
    /// As long as the node shows progress this often.
    Silent(Duration),
}

impl Patience {
    /// What a caller's time means: none is the usual one, zero is no limit but silence.
    pub fn of(timeout: Option<Duration>) -> Patience {
        match timeout {
            None => Patience::Until(USUAL),
            Some(Duration::ZERO) => Patience::Silent(USUAL),
            Some(limit) => Patience::Until(limit.min(LONGEST)),
        }
    }

    /// The time that the node is told, in milliseconds; zero where there is no limit.
    pub fn told_ms(self) -> u64 {
        match self {
            Patience::Until(limit) => limit.as_millis() as u64,
            Patience::Silent(_) => 0,
        }
    }
}

/// The parameters as they go to the node. `run_id` names a run that its caller does not name.
pub fn params(command: &str, asked: &Value, run_id: &str) -> Value {
    let (true, Value::Object(asked)) = (command == RUN, asked) else { return asked.clone() };
    let mut params: Map<String, Value> = asked
        .iter()
        .filter(|(name, _)| RUN_PARAMS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let named = params.get("runId").and_then(Value::as_str).is_some_and(|id| !id.trim().is_empty());
    if !named {
        params.insert("runId".into(), json!(run_id));
    }
    Value::Object(params)
}

/// The event that asks the node.
pub fn request(id: &str, node: &str, command: &str, params: &Value, patience: Patience, key: &str) -> Value {
    let mut request = json!({
        "id": id,
        "nodeId": node,
        "command": command,
        "timeoutMs": patience.told_ms(),
        "idempotencyKey": key,
    });
    if !params.is_null() {
        request["paramsJSON"] = json!(params.to_string());
    }
    request
}

/// What makes two calls the same.
pub fn fingerprint(command: &str, params: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(command);
    hash.update([0]);
    hash.update(params.to_string());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_an_id_and_says_nothing_of_approvals() {
        let claims = json!({"command": ["ls"], "approved": true, "approvalSource": "operator", "x": 1});
        assert_eq!(params("system.run", &claims, "r"), json!({"command": ["ls"], "runId": "r"}));
        let sent = params("system.run", &json!({"command": ["ls"], "runId": "mine"}), "r");
        assert_eq!(sent["runId"], "mine");
        assert_eq!(params("system.which", &json!({"approved": true}), "r")["approved"], true);
    }

    #[test]
    fn no_time_is_the_usual_one_and_zero_is_patience_with_progress() {
        assert_eq!(Patience::of(None), Patience::Until(USUAL));
        assert_eq!(Patience::of(Some(Duration::ZERO)), Patience::Silent(USUAL));
        assert_eq!(Patience::of(Some(Duration::MAX)), Patience::Until(LONGEST));
        assert_eq!((Patience::of(None).told_ms(), Patience::of(Some(Duration::ZERO)).told_ms()), (30_000, 0));
        let request = request("i", "n", "c", &Value::Null, Patience::of(None), "k");
        assert!(request.get("paramsJSON").is_none());
    }

    #[test]
    fn calls_differ_by_command_and_parameters() {
        let (a, b) = (json!({"a": 1}), json!({"a": 2}));
        assert_eq!(fingerprint("x", &a), fingerprint("x", &json!({"a": 1})));
        assert_ne!(fingerprint("x", &a), fingerprint("x", &b));
        assert_ne!(fingerprint("x", &a), fingerprint("y", &a));
    }
}
