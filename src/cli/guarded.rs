//! How well a profile's gateway on this host is guarded by its credential, for `profile check` and `status --deep`.

use serde_json::{Value, json};

use crate::access::{Credential, credential, lookup, strength};
use crate::base::Reach;
use crate::daemon::{DISK, binding};
use crate::profile::config::SecretSource;
use crate::profile::{Profile, Registry};

/// What is to be said of `profile`: of its credential, and of a real program with known faults.
pub fn warnings(registry: &Registry<'_>, profile: &Profile) -> Vec<Value> {
    let runtime = binding::likely_runtime(registry, profile);
    let outdated = binding::outdated(registry, profile, runtime, Reach::Loopback).ok().flatten();
    let outdated = outdated.map(|message| {
        json!({ "code": "gateway_outdated", "severity": "warning", "profile": profile.name,
            "message": message, "remedy": "npm install -g openclaw" })
    });
    warning(registry, profile).into_iter().chain(outdated).collect()
}

/// The warning about the credential that the gateway of `profile` asks for; none where that is strong, kept where only
/// the real program can look, or not on this host.
pub fn warning(registry: &Registry<'_>, profile: &Profile) -> Option<Value> {
    if profile.remote.is_some() {
        return None;
    }
    let config = registry.config(&profile.paths.config_path).ok()?;
    let environment = registry.environment();
    let follow = |source: &SecretSource| lookup::look_up(source, &config, environment, DISK.read);
    let remedy = "put a long random text there (openssl rand -hex 32), and restart the gateway";
    let warn = |code: &str, message: String| json!({ "code": code, "severity": "warning", "profile": profile.name, "message": message, "remedy": remedy });
    match credential::for_local(&config, environment, false, &follow) {
        Ok((Credential::Token(secret) | Credential::Password(secret), source)) => {
            let place = source.to_string();
            let place = place.strip_prefix("config ").unwrap_or(&place);
            strength::weakness(&format!("{} of `{}`", place, profile.name), &secret)
                .map(|message| warn("credential_weak", message))
        }
        Err(error) if error.code() == "credential_placeholder" => {
            Some(warn(error.code(), format!("`{}`: {}", profile.name, error.message())))
        }
        _ => None,
    }
}
