//! What a model says, put together from the pieces in which it comes: text, calls of tools, and what it cost. Pure.

use serde_json::{Value, json};

/// Calls of tools that are taken from one answer.
pub const CALLS_MAX: usize = 16;
/// Largest answer, in bytes: its text and what its calls carry.
pub const ANSWER_MAX: usize = 512 * 1024;
/// The end of a stream.
const DONE: &str = "[DONE]";

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Its id, of the model's choice.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// What it is given, as the model wrote it: JSON, if it was careful.
    pub arguments: String,
}

/// An answer that comes piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Speech {
    /// Its text so far.
    pub text: String,
    /// The tools that it calls.
    pub calls: Vec<ToolCall>,
    /// Why it ended, once it has.
    pub finish: Option<String>,
    /// Tokens that were read for it.
    pub input_tokens: u64,
    /// Tokens that were written.
    pub output_tokens: u64,
    done: bool,
}

/// What is wrong with a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not what was asked for.
    Unreadable,
    /// The provider says what went wrong.
    Said(String),
    /// The answer is larger than it may be.
    TooLarge,
}

impl Speech {
    /// Takes the data of one event; the text that it adds.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn take(&mut self, data: &str) -> Result<String, Wrong> {
        if data.trim() == DONE {
            self.done = true;
            return Ok(String::new());
        }
        let piece: Value = serde_json::from_str(data).map_err(|_| Wrong::Unreadable)?;
        if let Some(error) = piece.get("error").filter(|error| !error.is_null()) {
            return Err(Wrong::Said(said(error)));
        }
        if let Some(usage) = piece.get("usage").filter(|usage| usage.is_object()) {
            self.input_tokens = usage["prompt_tokens"].as_u64().unwrap_or(self.input_tokens);
            self.output_tokens = usage["completion_tokens"].as_u64().unwrap_or(self.output_tokens);
        }
        let choice = &piece["choices"][0];
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(finish.to_owned());
        }
        // A server that does not stream gives the whole message at once.
        let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        for (place, call) in delta["tool_calls"].as_array().into_iter().flatten().enumerate() {
            self.take_call(place, call);
        }
        let text = delta["content"].as_str().unwrap_or_default();
        self.text.push_str(text);
        let carried: usize = self.calls.iter().map(|call| call.arguments.len() + call.name.len()).sum();
        if self.text.len() + carried > ANSWER_MAX {
            return Err(Wrong::TooLarge);
        }
        Ok(text.to_owned())
    }

    fn take_call(&mut self, place: usize, call: &Value) {
        let at = call["index"].as_u64().map_or(place, |index| index as usize);
        if at >= CALLS_MAX {
            return;
        }
        if self.calls.len() <= at {
            self.calls.resize_with(at + 1, ToolCall::default);
        }
        let known = &mut self.calls[at];
        if let Some(id) = call["id"].as_str().filter(|id| !id.is_empty()) {
            known.id = id.to_owned();
        }
        let function = &call["function"];
        known.name.push_str(function["name"].as_str().unwrap_or_default());
        match &function["arguments"] {
            Value::String(piece) => known.arguments.push_str(piece),
            Value::Null => {}
            whole => known.arguments = whole.to_string(),
        }
    }

    /// Whether it came to its end; a stream that was cut off did not.
    pub fn is_whole(&self) -> bool {
        self.done || self.finish.is_some()
    }

    /// The calls that name a tool, each with an id.
    pub fn tool_calls(&self) -> Vec<ToolCall> {
        let named = self.calls.iter().filter(|call| !call.name.is_empty()).enumerate();
        let with_id = |(place, call): (usize, &ToolCall)| match call.id.is_empty() {
            true => ToolCall { id: format!("call_{place}"), ..call.clone() },
            false => call.clone(),
        };
        named.map(with_id).collect()
    }

    /// What it cost, in the keys of the real program.
    pub fn usage(&self) -> Value {
        json!({
            "input": self.input_tokens,
            "output": self.output_tokens,
            "totalTokens": self.input_tokens + self.output_tokens,
        })
    }
}

/// The sentence in an error of a provider, wherever it keeps it.
pub fn said(error: &Value) -> String {
    let sentence = error.as_str().or(error["message"].as_str()).or(error["error"]["message"].as_str());
    sentence.unwrap_or("it says no more").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_calls_are_put_together() {
        let mut speech = Speech::default();
        let pieces = [
            r#"{"choices":[{"delta":{"role":"assistant","content":"He"}}]}"#,
            r#"{"choices":[{"delta":{"content":"llo"}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"node_list","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"name":"other"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
        ];
        let texts: Vec<String> = pieces.iter().map(|piece| speech.take(piece).unwrap()).collect();
        assert_eq!((texts.concat(), speech.text.as_str()), ("Hello".to_owned(), "Hello"));
        let calls = speech.tool_calls();
        assert_eq!((calls[0].id.as_str(), calls[0].arguments.as_str()), ("a", r#"{"x":1}"#));
        assert_eq!((calls[1].id.as_str(), calls[1].name.as_str()), ("call_1", "other"));
        assert_eq!(speech.usage(), json!({ "input": 7, "output": 3, "totalTokens": 10 }));
        assert!(speech.is_whole());
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let mut speech = Speech::default();
        assert_eq!(speech.take("nonsense"), Err(Wrong::Unreadable));
        assert_eq!(speech.take(r#"{"error":{"message":"no"}}"#), Err(Wrong::Said("no".into())));
        let large = json!({ "choices": [{ "delta": { "content": "x".repeat(ANSWER_MAX + 1) } }] });
        assert_eq!(speech.take(&large.to_string()), Err(Wrong::TooLarge));
        let many: Vec<Value> =
            (0..99).map(|at| json!({ "index": at, "function": { "name": "t" } })).collect();
        let mut speech = Speech::default();
        speech.take(&json!({ "choices": [{ "delta": { "tool_calls": many } }] }).to_string()).unwrap();
        assert_eq!(speech.calls.len(), CALLS_MAX);
        assert!(!speech.is_whole());
        speech.take("[DONE]").unwrap();
        assert!(speech.is_whole());
    }
}
