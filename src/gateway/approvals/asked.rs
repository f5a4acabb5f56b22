//! What somebody asks an approval for, out of the words of the protocol: pure.

use std::time::Duration;

use serde_json::{Value, json};

use super::bound::{self, Bound, Env};
use super::{Asked, Asker, Decision, USUAL};
use crate::wire::Fault;

/// Longest id of an asker's own choice.
const ID_MAX: usize = 128;
/// Ids that begin so are those of another kind of approval.
const RESERVED: &str = "plugin:";

/// The request in `params`, which fit the protocol's shape, from `asker`.
///
/// # Errors
/// `INVALID_REQUEST`: what is missing, an id that is none, a command line that nobody could read.
pub fn read(params: &Value, asker: Asker) -> Result<Asked, Fault> {
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
    let allowed = allowed(unavailable || text("ask") == Some("always"));
    let mut request = request(params, bound.as_ref(), &env);
    request["command"] = json!(command);
    request["allowedDecisions"] = words(&allowed);
    let timeout = params["timeoutMs"].as_u64().map_or(USUAL, Duration::from_millis);
    Ok(Asked { id, asker, bound, request, allowed, timeout })
}

/// What may be decided, `once` where nothing can be allowed for good.
fn allowed(once: bool) -> Vec<Decision> {
    match once {
        true => vec![Decision::AllowOnce, Decision::Deny],
        false => vec![Decision::AllowOnce, Decision::AllowAlways, Decision::Deny],
    }
}

/// The same in the words of the protocol.
fn words(allowed: &[Decision]) -> Value {
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
