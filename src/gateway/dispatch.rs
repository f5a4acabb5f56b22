//! What to do with a frame of an open connection (OPENCLAW.md 4.8, 4.10): a pure decision.

use serde_json::{Value, json};

use super::admission::{Grant, Role};
use super::connect::REQUEST;
use super::method::{self, Method, Table};
use super::scope;
use crate::wire::{Fault, Frame, Request, limits};

/// What to do with a frame.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing: it is not JSON.
    Ignore,
    /// Send this answer.
    Answer(String),
    /// Send this answer, then close for repeated calls of the wrong role.
    AnswerAndClose(String),
    /// Run the method with these parameters and answer under this id.
    Run(&'static Method, String, Value),
}

/// Decides. `wrong_role` counts the calls of the wrong role in a row.
pub fn judge(frame: &[u8], grant: &Grant, table: &Table, wrong_role: &mut u32) -> Verdict {
    let Ok(value) = serde_json::from_slice::<Value>(frame) else { return Verdict::Ignore };
    if let Err(wrong) = REQUEST.check(&value) {
        return Verdict::Answer(malformed(&value, &wrong));
    }
    let chosen = value.get("expectedProfileId").is_some();
    let Ok(request) = serde_json::from_value::<Request>(value) else { return Verdict::Ignore };
    if !role_fits(grant.role, &request.method, table) {
        *wrong_role += 1;
        let fault = Fault::invalid(format!("unauthorized role: {}", grant.role.as_str()));
        let answer = Frame::failure(request.id, fault).to_text();
        return if *wrong_role > limits::WRONG_ROLE_MAX {
            Verdict::AnswerAndClose(answer)
        } else {
            Verdict::Answer(answer)
        };
    }
    *wrong_role = 0;
    match permit(&request, grant, table)
        .and_then(|permitted| if chosen { Err(other_account()) } else { Ok(permitted) })
    {
        Ok((method, params)) => Verdict::Run(method, request.id, params),
        Err(fault) => Verdict::Answer(Frame::failure(request.id, fault).to_text()),
    }
}

/// The answer to what is no request; a numeric id is given back as it came.
fn malformed(value: &Value, wrong: &str) -> String {
    let id = match value.get("id") {
        Some(Value::String(id)) if !id.is_empty() => json!(id),
        Some(Value::Number(id)) => json!(id),
        _ => json!("invalid"),
    };
    let fault = Fault::invalid(format!("invalid request frame: {wrong}"));
    json!({ "type": "res", "id": id, "ok": false, "error": fault }).to_string()
}

/// Nodes call what is theirs and what is everyone's; operators call all but what is the nodes'.
fn role_fits(role: Role, name: &str, table: &Table) -> bool {
    match role {
        Role::Operator => !method::is_node_only(name),
        Role::Node => {
            method::is_node_only(name) || table.find(name).is_some_and(|method| method.scope.is_none())
        }
    }
}

/// The answer to whoever means to act as a chosen account: nobody is one here.
fn other_account() -> Fault {
    let what = "Selected account changed or is unavailable. Select the account again before retrying.";
    let details = json!({ "reason": "EXPECTED_PROFILE_MISMATCH", "execution": "not_started" });
    Fault::invalid(what).details(details)
}

fn permit(request: &Request, grant: &Grant, table: &Table) -> Result<(&'static Method, Value), Fault> {
    let name = request.method.as_str();
    let found = table.find(name);
    // An unknown method counts as an admin's, so that others learn nothing about what there is.
    let wanted = match found {
        Some(method) => method.scope,
        None if grant.role == Role::Node => None,
        None => Some(scope::ADMIN),
    };
    if let Some(wanted) = wanted.filter(|wanted| !scope::covers(&grant.scopes, wanted)) {
        return Err(scope::missing(wanted));
    }
    if name == "connect" {
        return Err(Fault::invalid("connect is only valid as the first request"));
    }
    let method = found.ok_or_else(|| Fault::invalid(format!("unknown method: {name}")))?;
    let params = match &request.params {
        Value::Null => json!({}),
        params => params.clone(),
    };
    if let Some(shape) = method.params {
        shape.check(&params).map_err(|wrong| Fault::invalid(format!("invalid {name} params: {wrong}")))?;
    }
    Ok((method, params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::admission::By;

    fn said(frame: &str, role: Role, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let grant = Grant { role, scopes, device: None, by: By::None };
        match judge(frame.as_bytes(), &grant, &Table::of_all(), &mut 0) {
            Verdict::Answer(text) => {
                let answer: Value = serde_json::from_str(&text).unwrap();
                format!("{} {}", answer["id"], answer["error"]["message"].as_str().unwrap())
            }
            Verdict::Run(method, id, params) => format!("run {} {id} {params}", method.name),
            other => format!("{other:?}"),
        }
    }

    fn call(method: &str, params: &str) -> String {
        format!(r#"{{"type":"req","id":"1","method":"{method}"{params}}}"#)
    }

    #[test]
    fn frames_are_judged_as_in_the_captures() {
        let (op, node) = (Role::Operator, Role::Node);
        let table = [
            (said("{nope", op, &[]), "Ignore"),
            (said("[]", op, &[]), r#""invalid" invalid request frame: must be object"#),
            (
                said(r#"{"type":"req","id":5,"method":"health"}"#, op, &[]),
                "5 invalid request frame: at /id: must be string",
            ),
            (said(&call("health", r#","params":null"#), op, &[]), "run health 1 {}"),
            (said(&call("health", r#","params":{"any":1}"#), node, &[]), r#"run health 1 {"any":1}"#),
            (said(&call("status", ""), node, &[]), r#""1" unauthorized role: node"#),
            (said(&call("status", ""), op, &[]), r#""1" missing scope: operator.read"#),
            (said(&call("status", ""), op, &["operator.write"]), "run status 1 {}"),
            (
                said(&call("status", r#","params":[]"#), op, &["operator.read"]),
                r#""1" invalid status params: must be object"#,
            ),
            (
                said(&call("connect", ""), op, &["operator.admin"]),
                r#""1" connect is only valid as the first request"#,
            ),
            (said(&call("no.such", ""), op, &["operator.admin"]), r#""1" unknown method: no.such"#),
            (said(&call("no.such", ""), op, &["operator.read"]), r#""1" missing scope: operator.admin"#),
            (said(&call("node.event", ""), op, &["operator.admin"]), r#""1" unauthorized role: operator"#),
            (said(&call("skills.bins", ""), node, &[]), r#""1" unknown method: skills.bins"#),
        ];
        for (said, expected) in table {
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn the_eleventh_wrong_call_in_a_row_is_the_last() {
        let grant = Grant { role: Role::Operator, scopes: vec![], device: None, by: By::None };
        let (wrong, right) = (call("node.event", ""), call("health", ""));
        let (table, mut count) = (Table::of_all(), 0);
        for _ in 0..10 {
            assert!(matches!(judge(wrong.as_bytes(), &grant, &table, &mut count), Verdict::Answer(_)));
        }
        assert!(matches!(judge(right.as_bytes(), &grant, &table, &mut count), Verdict::Run(..)));
        for _ in 0..10 {
            assert!(matches!(judge(wrong.as_bytes(), &grant, &table, &mut count), Verdict::Answer(_)));
        }
        assert!(matches!(judge(wrong.as_bytes(), &grant, &table, &mut count), Verdict::AnswerAndClose(_)));
    }
}
