//! What a request to a hook asks for, held against the rules: pure. Every refusal is a sentence for whoever sent it.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::template;
use crate::gateway::sessions::key;
use crate::profile::embedded::HookRules;
use crate::profile::embedded::hooks::{Action, Mapping};

/// Longest key of a repeated request, in characters.
const KEY_MAX: usize = 256;

/// A request.
pub struct Asked<'a> {
    /// The hook's name.
    pub name: &'a str,
    /// The body.
    pub body: &'a Value,
    /// The headers.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The query.
    pub query: &'a [(String, String)],
}

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The channel.
    pub channel: String,
    /// To whom.
    pub to: String,
    /// By which account.
    pub account: Option<String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whether it only tells the main session something.
    pub wake: Option<String>,
    /// The name in the log.
    pub name: String,
    /// What the agent is told.
    pub message: String,
    /// The session; one of its own where absent.
    pub session_key: Option<String>,
    /// Whether the session is used again.
    pub persistent: bool,
    /// By what a repeated request is known.
    pub repeats: Option<String>,
    /// Where the answer goes.
    pub target: Option<Target>,
    /// How long the run may take, in seconds.
    pub timeout_seconds: Option<u64>,
    /// Whether the sender waits for the end.
    pub waits: bool,
}

/// What `asked` asks for; `None` where there is no such hook.
///
/// # Errors
/// What is wrong with it.
pub fn read(rules: &HookRules, asked: &Asked<'_>) -> Result<Option<Order>, String> {
    match asked.name {
        "wake" => wake(rules, asked).map(Some),
        "agent" => agent(rules, asked).map(Some),
        name => match rules.mappings.iter().find(|mapping| fits(mapping, name, asked.body)) {
            Some(mapping) => mapped(rules, mapping, asked).map(Some),
            None => Ok(None),
        },
    }
}

