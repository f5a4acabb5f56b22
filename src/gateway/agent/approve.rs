//! Approvals in a conversation: where a node wants somebody to approve what it would run, those who may are asked, the
//! run waits, and goes on with what they decide. `/approve` is how they decide in a conversation.

use std::rc::Rc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::command::{Asked, Command};
use super::{run, told};
use crate::gateway::approvals::{self, Asker, Decision, End, Record, State, Viewer};
use crate::gateway::channel::telegram::notice;
use crate::gateway::channel::{CHANNEL, pairing};
use crate::gateway::hub::Hub;
use crate::gateway::nodes::{self, Invoke};
use crate::gateway::scope;
use crate::gateway::sessions::key;
use crate::wire::Fault;

const RUN: &str = "system.run";
const PREPARE: &str = "system.run.prepare";
/// Letters of an id that are told; whoever decides may shorten it so.
const ID_TOLD: usize = 8;

/// The commands.
pub const COMMANDS: &[Command] = &[Command {
    name: "approve",
    takes: "[ID allow-once | allow-always | deny]",
    does: "decides about what a node would run, or lists what waits",
    here: |_, author| author.may(scope::APPROVALS),
    run: |asked| Box::pin(async move { decide(&asked) }),
}];

fn decide(asked: &Asked) -> Result<String, String> {
    let viewer = Viewer::of(&asked.author);
    let (id, decision) = match asked.words.as_slice() {
        [] => return Ok(listed(&approvals::list(&asked.hub, &viewer))),
        [one, other] => match (read(one), read(other)) {
            (Some(decision), None) => (other, decision),
            (None, Some(decision)) => (one, decision),
            _ => return Err(usage()),
        },
        _ => return Err(usage()),
    };
    let id = approvals::resolve(&asked.hub, &viewer, id, decision).map_err(|fault| fault.message)?;
    Ok(format!("✅ Approval {} submitted for {}.", decision.as_str(), short(&id)))
}

fn usage() -> String {
    "say /approve ID allow-once, /approve ID allow-always or /approve ID deny".into()
}

/// A decision, by the words that people use for it in the real program.
fn read(word: &str) -> Option<Decision> {
    match word.to_ascii_lowercase().as_str() {
        "allow" | "once" | "allow-once" | "allowonce" => Some(Decision::AllowOnce),
        "always" | "allow-always" | "allowalways" => Some(Decision::AllowAlways),
        "deny" | "reject" | "block" => Some(Decision::Deny),
        _ => None,
    }
}

fn listed(waiting: &[Value]) -> String {
    if waiting.is_empty() {
        return "Nothing waits for a decision.".into();
    }
    let line = |one: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!("{}:\n{}", short(&text(&one["id"])), code(&text(&one["request"]["command"])))
    };
    waiting.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn short(id: &str) -> &str {
    id.get(..ID_TOLD).unwrap_or(id)
}

/// A command line as a block that nothing in it can end.
fn code(line: &str) -> String {
    format!("```\n$ {line}\n```")
}

/// Calls a command of a node, in a run of the agent. Where the node wants what it would run to be approved, that is waited
/// for, as long as the run may take.
///
/// # Errors
/// In words: what the node or the gateway says, or what was decided.
pub async fn invoke(hub: &Rc<Hub>, run_id: &str, order: Invoke) -> Result<Value, String> {
    let fault = match nodes::invoke(hub, order.clone()).await {
        Err(fault) if wants_approval(&order.command, &fault) => fault,
        other => return other.map_err(|fault| fault.message),
    };
    let node = nodes::id_of(hub, &order.node).ok_or(fault.message)?;
    let prepared = prepared(hub, &node, &order).await.map_err(|fault| fault.message)?;
    let record = ask(hub, run_id, &node, &order, &prepared).map_err(|fault| fault.message)?;
    let waits = Waits { hub: Rc::clone(hub), id: record.id.clone() };
    tell(hub, run_id, &order, &record).await;
    let state = approvals::settled_state(hub, &record.id).await;
    drop(waits);
    step(hub, run_id, &record, "resolved");
    let decision = match state {
        Some(State::Decided { decision: Decision::Deny, .. }) => {
            return Err("that was denied: it is not run".into());
        }
        Some(State::Decided { decision, .. }) => decision,
        _ => return Err("nobody approved that in time: it is not run".into()),
    };
    let mut params = json!({ "runId": record.id, "approved": true, "approvalDecision": decision.as_str() });
    for name in ["env", "timeoutMs"].into_iter().filter(|name| !order.params[*name].is_null()) {
        params[name] = order.params[name].clone();
    }
    let idempotency_key = format!("{run_id}:{}", Uuid::new_v4());
    let order = Invoke { node, params, idempotency_key, ..order };
    nodes::invoke(hub, order).await.map_err(|fault| fault.message)
}

/// Whether a node refused because somebody has to approve it first.
fn wants_approval(command: &str, fault: &Fault) -> bool {
    let error = fault.details.as_ref().map(|details| &details["nodeError"]);
    let said = |name: &str| error.and_then(|error| error[name].as_str()).unwrap_or_default();
    command == RUN && said("code") == "SYSTEM_RUN_DENIED" && said("message").contains("approval required")
}

