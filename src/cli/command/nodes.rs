//! `nodes list`, `nodes describe` and `nodes pending`: what is paired with the gateway, and what waits for it.

use std::time::Duration;

use serde_json::{Value, json};

use super::pairing::Who;
use super::{nodes_invoke, nodes_rename, pairing};
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::{Node, Nodes};
use crate::cli::line::{Asker, ask_within};
use crate::cli::render::{Listing, cell};
use crate::host::clock::epoch_ms;

/// How long these may take, as in the real program.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs one of them.
pub async fn run(context: &Context, command: &Nodes) -> Result<()> {
    match command {
        Nodes::List => list(context).await,
        Nodes::Describe(node) => describe(context, node).await,
        Nodes::Pending => pending(context).await,
        Nodes::Invoke(invoke) => nodes_invoke::run(context, invoke).await,
        Nodes::Rename(rename) => nodes_rename::run(context, rename).await,
        Nodes::Approve(request) => pairing::approve(context, Who::Node, &request.id).await,
        Nodes::Reject(request) => pairing::reject(context, Who::Node, &request.id).await,
    }
}

async fn list(context: &Context) -> Result<()> {
    let asker = Asker::new(context, TIMEOUT)?;
    let mut line = asker.open(&["node.pair.list", "node.list"]).await?;
    let mut pairs = line.ask("node.pair.list", json!({})).await?;
    let known = line.ask("node.list", json!({})).await?;
    line.close().await;
    let document =
        json!({ "pending": pairs["pending"].take(), "paired": merged(&pairs["paired"], &known["nodes"]) });
    context.render.answer(&document, table);
    Ok(())
}

/// The pairing's record of each paired node, and over it what the gateway knows of the node now.
fn merged(paired: &Value, nodes: &Value) -> Vec<Value> {
    let mut all: Vec<Value> =
        nodes.as_array().into_iter().flatten().filter(|node| node["paired"] == true).cloned().collect();
    for record in paired.as_array().into_iter().flatten() {
        match all.iter_mut().find(|node| node["nodeId"] == record["nodeId"]) {
            Some(node) => {
                for (key, value) in record.as_object().into_iter().flatten() {
                    if node.get(key).is_none() {
                        node[key] = value.clone();
                    }
                }
            }
            None => all.push(record.clone()),
        }
    }
    all
}

fn table(document: &Value) -> Listing {
    let now = epoch_ms();
    let mut listing =
        Listing::new(&["NODE", "NAME", "STATE", "PLATFORM", "VERSION", "CAPS", "SEEN"], "no nodes");
    let both = [("pending", "pending"), ("paired", "paired")];
    for (group, word) in both {
        for node in document[group].as_array().into_iter().flatten() {
            let state = match (group, node["connected"].as_bool(), node["approvalState"].as_str()) {
                ("pending", ..) => format!("waits for approval ({})", cell::text(&node["requestId"])),
                (_, Some(true), Some("approved") | None) => "connected".into(),
                (_, _, Some(other)) if other != "approved" => cell::clean(other),
                _ => word.to_owned(),
            };
            let seen = if group == "pending" { &node["ts"] } else { &node["lastSeenAtMs"] };
            listing.row([
                cell::text(&node["nodeId"]),
                cell::text(&node["displayName"]),
                state,
                cell::text(&node["platform"]),
                cell::text(&node["version"]),
                cell::list(&node["caps"]),
                cell::distance(now, seen),
            ]);
        }
    }
    listing
}

async fn pending(context: &Context) -> Result<()> {
    let mut pairs = ask_within(context, "node.pair.list", json!({}), TIMEOUT).await?;
    let document = pairs["pending"].take();
    context.render.answer(&document, |document| {
        let now = epoch_ms();
        let mut listing =
            Listing::new(&["REQUEST", "NODE", "NAME", "PLATFORM", "CAPS", "ASKED"], "no node waits");
        for node in document.as_array().into_iter().flatten() {
            listing.row([
                cell::text(&node["requestId"]),
                cell::text(&node["nodeId"]),
                cell::text(&node["displayName"]),
                cell::text(&node["platform"]),
                cell::list(&node["caps"]),
                cell::distance(now, &node["ts"]),
            ]);
        }
        listing
    });
    Ok(())
}