fn text(body: &Value, key: &str) -> Option<String> {
    body[key].as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn wake(rules: &HookRules, asked: &Asked<'_>) -> Result<Order, String> {
    let body = asked.body;
    let message = text(body, "text").ok_or("text required")?;
    agent_allowed(rules, text(body, "agentId").as_deref())?;
    let mode = match body["mode"].as_str() {
        None | Some("now") => "now",
        Some("next-heartbeat") => "next-heartbeat",
        Some(_) => return Err("mode must be now or next-heartbeat".into()),
    };
    let session_key = requested_key(rules, text(body, "sessionKey"))?;
    if session_key.is_some() && mode != "now" {
        return Err("sessionKey requires mode now".into());
    }
    let session_key = Some(session_key.unwrap_or_else(|| key::MAIN.to_owned()));
    Ok(Order { wake: Some(mode.into()), session_key, persistent: true, ..order("wake", message, asked) })
}

fn agent(rules: &HookRules, asked: &Asked<'_>) -> Result<Order, String> {
    let body = asked.body;
    let message = text(body, "message").ok_or("message required")?;
    agent_allowed(rules, text(body, "agentId").as_deref())?;
    let requested = requested_key(rules, text(body, "sessionKey"))?;
    let persistent = match body["sessionMode"].as_str() {
        None | Some("isolated") => false,
        Some("persistent") if requested.is_some() && !rules.session_key_prefixes.is_empty() => true,
        Some("persistent") => {
            return Err(
                "sessionMode persistent requires sessionKey and hooks.allowedSessionKeyPrefixes".into()
            );
        }
        Some(_) => return Err("sessionMode must be isolated or persistent".into()),
    };
    let target =
        target(body["deliver"] != false, [text(body, "channel"), text(body, "to"), text(body, "accountId")])?;
    let name = text(body, "name").unwrap_or_else(|| "Hook".into());
    Ok(Order {
        session_key: requested.or(default_key(rules)?),
        persistent,
        target,
        timeout_seconds: body["timeoutSeconds"].as_f64().filter(|s| *s >= 1.0).map(|s| s as u64),
        waits: body["waitForCompletion"] == true,
        ..order(&name, message, asked)
    })
}

fn mapped(rules: &HookRules, mapping: &Mapping, asked: &Asked<'_>) -> Result<Order, String> {
    agent_allowed(rules, None)?;
    let message = template::fill(&mapping.template, asked);
    if message.trim().is_empty() {
        return Err("the mapping gives an empty text".into());
    }
    let own = mapping.session_key.as_ref();
    let key = match own.map(|key| (key.contains("{{"), template::fill(key, asked))) {
        Some((_, key)) if key.trim().is_empty() => {
            return Err("the mapping gives an empty session key".into());
        }
        Some((true, key)) => requested_key(rules, Some(key))?,
        Some((false, key)) => Some(prefixed(rules, &key)?),
        None => None,
    };
    let name = mapping.name.as_ref().map_or_else(|| "Hook".to_owned(), |name| template::fill(name, asked));
    let made = order(&name, message, asked);
    if mapping.action == Action::Wake {
        let session_key = Some(key.unwrap_or_else(|| key::MAIN.to_owned()));
        return Ok(Order { wake: Some("now".into()), session_key, persistent: true, ..made });
    }
    let to = mapping.to.as_ref().map(|to| template::fill(to, asked));
    let target = target(mapping.deliver && mapping.channel.is_some(), [mapping.channel.clone(), to, None])?;
    let session_key = key.or(default_key(rules)?);
    Ok(Order { session_key, target, timeout_seconds: mapping.timeout_seconds, ..made })
}

fn order(name: &str, message: String, asked: &Asked<'_>) -> Order {
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(64).collect();
    let header = |name: &str| asked.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let key = ["idempotency-key", "x-openclaw-idempotency-key"].iter().find_map(|name| header(name));
    let key = key.map(|(_, value)| value.trim().to_owned()).or_else(|| text(asked.body, "idempotencyKey"));
    let key = key.filter(|key| !key.is_empty() && key.chars().count() <= KEY_MAX);
    // The same key with another request is another request.
    let repeats = key.map(|key| {
        let mut body = asked.body.clone();
        if let Some(body) = body.as_object_mut() {
            body.remove("waitForCompletion");
        }
        let parts = [asked.name, &key, &body.to_string()].join("\0");
        Sha256::digest(parts.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    });
    Order {
        wake: None,
        name,
        message,
        session_key: None,
        persistent: false,
        repeats,
        target: None,
        timeout_seconds: None,
        waits: false,
    }
}

fn fits(mapping: &Mapping, name: &str, body: &Value) -> bool {
    mapping.path.as_deref().is_none_or(|path| path == name.trim_matches('/'))
        && mapping.source.as_deref().is_none_or(|source| body["source"].as_str() == Some(source))
        && !name.trim_matches('/').is_empty()
}

fn agent_allowed(rules: &HookRules, id: Option<&str>) -> Result<(), String> {
    key::check_agent(id).map_err(|fault| fault.message)?;
    let listed = |agents: &Vec<String>| agents.iter().any(|agent| agent == "*" || agent == key::AGENT);
    match rules.allowed_agents.as_ref().is_none_or(listed) {
        true => Ok(()),
        false => Err("agentId is not allowed by hooks.allowedAgentIds".into()),
    }
}

/// A session key that comes from outside.
fn requested_key(rules: &HookRules, key: Option<String>) -> Result<Option<String>, String> {
    match key {
        None => Ok(None),
        Some(_) if !rules.allow_request_session_key => Err(
            "sessionKey is disabled for externally supplied values; set hooks.allowRequestSessionKey to true"
                .into(),
        ),
        Some(key) => prefixed(rules, &key).map(Some),
    }
}

fn default_key(rules: &HookRules) -> Result<Option<String>, String> {
    rules.default_session_key.as_deref().map(|key| prefixed(rules, key)).transpose()
}

/// The full key, if it begins as it may; prefixes count without the agent's name as well.
fn prefixed(rules: &HookRules, key: &str) -> Result<String, String> {
    let full = key::full(key).map_err(|fault| fault.message)?;
    let bare = full.strip_prefix("agent:main:").unwrap_or(&full);
    let begins = |prefix: &String| bare.starts_with(prefix.as_str()) || full.starts_with(prefix.as_str());
    match rules.session_key_prefixes.is_empty() || rules.session_key_prefixes.iter().any(begins) {
        true => Ok(full),
        false => Err(format!("sessionKey must start with one of: {}", rules.session_key_prefixes.join(", "))),
    }
}

fn target(delivers: bool, [channel, to, account]: [Option<String>; 3]) -> Result<Option<Target>, String> {
    match (delivers, channel, to) {
        (false, ..) => Ok(None),
        (true, None, None) if account.is_none() => Ok(None),
        (true, Some(channel), Some(to)) => Ok(Some(Target { channel, to, account })),
        _ => Err("channel and to belong together, and accountId to both".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::Secret;
    use crate::profile::{Embedded, SecretSource};
    use serde_json::json;

    fn rules(more: &str) -> HookRules {
        let tree = json5::from_str(&format!("{{hooks: {{enabled: true, token: 't', {more}}}}}")).unwrap();
        let follow = |source: &SecretSource| match source {
            SecretSource::Inline(secret) => Ok(Some(secret.clone())),
            _ => Ok(None::<Secret>),
        };
        Embedded::read(&tree, Path::new("x"), &follow).unwrap().hooks
    }

    fn asked(rules: &HookRules, name: &str, body: Value) -> Result<Option<Order>, String> {
        read(rules, &Asked { name, body: &body, headers: Vec::new(), query: &[] })
    }

    #[test]
    fn what_is_asked_has_to_be_allowed() {
        let plain = rules("");
        for (name, body, why) in [
            ("wake", json!({}), "text required"),
            ("wake", json!({"text": "x", "mode": "later"}), "mode must be"),
            ("agent", json!({"message": " "}), "message required"),
            ("agent", json!({"message": "x", "agentId": "other"}), "unknown agent id"),
            ("agent", json!({"message": "x", "sessionKey": "hook:a"}), "hooks.allowRequestSessionKey"),
            ("agent", json!({"message": "x", "sessionMode": "persistent"}), "requires sessionKey"),
            ("agent", json!({"message": "x", "channel": "telegram"}), "belong together"),
        ] {
            let refused = asked(&plain, name, body).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        let none = rules("allowedAgentIds: []");
        assert!(asked(&none, "agent", json!({"message": "x"})).is_err());
        let open = rules("allowRequestSessionKey: true, allowedSessionKeyPrefixes: ['hook:']");
        let persistent = json!({"message": "x", "sessionKey": "Hook:A", "sessionMode": "persistent"});
        let order = asked(&open, "agent", persistent).unwrap().unwrap();
        assert_eq!((order.session_key.as_deref(), order.persistent), (Some("agent:main:hook:a"), true));
        assert!(asked(&open, "agent", json!({"message": "x", "sessionKey": "main"})).is_err());
        assert_eq!(asked(&plain, "other", json!({})), Ok(None));
        assert_eq!(asked(&plain, "", json!({})), Ok(None));
    }

    #[test]
    fn a_repeated_request_is_known_by_its_key_and_what_it_says() {
        let rules = rules("");
        let key = |body: Value| asked(&rules, "agent", body).unwrap().unwrap().repeats;
        let one = key(json!({"message": "x", "idempotencyKey": "k"}));
        assert!(one.is_some());
        assert_eq!(one, key(json!({"message": "x", "idempotencyKey": "k", "waitForCompletion": true})));
        assert_ne!(one, key(json!({"message": "y", "idempotencyKey": "k"})));
        assert_eq!(key(json!({"message": "x"})), None);
    }

    #[test]
    fn a_mapping_makes_an_order_of_what_another_program_says() {
        let rules = rules(
            "mappings: [{match: {path: 'ci', source: 'gh'}, messageTemplate: 'Build {{id}} of {{repo.name}}',
               channel: 'telegram', to: '{{who}}'}, {match: {path: 'ping'}, action: 'wake', textTemplate: 'ping'}]",
        );
        let body = json!({"source": "gh", "id": 7, "repo": {"name": "a"}, "who": "5"});
        let order = asked(&rules, "ci", body).unwrap().unwrap();
        assert_eq!((order.message.as_str(), order.target.unwrap().to.as_str()), ("Build 7 of a", "5"));
        assert_eq!(asked(&rules, "ci", json!({"source": "other"})), Ok(None));
        let wake = asked(&rules, "ping", json!({})).unwrap().unwrap();
        assert_eq!((wake.wake.as_deref(), wake.session_key.as_deref()), (Some("now"), Some(key::MAIN)));
    }
}
