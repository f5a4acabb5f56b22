//! What a new profile gets of another one's configuration: everything but what makes it that one. Port and tokens
//! are new, paths lead below the new state directory, and the channels are switched off, because a bot can serve
//! one gateway only.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use toml_edit::DocumentMut;

use super::Paths;
use super::channels::{is_channel, is_credential};
use super::create::{Fill, manifest_text};
use super::environment::expand_tilde;
use crate::base::record::Isolation;
use crate::base::{Result, Secret};

/// From whom and for whom a configuration is cloned.
pub struct Cloning<'a> {
    /// The state directory of the one that is cloned, as its profile names it and with its links resolved.
    pub from: [&'a Path; 2],
    /// The new one's state directory.
    pub to: &'a Path,
    /// What a leading `~` stands for.
    pub home: &'a Path,
    /// The new one's port.
    pub port: u16,
    /// Its token.
    pub token: &'a Secret,
    /// The token of its webhooks, where it has some.
    pub hooks_token: &'a Secret,
}

/// A cloned configuration and what is to be said about it.
#[derive(Debug)]
pub struct Cloned {
    /// The tree of the new `openclaw.json`.
    pub tree: Value,
    /// A sentence for each thing that is not as it was.
    pub notes: Vec<String>,
}

impl Cloning<'_> {
    /// The new profile's configuration.
    pub fn config(&self, tree: Value) -> Cloned {
        let Value::Object(mut root) = tree else { return self.config(json!({})) };
        let mut notes = Vec::new();
        let moved = self.rebase(&mut root);
        if !moved.is_empty() {
            notes.push(format!("lead below its own state directory now: {}", moved.join(", ")));
        }
        let off = channels_off(&mut root);
        if !off.is_empty() {
            notes.push(format!(
                "its channels are disabled and without credentials ({}): give each one of its own, then enable it",
                off.join(", ")
            ));
        }
        let dropped = self.drop_workspaces(&mut root);
        if !dropped.is_empty() {
            notes.push(format!("left out, since a workspace has one owner: {}", dropped.join(", ")));
        }
        if drop_log_file(&mut root) {
            notes.push("left out, since a log has one writer: logging.file".into());
        }
        self.identity(&mut root, &mut notes);
        Cloned { tree: Value::Object(root), notes }
    }

    /// Port and tokens.
    fn identity(&self, root: &mut Map<String, Value>, notes: &mut Vec<String>) {
        let mut gateway = taken(root, "gateway");
        gateway.insert("port".into(), json!(self.port));
        gateway.entry("mode").or_insert_with(|| json!("local"));
        gateway.entry("bind").or_insert_with(|| json!("loopback"));
        let mut auth = taken(&mut gateway, "auth");
        let had_password = auth.remove("password").is_some();
        match auth.get("mode").and_then(Value::as_str) {
            // Nobody is asked for a token there.
            Some("none" | "trusted-proxy") => {
                auth.remove("token");
            }
            _ => {
                auth.insert("mode".into(), json!("token"));
                auth.insert("token".into(), json!(self.token.expose()));
                if had_password {
                    notes.push("it asks for a token of its own instead of a password".into());
                }
            }
        }
        gateway.insert("auth".into(), Value::Object(auth));
        root.insert("gateway".into(), Value::Object(gateway));
        if let Some(hooks) = root.get_mut("hooks").and_then(Value::as_object_mut)
            && hooks.contains_key("token")
        {
            hooks.insert("token".into(), json!(self.hooks_token.expose()));
            notes.push("hooks.token is new: whoever calls its webhooks needs it".into());
        }
    }

    /// Turns every path below the old state directory into the same one below the new, and returns the keys.
    fn rebase(&self, root: &mut Map<String, Value>) -> Vec<String> {
        let mut moved = Vec::new();
        for (key, value) in root {
            self.rebase_value(key, value, &mut moved);
        }
        moved
    }

    fn rebase_value(&self, at: &str, value: &mut Value, moved: &mut Vec<String>) {
        match value {
            Value::String(text) => {
                if let Some(path) = self.rebased(text) {
                    *text = path.display().to_string();
                    moved.push(at.to_owned());
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.rebase_value(&format!("{at}.{index}"), item, moved);
                }
            }
            Value::Object(map) => {
                for (key, item) in map {
                    self.rebase_value(&format!("{at}.{key}"), item, moved);
                }
            }
            _ => {}
        }
    }

    fn rebased(&self, text: &str) -> Option<PathBuf> {
        let path = text.starts_with(['/', '~']).then(|| expand_tilde(text, self.home)).flatten()?;
        let below = self.from.iter().find_map(|from| path.strip_prefix(from).ok())?;
        Some(if below.as_os_str().is_empty() { self.to.to_path_buf() } else { self.to.join(below) })
    }

    /// Leaves out every workspace that is not below the new state directory, and returns the keys.
    fn drop_workspaces(&self, root: &mut Map<String, Value>) -> Vec<String> {
        let mut dropped = Vec::new();
        let Some(agents) = root.get_mut("agents") else { return dropped };
        let own = |value: &Value| {
            let path = value.as_str().and_then(|text| expand_tilde(text, self.home));
            path.is_some_and(|path| path.starts_with(self.to))
        };
        let mut check = |holder: Option<&mut Value>, key: String| {
            if let Some(holder) = holder.and_then(Value::as_object_mut)
                && holder.get("workspace").is_some_and(|workspace| !own(workspace))
            {
                holder.remove("workspace");
                dropped.push(key);
            }
        };
        check(agents.get_mut("defaults"), "agents.defaults.workspace".into());
        let list = agents.get_mut("list").and_then(Value::as_array_mut);
        for (index, agent) in list.into_iter().flatten().enumerate() {
            check(Some(agent), format!("agents.list.{index}.workspace"));
        }
        dropped
    }
}