/// What the node would run, as it prepares it itself; one that prepares nothing is given what was asked for.
async fn prepared(hub: &Rc<Hub>, node: &str, order: &Invoke) -> Result<Value, Fault> {
    let (command, cwd) = (&order.params["command"], &order.params["cwd"]);
    let wanted = json!({
        "command": command,
        "cwd": cwd,
        "agentId": key::AGENT,
        "sessionKey": order.session_key,
    });
    let entry = nodes::entry(hub, node).unwrap_or_default();
    if !entry["commands"].as_array().is_some_and(|commands| commands.contains(&json!(PREPARE))) {
        let mut plan = wanted;
        plan["argv"] = command.clone();
        return Ok(json!({ "plan": plan }));
    }
    let order = Invoke {
        node: node.to_owned(),
        command: PREPARE.into(),
        params: wanted,
        idempotency_key: Uuid::new_v4().to_string(),
        ..order.clone()
    };
    let mut answer = nodes::invoke(hub, order).await?;
    Ok(answer["payload"].take())
}

fn ask(hub: &Hub, run_id: &str, node: &str, order: &Invoke, prepared: &Value) -> Result<Record, Fault> {
    // What the node would not keep is not offered.
    let for_good = prepared["allowAlwaysCoverage"]["complete"] == json!(true);
    let limit = hub.embedded().agent.timeout.unwrap_or(run::DEFAULT_TIMEOUT);
    let params = json!({
        "host": "node",
        "nodeId": node,
        "systemRunPlan": prepared["plan"],
        "env": order.params["env"],
        "security": prepared["execPolicy"]["security"],
        "ask": prepared["execPolicy"]["ask"],
        "unavailableDecisions": if for_good { Value::Null } else { json!(["allow-always"]) },
        "sessionKey": order.session_key,
        "agentId": key::AGENT,
        "runId": run_id,
        "timeoutMs": limit.as_millis() as u64,
    });
    let asked = approvals::asked::read(&params, Asker::Run(run_id.to_owned()))?;
    approvals::open(hub, asked, None).map(|(record, _)| record)
}

/// Ends the approval where the run ends before somebody has decided.
struct Waits {
    hub: Rc<Hub>,
    id: String,
}

impl Drop for Waits {
    fn drop(&mut self) {
        approvals::end(&self.hub, &self.id, End::Aborted);
    }
}

/// Tells whoever follows the run, and the owners on their phones.
async fn tell(hub: &Rc<Hub>, run_id: &str, order: &Invoke, record: &Record) {
    step(hub, run_id, record, "requested");
    let rules = hub.embedded();
    if !rules.telegram.accounts.iter().any(|account| account.enabled) {
        return;
    }
    // Without the store those are told who stand in the configuration.
    let mut owners = pairing::owners(&hub.store, CHANNEL).await.unwrap_or_default();
    owners.extend(rules.telegram.owners.ids.iter().map(i64::to_string));
    owners.sort_unstable();
    owners.dedup();
    notice::tell(hub, owners, &message(&order.node, record));
}

fn message(node: &str, record: &Record) -> String {
    let text = |name: &str| record.request[name].as_str().unwrap_or_default();
    // A node's name is its own choice, and no place for links and the like.
    let node: String =
        node.chars().filter(|letter| letter.is_alphanumeric() || " .-".contains(*letter)).collect();
    let place = match text("cwd") {
        "" => String::new(),
        cwd => format!("\nin {cwd}"),
    };
    let id = short(&record.id);
    let orders: Vec<String> =
        record.allowed.iter().map(|decision| format!("/approve {id} {}", decision.as_str())).collect();
    let line = code(&format!("{}{place}", text("command")));
    format!("Approval {id}: shall the node {node} run this?\n{line}\n{}", orders.join("\n"))
}

fn step(hub: &Hub, run_id: &str, record: &Record, phase: &str) {
    let Some(run) = hub.agent.find(run_id) else { return };
    let data = json!({ "phase": phase, "kind": "exec", "approvalId": record.id, "host": "node" });
    told::step(hub, &run, "approval", data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_words_that_people_use() {
        for (word, decision) in [
            ("Once", Some(Decision::AllowOnce)),
            ("allow", Some(Decision::AllowOnce)),
            ("always", Some(Decision::AllowAlways)),
            ("reject", Some(Decision::Deny)),
            ("6f1f", None),
        ] {
            assert_eq!(read(word), decision, "{word}");
        }
    }

    #[test]
    fn only_a_nodes_own_word_leads_to_a_question() {
        let fault = |code: &str, message: &str| {
            Fault::invalid("x").details(json!({ "nodeError": { "code": code, "message": message } }))
        };
        let asks = fault("SYSTEM_RUN_DENIED", "SYSTEM_RUN_DENIED: approval required");
        assert!(wants_approval("system.run", &asks) && !wants_approval("system.which", &asks));
        assert!(!wants_approval(
            "system.run",
            &fault("SYSTEM_RUN_DENIED", "SYSTEM_RUN_DENIED: allowlist miss")
        ));
        assert!(!wants_approval("system.run", &Fault::invalid("approval required")));
    }
}
