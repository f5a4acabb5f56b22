//! `exec.approval.request`: asks for an approval and answers with the decision; in two phases where that is wanted, so
//! that the asker knows the id while it waits.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::approvals::bound::{self, Bound, Env};
use crate::gateway::approvals::{self, Asked, Decision, End, Record, State};
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
/// Longest id of an asker's own choice.
const ID_MAX: usize = 128;
/// Ids that begin so are those of another kind of approval.
const RESERVED: &str = "plugin:";

/// The answer.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let asked = asked(&call)?;
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

fn asked(call: &Call) -> Result<Asked, Fault> {
    let params = &call.params;
    let text = |name: &str| params[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let id = params["id"].as_str().map(id).transpose()?;
    let env = Env::read(&params["env"]).unwrap_or_default();
    let bound = match text("host") {
        Some("node") => Some(bound(params, text("nodeId"), env.clone())?),
        _ => None,
    };
    let line = bound.as_ref().map(Bound::line).or_else(|| text("command").map(str::to_owned));
    let line = line.ok_or_else(|| Fault::invalid("command is required"))?;
    let command = bound::visible(&line).ok_or_else(|| {
        let details = json!({ "reason": "EXEC_APPROVAL_COMMAND_DISPLAY_LIMIT" });
        Fault::invalid("command exceeds exec approval display limit").details(details)
    })?;
    let unavailable = params["unavailableDecisions"].as_array().is_some_and(|list| !list.is_empty());
    let once = unavailable || text("ask") == Some("always");
    let allowed = allowed(once);
    let mut request = request(params, bound.as_ref(), &env);
    request["command"] = json!(command);
    request["allowedDecisions"] = words(&allowed);
    let timeout = params["timeoutMs"].as_u64().map_or(approvals::USUAL, Duration::from_millis);
    Ok(Asked { id, asker: approvals::asker(&call.connection), bound, request, allowed, timeout })
}

/// What may be decided, `once` where nothing can be allowed for good.
pub fn allowed(once: bool) -> Vec<Decision> {
    match once {
        true => vec![Decision::AllowOnce, Decision::Deny],
        false => vec![Decision::AllowOnce, Decision::AllowAlways, Decision::Deny],
    }
}

/// The same in the words of the protocol.
pub fn words(allowed: &[Decision]) -> Value {
    allowed.iter().map(|decision| decision.as_str()).collect()
}

fn id(id: &str) -> Result<String, Fault> {
    if id.starts_with(RESERVED) {
        return Err(Fault::invalid(format!("approval ids starting with {RESERVED} are reserved")));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if id.len() <= ID_MAX && id.bytes().all(plain) && id != "." && id != ".." {
        return Ok(id.to_owned());
    }
    let what = "approval id must be 1-128 characters using only letters, numbers, '.', '_', ':', or '-', and cannot be \
                '.' or '..'";
    let details = json!({ "code": "EXEC_APPROVAL_ID_INVALID", "reason": "INVALID_APPROVAL_ID" });
    Err(Fault::invalid(what).details(details))
}

fn bound(params: &Value, node: Option<&str>, env: Env) -> Result<Bound, Fault> {
    let node = node.ok_or_else(|| Fault::invalid("nodeId is required for host=node"))?;
    if params["systemRunPlan"].is_null() {
        return Err(Fault::invalid("systemRunPlan is required for host=node"));
    }
    Bound::read(node, &params["systemRunPlan"], params, env)
        .ok_or_else(|| Fault::invalid("commandArgv is required for host=node"))
}

/// What of a request those see who decide: texts in which nothing hides, and of the environment the names alone.
fn request(params: &Value, bound: Option<&Bound>, env: &Env) -> Value {
    let shown = |name: &str| params[name].as_str().and_then(|text| bound::visible(text.trim()));
    let [cwd, agent, session] = bound.map_or([None; 3], Bound::circumstances);
    let or = |of_plan: Option<&str>, name: &str| of_plan.and_then(bound::visible).or_else(|| shown(name));
    let mut request = json!({
        "systemRunBinding": bound.map(Bound::shown),
        "systemRunPlan": bound.map(Bound::plan),
        "cwd": or(cwd, "cwd"),
        "nodeId": bound.map(|bound| &bound.node),
        "warningText": shown("warningText"),
        "scope": null,
        "commandAnalysis": null,
        "agentId": or(agent, "agentId"),
        "sessionKey": or(session, "sessionKey"),
    });
    let same = ["host", "security", "ask", "resolvedPath", "sessionId", "runId", "toolCallId"];
    let of_turn = ["turnSourceChannel", "turnSourceTo", "turnSourceAccountId", "turnSourceThreadId"];
    for name in same.into_iter().chain(of_turn) {
        request[name] = json!(shown(name));
    }
    if bound.is_none() && !params["commandArgv"].is_null() {
        request["commandArgv"] = params["commandArgv"].clone();
    }
    if !env.names.is_empty() {
        request["envKeys"] = json!(env.names);
    }
    if !params["unavailableDecisions"].is_null() {
        request["unavailableDecisions"] = params["unavailableDecisions"].clone();
    }
    request
}