/// Two gateways do not write one log; where there is none, each has the one that follows from its name.
fn drop_log_file(root: &mut Map<String, Value>) -> bool {
    let logging = root.get_mut("logging").and_then(Value::as_object_mut);
    logging.is_some_and(|logging| logging.remove("file").is_some())
}

/// Disables every channel, takes its credentials out, and returns their names.
fn channels_off(root: &mut Map<String, Value>) -> Vec<String> {
    let mut off = Vec::new();
    let Some(channels) = root.get_mut("channels").and_then(Value::as_object_mut) else { return off };
    for (name, settings) in channels.iter_mut().filter(|(name, _)| is_channel(name)) {
        strip(settings);
        if let Some(settings) = settings.as_object_mut() {
            settings.insert("enabled".into(), json!(false));
            off.push(name.clone());
        }
    }
    off
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !is_credential(key));
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The object under `key`, taken out; an empty one where there is none.
fn taken(parent: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match parent.remove(key) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// The new profile's manifest: the old one's text with its comments, its port and its own paths where the old one
/// named any; isolated, and without what the old one may share.
///
/// # Errors
/// [`crate::base::Kind::Config`], code `manifest_invalid`, when the old text is not TOML.
pub fn manifest(text: &str, paths: &Paths, fill: Fill) -> Result<String> {
    let document: DocumentMut = text.parse().unwrap_or_default();
    let named = |key: &str| document.get("paths").is_some_and(|table| table.get(key).is_some());
    let own = |path: &Path, key: &str| named(key).then(|| path.to_owned());
    let shares = document.get("allow_shared_channels").is_some();
    let fill = Fill {
        isolation: Some(Isolation::Isolated),
        allow_shared_channels: shares.then(Vec::new),
        state_dir: fill.state_dir.or(own(&paths.state_dir, "state_dir")),
        config_path: own(&paths.config_path, "config_path"),
        workspace: own(&paths.workspace, "workspace"),
        ..fill
    };
    manifest_text(text, &fill)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Manifest;

    fn cloned(text: &str) -> Cloned {
        let (token, hooks_token) = (Secret::new("n3w"), Secret::new("h00k"));
        let clone = Cloning {
            from: [Path::new("/h/.openclaw-a"), Path::new("/real/a")],
            to: Path::new("/h/.openclaw-b"),
            home: Path::new("/h"),
            port: 20000,
            token: &token,
            hooks_token: &hooks_token,
        };
        clone.config(json5::from_str(text).unwrap())
    }

    #[test]
    fn identity_is_new_and_the_rest_stays() {
        let made = cloned(
            "{gateway: {port: 1, bind: 'lan', auth: {token: 'old', allowTailscale: true}}, \
             hooks: {token: 'old', path: '/h'}, models: {x: {apiKey: 'kept'}}}",
        );
        let expected = json!({
            "gateway": {"mode": "local", "port": 20000, "bind": "lan",
                "auth": {"mode": "token", "token": "n3w", "allowTailscale": true}},
            "hooks": {"token": "h00k", "path": "/h"},
            "models": {"x": {"apiKey": "kept"}},
        });
        assert_eq!(made.tree, expected);
        assert_eq!(made.notes.len(), 1, "{:?}", made.notes);
    }

    #[test]
    fn a_password_becomes_a_token_and_an_open_gateway_stays_as_it_is() {
        let made = cloned("{gateway: {auth: {mode: 'password', password: 'old'}}}");
        assert_eq!(made.tree["gateway"]["auth"], json!({"mode": "token", "token": "n3w"}));
        let open = cloned("{gateway: {auth: {mode: 'none', token: 'old'}}}");
        assert_eq!(open.tree["gateway"]["auth"], json!({"mode": "none"}));
        for broken in ["{}", "{gateway: 7}", "[]"] {
            assert_eq!(cloned(broken).tree["gateway"]["auth"]["token"], "n3w", "{broken}");
        }
    }

    #[test]
    fn paths_of_the_old_one_are_nowhere() {
        let made = cloned(
            "{agents: {defaults: {workspace: '~/.openclaw-a/workspace'}, \
               list: [{id: 'x', workspace: '/real/a/w'}, {id: 'y', workspace: '/h/code'}, {id: 'z'}]}, \
             logging: {file: '/var/log/a.log', level: 'info'}, \
             secrets: {providers: {p: {path: '/h/.openclaw-a/s.json'}}}, \
             other: ['/h/.openclaw-abc', '~', '/h', 'x/h/.openclaw-a']}",
        );
        let tree = &made.tree;
        assert_eq!(tree["agents"]["defaults"]["workspace"], "/h/.openclaw-b/workspace");
        assert_eq!(
            tree["agents"]["list"],
            json!([{"id": "x", "workspace": "/h/.openclaw-b/w"}, {"id": "y"}, {"id": "z"}])
        );
        assert_eq!(tree["secrets"]["providers"]["p"]["path"], "/h/.openclaw-b/s.json");
        assert_eq!(tree["other"], json!(["/h/.openclaw-abc", "~", "/h", "x/h/.openclaw-a"]));
        assert_eq!(tree["logging"], json!({"level": "info"}));
        let said = made.notes.join("\n");
        assert!(
            said.contains("secrets.providers.p.path") && said.contains("agents.list.1.workspace"),
            "{said}"
        );
    }

    #[test]
    fn channels_are_off_and_hold_no_secret() {
        let made = cloned(
            "{channels: {defaults: {groupPolicy: 'open'}, \
             telegram: {botToken: 's3cret', allowFrom: [1], accounts: {x: {tokenFile: '/t', name: 'x'}}}}}",
        );
        let expected = json!({
            "defaults": {"groupPolicy": "open"},
            "telegram": {"enabled": false, "allowFrom": [1], "accounts": {"x": {"name": "x"}}},
        });
        assert_eq!(made.tree["channels"], expected);
        assert!(made.notes[0].contains("telegram"), "{:?}", made.notes);
        assert!(!format!("{made:?}").contains("s3cret"));
    }

    #[test]
    fn the_manifest_keeps_its_comments_and_gets_its_own_values() {
        let text = "# head\nisolation = \"primary\" # one\nallow_shared_channels = [\"telegram\"] # bots\n\
                    [gateway]\nport = 1 # ours\n[paths]\n# mine\nworkspace = \"~/w\" # here\n";
        let paths = Paths {
            state_dir: "/b".into(),
            config_path: "/b/openclaw.json".into(),
            workspace: "/b/workspace".into(),
            manifest: "/b.toml".into(),
        };
        let made = manifest(text, &paths, Fill { port: Some(20000), ..Fill::default() }).unwrap();
        let parsed = Manifest::parse(&made, Path::new("b.toml")).unwrap();
        assert_eq!((parsed.port, parsed.isolation), (Some(20000), Some(Isolation::Isolated)));
        assert_eq!(parsed.allow_shared_channels, Some(Vec::new()));
        assert_eq!(parsed.paths.workspace.as_deref(), Some("/b/workspace"));
        assert_eq!(parsed.paths.config_path, None, "it was not named before");
        for comment in ["# head", "# one", "# bots", "# ours", "# mine", "# here"] {
            assert!(made.contains(comment), "{comment}: {made}");
        }
    }
}
