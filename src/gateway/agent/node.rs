//! Nodes in a conversation: what a model may use of them, and the command that does the same by hand. Each goes the way
//! of every call on a node, through its policy; who may do what is asked here, and what a node wants approved in [`approve`].

use serde_json::{Value, json};
use uuid::Uuid;

use super::Author;
use super::approve;
use super::command::{Asked, Command};
use super::tool::{Tool, Used};
use crate::gateway::approvals::Asker;
use crate::gateway::nodes::{self, Invoke, policy};
use crate::gateway::scope;

/// The tools.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "node_list",
        does: "Lists the nodes, that is the devices that can do something, with the commands of each.",
        takes: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        here: |_, author| author.may(scope::READ),
        run: |used| Box::pin(async move { Ok(json!({ "nodes": nodes::list(&used.hub) }).to_string()) }),
    },
    Tool {
        name: "node_invoke",
        does: "Has a node run one of its commands and gives back what it answers.",
        takes: || {
            json!({
                "type": "object",
                "properties": {
                    "node": { "type": "string", "description": "its id or its name" },
                    "command": { "type": "string", "description": "one of its commands, such as system.which" },
                    "params": { "type": "object", "description": "what the command takes" },
                },
                "required": ["node", "command"],
                "additionalProperties": false,
            })
        },
        here: |_, author| author.may(scope::WRITE),
        run: |used| Box::pin(invoke_tool(used)),
    },
];

/// The commands.
pub const COMMANDS: &[Command] = &[Command {
    name: "node",
    takes: "list | run NAME COMMAND [ARGS…]",
    does: "lists the nodes, or has one run a command",
    here: |_, author| author.may(scope::READ),
    run: |asked| Box::pin(command(asked)),
}];

async fn invoke_tool(used: Used) -> Result<String, String> {
    check(&used.author, used.text("command"))?;
    let order = Invoke {
        node: used.text("node").to_owned(),
        command: used.text("command").to_owned(),
        params: used.args["params"].clone(),
        timeout: None,
        // The model's own id for a call is unique within its answer only.
        idempotency_key: format!("{}:{}", used.run_id, Uuid::new_v4()),
        session_key: Some(used.session_key.clone()),
        asker: Asker::Run(used.run_id.clone()),
    };
    let answer = approve::invoke(&used.hub, &used.run_id, order).await?;
    Ok(answer["payload"].to_string())
}

fn check(author: &Author, command: &str) -> Result<(), String> {
    policy::is_callable(command).map_err(|fault| fault.message)?;
    let needed = policy::scope_of(command);
    match author.may(needed) {
        true => Ok(()),
        false => Err(format!("running {command} on a node needs {needed}")),
    }
}

async fn command(asked: Asked) -> Result<String, String> {
    let words: Vec<&str> = asked.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] | [] => Ok(listed(&nodes::list(&asked.hub))),
        ["run", node, command, args @ ..] => {
            check(&asked.author, command)?;
            let order = Invoke {
                node: (*node).to_owned(),
                command: (*command).to_owned(),
                params: params(command, args)?,
                timeout: None,
                idempotency_key: format!("{}:{}", asked.run_id, Uuid::new_v4()),
                session_key: Some(asked.session_key.clone()),
                asker: Asker::Run(asked.run_id.clone()),
            };
            let answer = approve::invoke(&asked.hub, &asked.run_id, order).await?;
            Ok(said(&answer["payload"]))
        }
        _ => Err("say /node list, or /node run NAME COMMAND [ARGS…]".into()),
    }
}

fn listed(nodes: &[Value]) -> String {
    if nodes.is_empty() {
        return "There is no node.".into();
    }
    let line = |node: &Value| {
        let name = node["displayName"].as_str().or(node["nodeId"].as_str()).unwrap_or("?");
        let state = if node["connected"] == json!(true) { "connected" } else { "away" };
        let commands = node["commands"].as_array().into_iter().flatten().filter_map(Value::as_str);
        format!("{name} ({state}): {}", commands.collect::<Vec<_>>().join(", "))
    };
    nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What a command takes, from the words behind it: a JSON object as it stands, else the words where the command is
/// known to take some.
fn params(command: &str, args: &[&str]) -> Result<Value, String> {
    let text = args.join(" ");
    match (command, args) {
        (_, []) => Ok(Value::Null),
        _ if text.starts_with('{') => {
            serde_json::from_str(&text).map_err(|error| format!("that is no JSON object: {error}"))
        }
        ("system.run", words) => Ok(json!({ "command": words })),
        ("system.which", words) => Ok(json!({ "bins": words })),
        ("system.notify", [title, body @ ..]) => Ok(json!({ "title": title, "body": body.join(" ") })),
        _ => Err(format!("write what {command} takes as a JSON object")),
    }
}

/// What a node answered, in words where it has some.
fn said(payload: &Value) -> String {
    let text = |name: &str| payload[name].as_str().map(str::trim_end).filter(|text| !text.is_empty());
    let parts: Vec<&str> = [text("stdout"), text("stderr")].into_iter().flatten().collect();
    let exit = payload["exitCode"].as_i64().filter(|code| *code != 0);
    let exit = exit.map(|code| format!("(exit code {code})"));
    let all: Vec<&str> = parts.into_iter().chain(exit.as_deref()).collect();
    match (all.is_empty(), payload) {
        (false, _) => all.join("\n"),
        (true, Value::Null) => "Done.".into(),
        (true, payload) => payload.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_what_the_command_takes() {
        assert_eq!(params("system.run", &["ls", "-l"]), Ok(json!({ "command": ["ls", "-l"] })));
        assert_eq!(params("system.which", &["ls"]), Ok(json!({ "bins": ["ls"] })));
        assert_eq!(params("x.y", &["{\"a\":", "1}"]), Ok(json!({ "a": 1 })));
        assert_eq!(params("x.y", &[]), Ok(Value::Null));
        assert!(params("x.y", &["word"]).is_err() && params("x.y", &["{nope"]).is_err());
    }

    #[test]
    fn an_answer_is_told_in_words_where_it_has_some() {
        assert_eq!(said(&json!({ "stdout": "one\n", "stderr": "", "exitCode": 2 })), "one\n(exit code 2)");
        assert_eq!(said(&json!({ "bins": {} })), r#"{"bins":{}}"#);
        assert_eq!(said(&Value::Null), "Done.");
    }
}
