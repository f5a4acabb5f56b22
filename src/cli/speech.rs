//! What an agent says while it runs: from the events of its run to the text that is new in each.

use serde_json::Value;

use crate::wire::Event;

/// The text of one run as far as it came.
#[derive(Debug, Default)]
pub struct Speech {
    /// Ids of the run: the one that it was asked with, and the one that the gateway gave it.
    runs: Vec<String>,
    /// The session that it runs in, as far as is known.
    pub session: String,
    /// The event that tells the text. A gateway may tell it by two, and it is said once.
    source: Option<&'static str>,
    said: String,
}

impl Speech {
    /// That of the run `id` in `session`.
    pub fn new(id: &str, session: &str) -> Self {
        Speech { runs: vec![id.to_owned()], session: session.to_owned(), ..Speech::default() }
    }

    /// Takes run and session from the answer that says that the run was accepted.
    pub fn begun(&mut self, answer: &Value) {
        self.runs.extend(answer["runId"].as_str().map(str::to_owned));
        if let Some(session) = answer["sessionKey"].as_str() {
            session.clone_into(&mut self.session);
        }
    }

    /// The id of the run.
    pub fn run(&self) -> &str {
        self.runs.last().map_or("", String::as_str)
    }

    /// What `event` adds to the text; empty where it is of something else.
    pub fn hear(&mut self, event: &Event) -> String {
        let Some(payload) = &event.payload else { return String::new() };
        if !self.runs.iter().any(|run| payload["runId"] == run.as_str()) {
            return String::new();
        }
        let source = match event.event.as_str() {
            "agent" if payload["stream"] == "assistant" => "agent",
            "chat" if payload["state"] == "delta" => "chat",
            _ => return String::new(),
        };
        if *self.source.get_or_insert(source) != source {
            return String::new();
        }
        let data = &payload["data"];
        let (piece, whole) = match source {
            "agent" => (data["delta"].as_str(), data["text"].as_str()),
            _ if payload["replace"] == true => (None, payload["deltaText"].as_str()),
            _ => (payload["deltaText"].as_str(), None),
        };
        match (piece, whole) {
            // A message that is only as long as what is new in it is another one than before.
            (Some(piece), Some(whole)) if piece == whole => self.another(piece),
            (Some(piece), _) => self.add(piece),
            (None, Some(whole)) => self.upto(whole),
            (None, None) => String::new(),
        }
    }

    /// What the last answer has beyond what was said, up to the end of the line.
    pub fn end(&mut self, answer: &Value) -> String {
        let parts = answer["result"]["payloads"].as_array().into_iter().flatten();
        let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
        let whole = texts.join("\n");
        let mut rest = match whole.strip_prefix(&self.said) {
            Some(_) if !self.said.is_empty() || !whole.is_empty() => self.upto(&whole),
            _ => String::new(),
        };
        rest += self.break_line();
        rest
    }

    /// A line break, where something stands on the line.
    pub fn break_line(&mut self) -> &'static str {
        let is_open = !self.said.is_empty() && !self.said.ends_with('\n');
        if is_open {
            self.said.push('\n')
        }
        if is_open { "\n" } else { "" }
    }

    /// Whether nothing was said.
    pub fn is_silent(&self) -> bool {
        self.said.is_empty()
    }

    fn add(&mut self, piece: &str) -> String {
        self.said.push_str(piece);
        harmless(piece)
    }

    fn another(&mut self, piece: &str) -> String {
        let before = self.break_line();
        format!("{before}{}", self.add(piece))
    }

    /// The text is `whole` now: its rest, or all of it on a line of its own where what was said is no part of it.
    fn upto(&mut self, whole: &str) -> String {
        match whole.strip_prefix(&self.said).map(str::to_owned) {
            Some(rest) => self.add(&rest),
            None => {
                let before = self.break_line();
                whole.clone_into(&mut self.said);
                format!("{before}{}", harmless(whole))
            }
        }
    }
}

/// The text with its line breaks, and without what a terminal would take for an order.
fn harmless(text: &str) -> String {
    let allowed = |letter: char| !letter.is_control() || letter == '\n' || letter == '\t';
    text.chars().map(|letter| if allowed(letter) { letter } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heard(speech: &mut Speech, event: &str, payload: Value) -> String {
        speech.hear(&Event { event: event.into(), payload: Some(payload), seq: None, state_version: None })
    }

    fn agent(delta: &str, text: &str) -> Value {
        json!({"runId": "r", "stream": "assistant", "data": {"delta": delta, "text": text}})
    }

    #[test]
    fn the_first_source_is_heard_and_the_other_is_not() {
        let mut speech = Speech::new("r", "main");
        assert_eq!(heard(&mut speech, "agent", agent("Hel", "Hel")), "Hel");
        let chat = json!({"runId": "r", "state": "delta", "deltaText": "Hel"});
        assert_eq!(heard(&mut speech, "chat", chat), "");
        assert_eq!(heard(&mut speech, "agent", agent("lo\u{1b}", "Hello\u{1b}")), "lo ");
        assert_eq!(heard(&mut speech, "agent", agent("Bye", "Bye")), "\nBye");
        assert_eq!(speech.end(&json!({"result": {"payloads": [{"text": "Bye"}]}})), "\n");
        assert_eq!(speech.end(&json!({})), "");
    }

    #[test]
    fn other_runs_and_other_streams_are_not_heard() {
        let mut speech = Speech::new("k", "main");
        assert_eq!(heard(&mut speech, "agent", agent("x", "x")), "");
        speech.begun(&json!({"runId": "r", "sessionKey": "agent:main:main"}));
        assert_eq!((speech.run(), speech.session.as_str()), ("r", "agent:main:main"));
        let thinking = json!({"runId": "r", "stream": "thinking", "data": {"delta": "hm"}});
        assert_eq!(heard(&mut speech, "agent", thinking), "");
        assert!(speech.is_silent());
    }

    #[test]
    fn a_replaced_text_is_said_from_where_it_differs_or_anew() {
        let mut speech = Speech::new("r", "main");
        let chat = |text: &str, replace: bool| json!({"runId": "r", "state": "delta", "deltaText": text, "replace": replace});
        assert_eq!(heard(&mut speech, "chat", chat("ab", false)), "ab");
        assert_eq!(heard(&mut speech, "chat", chat("abc", true)), "c");
        assert_eq!(heard(&mut speech, "chat", chat("xy", true)), "\nxy");
        assert_eq!(speech.end(&json!({"result": {"payloads": [{"text": "xyz"}]}})), "z\n");
    }

    #[test]
    fn without_events_the_last_answer_says_it_all() {
        let mut speech = Speech::new("r", "main");
        let answer = json!({"result": {"payloads": [{"text": "a"}, {"mediaUrl": "u"}, {"text": "b"}]}});
        assert_eq!(speech.end(&answer), "a\nb\n");
    }
}
