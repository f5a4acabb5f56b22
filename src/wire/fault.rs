//! The error object inside a response frame, with the codes of OPENCLAW.md 4.9.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The request itself is wrong.
pub const INVALID_REQUEST: &str = "INVALID_REQUEST";
/// The device is not paired, or has no identity.
pub const NOT_PAIRED: &str = "NOT_PAIRED";
/// The connection lacks a scope.
pub const FORBIDDEN: &str = "FORBIDDEN";
/// An agent's run took longer than it may.
pub const AGENT_TIMEOUT: &str = "AGENT_TIMEOUT";
/// Not now: starting, draining, busy, or the thing asked for is away.
pub const UNAVAILABLE: &str = "UNAVAILABLE";

/// An error as the Gateway protocol carries it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// One of the protocol's codes.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// What a program can act on; its own `code` is finer than the outer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Whether the same call may succeed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// How long to wait before that, in milliseconds.
    #[serde(default, rename = "retryAfterMs", skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What the answer carries beside the error; it stands outside of it.
    #[serde(skip)]
    pub beside: Option<Box<Value>>,
}

impl Fault {
    /// A fault of `code` with a sentence.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Fault { code: code.into(), message: message.into(), ..Fault::default() }
    }

    /// The request is wrong in the way that `message` says.
    pub fn invalid(message: impl Into<String>) -> Self {
        Fault::new(INVALID_REQUEST, message)
    }

    /// Adds details for programs.
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Marks it as worth trying again after `millis` milliseconds.
    pub fn retry_after(mut self, millis: u64) -> Self {
        self.retryable = Some(true);
        self.retry_after_ms = Some(millis);
        self
    }

    /// Puts `payload` into the answer beside the error.
    pub fn beside(mut self, payload: Value) -> Self {
        self.beside = Some(Box::new(payload));
        self
    }

    /// The finer code in the details, where there is one.
    pub fn detail_code(&self) -> Option<&str> {
        self.details.as_ref()?.get("code")?.as_str()
    }
}
