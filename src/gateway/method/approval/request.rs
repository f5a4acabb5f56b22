//! `exec.approval.request`: asks for an approval and answers with the decision; in two phases where that is wanted, so
//! that the asker knows the id while it waits.

use serde_json::{Value, json};

use crate::gateway::approvals::{self, End, Record, State, asked};
use crate::gateway::method::Call;
use crate::gateway::shape::{COUNT, Shape, TEXT, WORD, optional, required};
use crate::wire::Fault;

const MAYBE_TEXT: Shape = Shape::Nullable(&TEXT);
const MAYBE_WORD: Shape = Shape::Nullable(&WORD);
const SECURITY: Shape = Shape::OneOf(&["deny", "allowlist", "full"]);
/// The policy of the node that the plan was made under.
const POLICY: Shape = Shape::Object(&[
    required("security", SECURITY),
    required("ask", Shape::OneOf(&["off", "on-miss", "always"])),
    required("askFallback", SECURITY),
    required("autoAllowSkills", Shape::Boolean),
    required(
        "allowlistRules",
        Shape::List(&Shape::Object(&[
            required("pattern", TEXT),
            optional("argPattern", TEXT),
            optional("source", Shape::Const("allow-always")),
        ])),
    ),
]);
/// The file that the plan would run, as it was when it was made.
const OPERAND: Shape =
    Shape::Object(&[required("argvIndex", COUNT), required("path", TEXT), required("sha256", TEXT)]);
const PLAN: Shape = Shape::Object(&[
    required("argv", Shape::List(&TEXT)),
    required("cwd", MAYBE_TEXT),
    required("commandText", TEXT),
    optional("commandPreview", MAYBE_TEXT),
    required("agentId", MAYBE_TEXT),
    required("sessionKey", MAYBE_TEXT),
    optional("policySnapshot", POLICY),
    optional("mutableFileOperand", Shape::Nullable(&OPERAND)),
]);
const SPAN: Shape =
    Shape::Object(&[required("startIndex", COUNT), required("endIndex", Shape::Integer(1, i64::MAX))]);

/// What is asked for.
pub const PARAMS: Shape = Shape::Object(&[
    optional("id", WORD),
    optional("command", WORD),
    optional("commandArgv", Shape::List(&TEXT)),
    optional("systemRunPlan", PLAN),
    optional("env", Shape::Map(&TEXT)),
    optional("cwd", MAYBE_TEXT),
    optional("nodeId", MAYBE_WORD),
    optional("host", MAYBE_TEXT),
    optional("security", MAYBE_TEXT),
    optional("ask", MAYBE_TEXT),
    optional("warningText", MAYBE_TEXT),
    optional("scope", Shape::Any),
    optional("unavailableDecisions", Shape::List(&Shape::OneOf(&["allow-always"]))),
    optional("commandSpans", Shape::List(&SPAN)),
    optional("agentId", MAYBE_TEXT),
    optional("resolvedPath", MAYBE_TEXT),
    optional("sessionKey", MAYBE_TEXT),
    optional("sessionId", MAYBE_TEXT),
    optional("runId", MAYBE_TEXT),
    optional("toolCallId", MAYBE_TEXT),
    optional("turnSourceChannel", MAYBE_TEXT),
    optional("turnSourceTo", MAYBE_TEXT),
    optional("turnSourceAccountId", MAYBE_TEXT),
    optional("turnSourceThreadId", Shape::Any),
    optional("approvalReviewerDeviceIds", Shape::List(&WORD)),
    optional("requireDeliveryRoute", Shape::Boolean),
    optional("suppressDelivery", Shape::Boolean),
    optional("deliverToApprovalClientsOnly", Shape::Boolean),
    optional("timeoutMs", Shape::Integer(1, i64::MAX)),
    optional("twoPhase", Shape::Boolean),
]);
/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let asked = asked::read(&call.params, approvals::asker(&call.connection))?;
    let hub = &call.hub;
    let (record, told) = approvals::open(hub, asked, Some(&call.connection.id))?;
    if told == 0 && call.params["requireDeliveryRoute"] != json!(false) {
        // Nobody could decide in time: the asker need not wait to learn that.
        approvals::end(hub, &record.id, End::NoRoute);
    } else if call.params["twoPhase"] == json!(true) {
        call.accept(json!({
            "status": "accepted",
            "id": record.id,
            "deliveryRoute": if told > 0 { "approval-client" } else { "none" },
            "createdAtMs": record.created_at_ms,
            "expiresAtMs": record.expires_at_ms,
        }));
    }
    let state = approvals::settled_state(hub, &record.id).await;
    Ok(outcome(&record, state.unwrap_or(State::Waiting)))
}

/// What became of an approval.
pub fn outcome(record: &Record, state: State) -> Value {
    let decision = match state {
        State::Decided { decision, .. } => Some(decision.as_str()),
        State::Waiting | State::Ended { .. } => None,
    };
    json!({
        "id": record.id,
        "decision": decision,
        "createdAtMs": record.created_at_ms,
        "expiresAtMs": record.expires_at_ms,
    })
}
