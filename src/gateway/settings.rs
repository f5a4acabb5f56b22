//! The configuration file as clients are shown it: without secrets, and with marks by which two of them can be told
//! apart without telling anything of what is in them.

use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::hub::Hub;
use super::options::Auth;
use super::redact;
use crate::host::files;
use crate::profile::include;

/// The file as it is now: its text where there is one, its tree, and what is wrong with it.
pub struct File {
    /// The text; `None` where there is no file or it cannot be read.
    pub text: Option<String>,
    /// What it says; an empty object where that cannot be told.
    pub tree: Value,
    /// What is wrong with it, in words.
    pub issue: Option<String>,
}

/// Reads the file that the gateway was told of. What it includes is named in it and not merged.
pub fn read(hub: &Hub) -> File {
    let path = Path::new(&hub.options.config_path);
    let text = match files::read(path) {
        Ok(text) => text,
        Err(error) => return File { text: None, tree: json!({}), issue: Some(error.to_string()) },
    };
    match text.as_deref().map(|text| include::read(text, path)) {
        None => File { text, tree: json!({}), issue: None },
        Some(Ok(tree)) => File { text, tree, issue: None },
        Some(Err(error)) => File { text, tree: json!({}), issue: Some(error.to_string()) },
    }
}

/// The tree without its secrets.
pub fn shown(hub: &Hub, tree: &Value) -> Value {
    let access = hub.access();
    redact::redacted(tree, &|text| match &access.auth {
        Auth::Token(secret) | Auth::Password(secret) => secret.matches(text),
        Auth::TrustedProxy | Auth::None => false,
    })
}

/// The mark of a text, made with the gateway's own key; `None` before that is known.
pub fn mark(hub: &Hub, text: &str) -> Option<String> {
    let key = hub.devices.secret(b"config")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(text.as_bytes());
    Some(format!("hmac-sha256:v1:{}", crate::wire::device::base64url(&mac.finalize().into_bytes())))
}

/// The mark of what the file says now.
pub fn mark_of(hub: &Hub, file: &File) -> Option<String> {
    mark(hub, &file.tree.to_string())
}
