//! The first frame of a connection: is it a request, is it `connect`, and are its parameters in order. Who
//! may then come in is decided in [`super::admission`].

use serde_json::Value;

use super::shape::{COUNT, Field, Shape, TEXT, WORD, optional, required};
use crate::wire::{ConnectParams, Fault};

/// Names that client programs may give themselves.
const CLIENT_IDS: &[&str] = &[
    "webchat-ui",
    "openclaw-control-ui",
    "openclaw-browser-copilot",
    "openclaw-tui",
    "webchat",
    "cli",
    "gateway-client",
    "openclaw-macos",
    "openclaw-linux",
    "openclaw-ios",
    "openclaw-watchos",
    "openclaw-android",
    "node-host",
    "openclaw-worker",
    "test",
    "fingerprint",
    "openclaw-probe",
];
const CLIENT_MODES: &[&str] = &["webchat", "cli", "ui", "backend", "node", "worker", "probe", "test"];
const VERSION: Shape = Shape::Integer(1, i64::MAX);
const WORDS: Shape = Shape::List(&WORD);

/// A request frame. `expectedProfileId` is not in the published schema; the real gateway takes it.
pub const REQUEST: Shape = Shape::Object(&[
    required("type", Shape::Const("req")),
    required("id", WORD),
    required("method", WORD),
    optional("params", Shape::Any),
    optional("traceparent", Shape::Text(0, 128)),
    optional("expectedProfileId", TEXT),
]);

const CLIENT: &[Field] = &[
    required("id", Shape::OneOf(CLIENT_IDS)),
    optional("displayName", WORD),
    required("version", WORD),
    optional("buildId", Shape::Text(1, 96)),
    required("platform", WORD),
    optional("deviceFamily", WORD),
    optional("modelIdentifier", WORD),
    optional("timeZone", Shape::Text(1, 64)),
    required("mode", Shape::OneOf(CLIENT_MODES)),
    optional("instanceId", WORD),
];
const DEVICE: &[Field] = &[
    required("id", WORD),
    required("publicKey", WORD),
    required("signature", WORD),
    required("signedAt", COUNT),
    required("nonce", WORD),
];
const AUTH: &[Field] = &[
    optional("token", TEXT),
    optional("bootstrapToken", TEXT),
    optional("deviceToken", TEXT),
    optional("password", TEXT),
    optional("approvalRuntimeToken", TEXT),
    optional("agentRuntimeIdentityToken", TEXT),
];
const WORKER_RUNS: &[Field] = &[
    required("bundleHash", Shape::Text(64, 64)),
    required("openclawVersion", Shape::Text(1, 128)),
    required("protocolFeatures", Shape::List(&Shape::Text(1, 128))),
    optional("bundlePrewarm", VERSION),
];
const CONNECT: Shape = Shape::Object(&[
    required("minProtocol", VERSION),
    required("maxProtocol", VERSION),
    required("client", Shape::Object(CLIENT)),
    optional("caps", WORDS),
    optional("commands", WORDS),
    optional("computerUse", Shape::Any),
    optional("workerRuns", Shape::Object(WORKER_RUNS)),
    optional("permissions", Shape::Map(&Shape::Boolean)),
    optional("pathEnv", TEXT),
    optional("role", WORD),
    optional("scopes", WORDS),
    optional("device", Shape::Object(DEVICE)),
    optional("auth", Shape::Object(AUTH)),
    optional("locale", TEXT),
    optional("userAgent", TEXT),
]);

/// How a connection ends: perhaps with an answer, surely with a close.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The answer, with the id of the request that it answers.
    pub answer: Option<(String, Box<Fault>)>,
    /// The close code.
    pub code: u16,
    /// The close reason.
    pub reason: String,
}

impl Refusal {
    /// A close without an answer.
    pub fn silent(code: u16, reason: &str) -> Self {
        Refusal { answer: None, code, reason: reason.into() }
    }

    /// An answer, and a close that gives its message as reason.
    pub fn answered(id: &str, fault: Fault, code: u16) -> Self {
        Refusal { reason: fault.message.clone(), answer: Some((id.into(), Box::new(fault))), code }
    }
}

/// Reads the first frame: the request's id and the parameters.
///
/// # Errors
/// How the connection ends instead.
pub fn read(frame: &[u8]) -> Result<(String, ConnectParams), Refusal> {
    let Ok(value) = serde_json::from_slice::<Value>(frame) else { return Err(Refusal::silent(1000, "")) };
    if REQUEST.check(&value).is_err() {
        return Err(Refusal::silent(1008, "invalid request frame"));
    }
    let id = value["id"].as_str().unwrap_or_default().to_owned();
    if value["method"] != "connect" {
        let fault = Fault::invalid("invalid handshake: first request must be connect");
        return Err(Refusal::answered(&id, fault, 1008));
    }
    let params = match value.get("params") {
        None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
        Some(params) => params.clone(),
    };
    let checked = CONNECT
        .check(&params)
        .and_then(|()| serde_json::from_value(params).map_err(|error| error.to_string()));
    match checked {
        Ok(params) => Ok((id, params)),
        Err(wrong) => {
            let fault = Fault::invalid(format!("invalid connect params: {wrong}"));
            Err(Refusal::answered(&id, fault, 1008))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(frame: &str) -> (Option<String>, u16, String) {
        let refusal = read(frame.as_bytes()).unwrap_err();
        (refusal.answer.map(|(id, fault)| format!("{id}: {}", fault.message)), refusal.code, refusal.reason)
    }

    #[test]
    fn what_is_no_connect_ends_as_in_the_captures() {
        assert_eq!(refused("{not json"), (None, 1000, String::new()));
        for frame in ["[]", r#"{"type":"event","event":"x"}"#, r#"{"type":"req","id":5,"method":"connect"}"#]
        {
            assert_eq!(refused(frame), (None, 1008, "invalid request frame".into()), "{frame}");
        }
        let (answer, code, reason) = refused(r#"{"type":"req","id":"a1","method":"health","params":{}}"#);
        assert_eq!(answer.unwrap(), format!("a1: {reason}"));
        assert_eq!((code, reason.as_str()), (1008, "invalid handshake: first request must be connect"));
        let (answer, ..) = refused(r#"{"type":"req","id":"a","method":"connect","params":{"x":1}}"#);
        assert_eq!(
            answer.unwrap(),
            "a: invalid connect params: must have required property 'minProtocol'; at root: unexpected property 'x'"
        );
    }

    #[test]
    fn numbers_beyond_any_protocol_are_refused_not_wrapped() {
        let frame = r#"{"type":"req","id":"a","method":"connect","params":{"minProtocol":4,"maxProtocol":99999999999,
            "client":{"id":"cli","version":"1","platform":"linux","mode":"cli"}}}"#;
        assert!(refused(frame).0.unwrap().starts_with("a: invalid connect params: "));
    }
}
