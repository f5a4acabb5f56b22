//! `hooks`: orders that other programs bring over HTTP. Off unless it is switched on, and then never without a token of
//! its own.

use std::path::Path;

use serde_json::Value;

use super::Follow;
use crate::base::{Result, Secret};
use crate::profile::channels::credential;
use crate::profile::config::Node;

/// Where hooks are unless the file says otherwise.
const PATH: &str = "/hooks";

/// What a hook of one's own does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Runs the agent.
    Agent,
    /// Tells the main session.
    Wake,
}

/// One hook of `hooks.mappings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its place below the path; any where absent.
    pub path: Option<String>,
    /// The `source` that the body has to name; any where absent.
    pub source: Option<String>,
    /// What it does.
    pub action: Action,
    /// The name in the log.
    pub name: Option<String>,
    /// The session.
    pub session_key: Option<String>,
    /// The text, with `{{…}}` for what the body says.
    pub template: String,
    /// Whether the answer goes to a channel.
    pub deliver: bool,
    /// Which channel.
    pub channel: Option<String>,
    /// To whom.
    pub to: Option<String>,
    /// How long the run may take, in seconds.
    pub timeout_seconds: Option<u64>,
}

/// What holds for hooks; the default has none.
#[derive(Clone, Debug, Default)]
pub struct HookRules {
    /// The token, where hooks are switched on.
    pub token: Option<Secret>,
    /// The path before the hooks' names, without a slash at its end.
    pub path: String,
    /// The session where none is asked for.
    pub default_session_key: Option<String>,
    /// Whether a request may name its session.
    pub allow_request_session_key: bool,
    /// How session keys have to begin, in lower case; any way where empty.
    pub session_key_prefixes: Vec<String>,
    /// Agents that may be asked; all where absent.
    pub allowed_agents: Option<Vec<String>>,
    /// Hooks of one's own; the first that fits counts.
    pub mappings: Vec<Mapping>,
}

impl HookRules {
    pub(super) fn read(root: &Value, file: &Path, follow: &Follow<'_>) -> Result<HookRules> {
        let hooks = Node::root(file, "hooks", root).object()?;
        if hooks.child("enabled").boolean()? != Some(true) {
            return Ok(HookRules::default());
        }
        let providers = root.get("secrets").and_then(|secrets| secrets.get("providers"));
        let node = hooks.child("token");
        let token = match node.value() {
            Some(value) => credential("token", value, providers, follow)?,
            None => None,
        };
        let token = token.filter(|token| !token.expose().trim().is_empty());
        let Some(token) = token else {
            return Err(
                node.wrong("a long random text, or a reference that leads to one, as hooks.enabled is true")
            );
        };
        let path = hooks.child("path").text()?.unwrap_or_else(|| PATH.to_owned());
        let path = format!("/{}", path.trim_matches('/'));
        if path == "/" {
            return Err(hooks.child("path").wrong("a path of its own, not `/`"));
        }
        let prefixes = hooks.child("allowedSessionKeyPrefixes").texts()?;
        let prefixes = prefixes.into_iter().filter(|prefix| !prefix.is_empty());
        let agents = hooks.child("allowedAgentIds");
        Ok(HookRules {
            token: Some(Secret::new(token.expose().trim())),
            path,
            default_session_key: hooks.child("defaultSessionKey").text()?,
            allow_request_session_key: hooks.child("allowRequestSessionKey").boolean()?.unwrap_or(false),
            session_key_prefixes: prefixes.map(|prefix| prefix.to_lowercase()).collect(),
            allowed_agents: agents.value().map(|_| agents.texts()).transpose()?,
            mappings: mappings(&hooks)?,
        })
    }
}

fn mappings(hooks: &Node<'_>) -> Result<Vec<Mapping>> {
    let node = hooks.child("mappings");
    let Some(value) = node.value() else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| node.wrong("a list of mappings"))?;
    (0..items.len()).map(|index| mapping(node.child(&index.to_string()).object()?)).collect()
}

fn mapping(own: Node<'_>) -> Result<Mapping> {
    if own.child("transform").value().is_some() || own.child("forEach").value().is_some() {
        return Err(own.wrong("without `transform` and `forEach`: the embedded gateway runs no such code"));
    }
    let place = own.child("match").object()?;
    let words = [("agent", Action::Agent), ("wake", Action::Wake)];
    let action = own.child("action").word(&words)?.unwrap_or(Action::Agent);
    let key = if action == Action::Agent { "messageTemplate" } else { "textTemplate" };
    let template = own.child(key);
    Ok(Mapping {
        path: place.child("path").text()?.map(|path| path.trim_matches('/').to_owned()),
        source: place.child("source").text()?,
        action,
        name: own.child("name").text()?,
        session_key: own.child("sessionKey").text()?,
        template: template.text()?.ok_or_else(|| template.wrong("a text that is not empty"))?,
        deliver: own.child("deliver").boolean()?.unwrap_or(true),
        channel: own.child("channel").text()?.filter(|channel| channel != "last"),
        to: own.child("to").text()?,
        timeout_seconds: own.child("timeoutSeconds").count()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::SecretSource;

    fn read(hooks: &str) -> Result<HookRules> {
        let tree = json5::from_str(&format!("{{hooks: {hooks}}}")).unwrap();
        let follow = |source: &SecretSource| {
            Ok(match source {
                SecretSource::Env(name) if name == "HOOK" => Some(Secret::new("from-env")),
                _ => None,
            })
        };
        HookRules::read(&tree, Path::new("openclaw.json"), &follow)
    }

    #[test]
    fn hooks_are_off_unless_switched_on_with_a_token() {
        assert!(read("{token: 'x'}").unwrap().token.is_none());
        assert!(read("{enabled: true}").unwrap_err().message().contains("`hooks.token`"));
        assert!(read("{enabled: true, token: '${NONE}'}").is_err());
        assert!(
            read("{enabled: true, token: 'x', path: '/'}").unwrap_err().message().contains("`hooks.path`")
        );
        let rules = read("{enabled: true, token: '${HOOK}', path: 'in/'}").unwrap();
        assert_eq!((rules.token.unwrap().expose(), rules.path.as_str()), ("from-env", "/in"));
    }

    #[test]
    fn mappings_are_read_and_code_is_refused() {
        let rules = read(
            "{enabled: true, token: 'x', mappings: [{match: {path: '/ci/'}, action: 'wake', textTemplate: 'build {{id}}'}]}",
        );
        let mapping = rules.unwrap().mappings.remove(0);
        assert_eq!((mapping.path.as_deref(), mapping.action), (Some("ci"), Action::Wake));
        let refused =
            read("{enabled: true, token: 'x', mappings: [{transform: {module: 'a.js'}}]}").unwrap_err();
        assert!(refused.message().contains("`hooks.mappings.0`"), "{refused}");
    }
}
