//! What a model is given to read: the system's words, then as much of the history as fits, newest first, and never half
//! of an exchange. Pure.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::gateway::sessions::message::{self, Kept};

/// How much a model is given to read where nothing is configured, in tokens.
pub const CONTEXT_TOKENS: u64 = 32_000;
/// What is left free for the answer, at most a quarter of the whole.
const ANSWER_TOKENS: u64 = 4096;
/// What a message costs besides its text.
const MESSAGE_TOKENS: u64 = 8;

/// The messages for a request: `system`, then what of `history`, oldest first, is within `tokens`. `run` is the run
/// that is being answered, `waiting` are those that come later: their questions are not read yet.
pub fn messages(system: &str, history: &[Kept], run: &str, waiting: &[String], tokens: u64) -> Vec<Value> {
    let budget = tokens.saturating_sub(ANSWER_TOKENS.min(tokens / 4)).saturating_sub(cost(system));
    let groups = exchanges(history, run, waiting);
    let mut spent = 0;
    let mut first = groups.len();
    for (at, group) in groups.iter().enumerate().rev() {
        spent += group.iter().map(|said| cost(&said.to_string())).sum::<u64>();
        // The question itself is asked, however long it is.
        if spent > budget && at + 1 < groups.len() {
            break;
        }
        first = at;
    }
    let mut messages = vec![json!({ "role": "system", "content": system })];
    messages.extend(groups.into_iter().skip(first).flatten());
    messages
}

/// A rough count: four bytes make a token.
fn cost(text: &str) -> u64 {
    text.len() as u64 / 4 + MESSAGE_TOKENS
}

/// The history by exchange, in the order in which they began; the one that is being answered comes last.
fn exchanges(history: &[Kept], run: &str, waiting: &[String]) -> Vec<Vec<Value>> {
    let mut order: Vec<(&str, Vec<&Kept>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for kept in history {
        // What no run said stands for itself.
        let name = kept.run_id.as_deref().unwrap_or(&kept.id);
        if waiting.iter().any(|later| later == name) {
            continue;
        }
        let place = *places.entry(name).or_insert_with(|| {
            order.push((name, Vec::new()));
            order.len() - 1
        });
        order[place].1.push(kept);
    }
    order.sort_by_key(|(name, _)| *name == run);
    order.into_iter().map(|(_, group)| exchange(&group)).filter(|group| !group.is_empty()).collect()
}

/// One exchange in the form of a request. A call without its result, or a result without its call, would be refused.
fn exchange(group: &[&Kept]) -> Vec<Value> {
    let results: HashSet<&str> =
        group.iter().filter_map(|kept| kept.message["toolCallId"].as_str()).collect();
    let mut called: HashSet<String> = HashSet::new();
    let mut messages = Vec::new();
    for kept in group {
        let said = &kept.message;
        let text = message::text(said);
        match said["role"].as_str() {
            Some("user") => messages.push(json!({ "role": "user", "content": text })),
            Some("assistant") => {
                let parts = said["content"].as_array().into_iter().flatten();
                let calls: Vec<Value> = parts
                    .filter(|part| part["type"] == "toolCall")
                    .filter(|part| part["id"].as_str().is_some_and(|id| results.contains(id)))
                    .map(call)
                    .collect();
                called.extend(calls.iter().filter_map(|call| call["id"].as_str().map(str::to_owned)));
                if calls.is_empty() && text.is_empty() {
                    continue;
                }
                let mut answer = json!({ "role": "assistant", "content": text });
                if !calls.is_empty() {
                    answer["tool_calls"] = json!(calls);
                }
                messages.push(answer);
            }
            Some("toolResult") => {
                let id = said["toolCallId"].as_str().unwrap_or_default();
                if called.remove(id) {
                    messages.push(json!({ "role": "tool", "tool_call_id": id, "content": text }));
                }
            }
            _ => {}
        }
    }
    messages
}

fn call(part: &Value) -> Value {
    let function = json!({ "name": part["name"], "arguments": part["arguments"].to_string() });
    json!({ "id": part["id"], "type": "function", "function": function })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(run: &str, message: Value) -> Kept {
        Kept { id: "m".into(), seq: 1, run_id: Some(run.into()), message }
    }

    fn said(run: &str, role: &str, text: &str) -> Kept {
        kept(run, message::of_text(role, text, 1))
    }

    fn roles(messages: &[Value]) -> Vec<String> {
        let shown = |said: &Value| {
            format!("{}:{}", said["role"].as_str().unwrap(), said["content"].as_str().unwrap_or("-"))
        };
        messages.iter().map(shown).collect()
    }

    #[test]
    fn exchanges_stay_together_and_later_questions_are_not_read() {
        let history = [
            said("1", "user", "a"),
            said("2", "user", "b"),
            said("3", "user", "c"),
            said("1", "assistant", "A"),
        ];
        let read = messages("s", &history, "2", &["3".into()], 10_000);
        assert_eq!(roles(&read), ["system:s", "user:a", "assistant:A", "user:b"]);
    }

    #[test]
    fn the_oldest_exchanges_are_left_out_and_the_question_never_is() {
        let long = "x".repeat(4000);
        let history = [
            said("1", "user", "old"),
            said("1", "assistant", &long),
            said("2", "user", "new"),
            said("3", "user", &long),
        ];
        let read = |tokens| roles(&messages("s", &history, "3", &[], tokens)).len();
        assert_eq!((read(10_000), read(1500), read(10)), (5, 3, 2));
    }

    #[test]
    fn a_call_goes_with_its_result_or_not_at_all() {
        let calls = json!({ "role": "assistant", "content": [
            { "type": "text", "text": "looking" },
            { "type": "toolCall", "id": "1", "name": "node_list", "arguments": {} },
            { "type": "toolCall", "id": "2", "name": "node_list", "arguments": {} },
        ]});
        let result = |id: &str| json!({ "role": "toolResult", "toolCallId": id, "content": [{ "type": "text", "text": "r" }] });
        let history =
            [said("r", "user", "q"), kept("r", calls), kept("r", result("1")), kept("r", result("9"))];
        let read = messages("s", &history, "r", &[], 10_000);
        assert_eq!(roles(&read), ["system:s", "user:q", "assistant:looking", "tool:r"]);
        assert_eq!(read[2]["tool_calls"].as_array().unwrap().len(), 1);
        assert_eq!(read[2]["tool_calls"][0]["function"], json!({ "name": "node_list", "arguments": "{}" }));
    }
}
