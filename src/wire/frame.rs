//! The three frames of protocol v4 (OPENCLAW.md 4.1). A reader ignores fields that it does not know; what a
//! server must refuse is checked by the server.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fault;

/// One frame, told apart by its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Frame {
    /// A call.
    Req(Request),
    /// Its answer.
    Res(Response),
    /// Something that happened.
    Event(Event),
}

/// A call of a method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the caller, at least one character; the answer carries it back.
    pub id: String,
    /// The method's name.
    pub method: String,
    /// Its parameters; absent and null mean `{}`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub params: Value,
    /// W3C trace context, at most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The answer to a call. Answers come in order of completion; only `id` matches them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The call's id.
    pub id: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// The result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// The error; may stand beside a payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
}

/// Something that happened, told to whoever may know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The event's name.
    pub event: String,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// Counts the broadcast events of one connection from 1; a gap means dropped events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Versions of the state behind `presence` and `health` events.
    #[serde(default, rename = "stateVersion", skip_serializing_if = "Option::is_none")]
    pub state_version: Option<StateVersion>,
}

/// Versions of what a gateway publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateVersion {
    /// Version of the presence list.
    pub presence: u64,
    /// Version of the health snapshot.
    pub health: u64,
}

impl Event {
    /// The frame of a numbered event as one line of JSON, from a payload that is JSON already: what goes to a thousand
    /// connections is written once.
    pub fn text(event: &str, payload: &str, seq: u64, versions: Option<StateVersion>) -> String {
        let mut text = String::with_capacity(payload.len() + event.len() + 96);
        text.push_str(r#"{"type":"event","event":""#);
        text.push_str(event);
        text.push_str(r#"","payload":"#);
        text.push_str(payload);
        text.push_str(&format!(r#","seq":{seq}"#));
        if let Some(StateVersion { presence, health }) = versions {
            text.push_str(&format!(r#","stateVersion":{{"presence":{presence},"health":{health}}}"#));
        }
        text.push('}');
        text
    }
}

impl Frame {
    /// A call with an id, a method and parameters.
    pub fn request(id: impl Into<String>, method: impl Into<String>, params: Value) -> Self {
        Frame::Req(Request { id: id.into(), method: method.into(), params, traceparent: None })
    }

    /// A successful answer.
    pub fn success(id: impl Into<String>, payload: Value) -> Self {
        Frame::Res(Response { id: id.into(), ok: true, payload: Some(payload), error: None })
    }

    /// A failed answer.
    pub fn failure(id: impl Into<String>, mut error: Fault) -> Self {
        let payload = error.beside.take().map(|payload| *payload);
        Frame::Res(Response { id: id.into(), ok: false, payload, error: Some(error) })
    }

    /// An event without sequence number.
    pub fn event(name: impl Into<String>, payload: Value) -> Self {
        Frame::Event(Event { event: name.into(), payload: Some(payload), ..Event::default() })
    }

    /// The frame as one line of JSON.
    pub fn to_text(&self) -> String {
        // A frame holds only strings, numbers, booleans and JSON values: nothing that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_and_write_the_shapes_of_the_captures() {
        for text in [
            r#"{"type":"req","id":"r2","method":"health","params":{}}"#,
            r#"{"type":"res","id":"r2","ok":true,"payload":{"ok":true}}"#,
            r#"{"type":"res","id":"r42","ok":false,"error":{"code":"INVALID_REQUEST","message":"unknown method: no.such.method"}}"#,
            r#"{"type":"event","event":"shutdown","payload":{"reason":"gateway stopping"},"seq":2}"#,
        ] {
            assert_eq!(serde_json::from_str::<Frame>(text).unwrap().to_text(), text);
        }
    }

    #[test]
    fn an_event_by_its_text_is_the_same_event() {
        let versions = Some(StateVersion { presence: 3, health: 4 });
        let event = Event {
            event: "presence".into(),
            payload: Some(serde_json::json!({ "a": [1, "x"] })),
            seq: Some(7),
            state_version: versions,
        };
        assert_eq!(Event::text("presence", r#"{"a":[1,"x"]}"#, 7, versions), Frame::Event(event).to_text());
    }

    #[test]
    fn a_reader_ignores_fields_that_a_newer_gateway_adds() {
        let frame: Frame =
            serde_json::from_str(r#"{"type":"event","event":"tick","payload":{"ts":1},"new":[1]}"#).unwrap();
        assert_eq!(frame, Frame::event("tick", serde_json::json!({"ts": 1})));
    }

    #[test]
    fn a_missing_frame_type_is_an_error() {
        assert!(serde_json::from_str::<Frame>(r#"{"id":"r2","ok":true}"#).is_err());
        assert!(serde_json::from_str::<Frame>("[]").is_err());
    }
}