async fn describe(context: &Context, node: &Node) -> Result<()> {
    let wanted = node.name.as_deref().or(node.node.as_deref()).unwrap_or_default();
    let asker = Asker::new(context, TIMEOUT)?;
    let mut line = asker.open(&["node.list", "node.describe"]).await?;
    let known = line.ask("node.list", json!({})).await?;
    let id = resolve(wanted, &known["nodes"])?;
    let document = line.ask("node.describe", json!({ "nodeId": id })).await?;
    line.close().await;
    context.render.answer(&document, facts);
    Ok(())
}

/// The id of the one node that is meant: by id, by name, or by the beginning of its id.
///
/// # Errors
/// When none or more than one is meant.
pub fn resolve(wanted: &str, nodes: &Value) -> Result<String> {
    let nodes: Vec<&Value> = nodes.as_array().into_iter().flatten().collect();
    let is =
        |key: &str, node: &Value| node[key].as_str().is_some_and(|text| text.eq_ignore_ascii_case(wanted));
    let begins =
        |node: &Value| !wanted.is_empty() && node["nodeId"].as_str().is_some_and(|id| id.starts_with(wanted));
    let ways: [&dyn Fn(&Value) -> bool; 4] =
        [&|node| is("nodeId", node), &|node| is("displayName", node), &|node| is("remoteIp", node), &begins];
    for way in ways {
        let found: Vec<&str> =
            nodes.iter().filter(|node| way(node)).filter_map(|node| node["nodeId"].as_str()).collect();
        match found[..] {
            [] => {}
            [id] => return Ok(id.to_owned()),
            _ => {
                let message = format!("`{wanted}` may be each of these nodes: {}", found.join(", "));
                return Err(Error::new(Kind::Usage, "node_ambiguous", message).remedy("name one by its id"));
            }
        }
    }
    let known: Vec<&str> = nodes.iter().filter_map(|node| node["nodeId"].as_str()).collect();
    let known =
        if known.is_empty() { "it knows none".to_owned() } else { format!("it knows {}", known.join(", ")) };
    let message = format!("the gateway knows no node `{wanted}`; {known}");
    Err(Error::new(Kind::Failed, "node_unknown", message).remedy("openclaw nodes list"))
}

/// What is known, a fact a row.
fn facts(document: &Value) -> Listing {
    let now = epoch_ms();
    let mut listing = Listing::new(&["FACT", "VALUE"], "nothing is known of it");
    for (key, value) in document.as_object().into_iter().flatten() {
        let text = match value {
            Value::Array(_) => cell::list(value),
            Value::Number(_) if key.ends_with("AtMs") || key == "ts" => cell::distance(now, value),
            other => cell::text(other),
        };
        if text != "-" {
            listing.row([key.clone(), text]);
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_meant_by_id_by_name_or_by_the_beginning_of_its_id() {
        let nodes =
            json!([{"nodeId": "abc1", "displayName": "Desk"}, {"nodeId": "abd2", "displayName": "desk 2"}]);
        for (wanted, id) in [("abc1", "abc1"), ("DESK", "abc1"), ("desk 2", "abd2"), ("abd", "abd2")] {
            assert_eq!(resolve(wanted, &nodes).unwrap(), id);
        }
        assert_eq!(resolve("ab", &nodes).unwrap_err().code(), "node_ambiguous");
        assert_eq!(resolve("x", &nodes).unwrap_err().code(), "node_unknown");
        assert_eq!(resolve("", &nodes).unwrap_err().code(), "node_unknown");
    }

    #[test]
    fn what_is_known_now_covers_what_the_pairing_recorded() {
        let paired = json!([{"nodeId": "a", "caps": ["old"], "createdAtMs": 1}, {"nodeId": "b"}]);
        let nodes =
            json!([{"nodeId": "a", "caps": ["new"], "paired": true}, {"nodeId": "c", "paired": false}]);
        let all = merged(&paired, &nodes);
        assert_eq!(
            all,
            [
                json!({"nodeId": "a", "caps": ["new"], "paired": true, "createdAtMs": 1}),
                json!({"nodeId": "b"})
            ]
        );
    }
}
