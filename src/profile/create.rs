//! The texts of a new profile: its manifest, made from a template whose comments stay, and a first
//! `openclaw.json`.

use std::path::PathBuf;

use toml_edit::{DocumentMut, Item, Table, value};

use super::manifest::keys::nearest;
use super::resolved::RuntimeChoice;
use crate::base::record::Isolation;
use crate::base::{Error, Kind, Result, Secret};

/// The shipped templates by name.
pub const TEMPLATES: [(&str, &str); 4] = [
    ("default", include_str!("../../profiles/default.toml")),
    ("work", include_str!("../../profiles/work.toml")),
    ("rescue", include_str!("../../profiles/rescue.toml")),
    ("remote", include_str!("../../profiles/remote.toml")),
];

/// The text of a shipped template.
///
/// # Errors
/// [`Kind::Usage`], code `template_unknown`, with those that exist and the nearest one.
pub fn template(name: &str) -> Result<&'static str> {
    if let Some((_, text)) = TEMPLATES.iter().find(|(known, _)| *known == name) {
        return Ok(text);
    }
    let all = TEMPLATES.map(|(known, _)| known);
    let hint = nearest(name, all).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(Error::new(Kind::Usage, "template_unknown", format!("there is no template {name:?}{hint}"))
        .remedy(format!("choose one of {}", all.join(", "))))
}

/// What is written into a template; what is `None` stays as the template has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fill {
    /// A sentence for people.
    pub description: Option<String>,
    /// The allocated port.
    pub port: Option<u16>,
    /// The runtime that was asked for.
    pub runtime: Option<RuntimeChoice>,
    /// Primary or isolated.
    pub isolation: Option<Isolation>,
    /// Channels whose credential another profile may have too.
    pub allow_shared_channels: Option<Vec<String>>,
    /// The program and its arguments, for the runtime `command`.
    pub command: Option<Vec<String>>,
    /// The Node.js that runs the real OpenClaw.
    pub node: Option<PathBuf>,
    /// The real OpenClaw's entry file.
    pub program: Option<PathBuf>,
    /// The state directory, where it is not the derived one (for example under `OPENCLAW_HOME`).
    pub state_dir: Option<PathBuf>,
    /// The configuration file, where it is not in the state directory.
    pub config_path: Option<PathBuf>,
    /// The workspace, where it is not in the state directory.
    pub workspace: Option<PathBuf>,
}

/// The manifest of a new profile: the template with comments kept and the values of `fill` set.
///
/// # Errors
/// [`Kind::Config`], code `manifest_invalid`, when the template is not TOML.
pub fn manifest_text(template: &str, fill: &Fill) -> Result<String> {
    let mut document: DocumentMut = template.parse().map_err(|error: toml_edit::TomlError| {
        Error::new(Kind::Config, "manifest_invalid", format!("the template is not TOML: {}", error.message()))
            .remedy("mend the file named by --from")
    })?;
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| value(path.display().to_string()));
    let list = |words: &Option<Vec<String>>| {
        words.as_ref().map(|words| value(words.iter().collect::<toml_edit::Array>()))
    };
    let entries: [(&str, &str, Option<Item>); 11] = [
        ("", "description", fill.description.as_deref().map(value)),
        ("", "isolation", fill.isolation.map(|isolation| value(isolation.as_str()))),
        ("", "allow_shared_channels", list(&fill.allow_shared_channels)),
        ("runtime", "kind", fill.runtime.map(|runtime| value(runtime.as_str()))),
        ("runtime", "command", list(&fill.command)),
        ("runtime", "node", text(&fill.node)),
        ("runtime", "program", text(&fill.program)),
        ("gateway", "port", fill.port.map(|port| value(i64::from(port)))),
        ("paths", "state_dir", text(&fill.state_dir)),
        ("paths", "config_path", text(&fill.config_path)),
        ("paths", "workspace", text(&fill.workspace)),
    ];
    for (table, key, item) in entries {
        if let Some(item) = item {
            set(&mut document, table, key, item);
        }
    }
    Ok(document.to_string())
}

/// Sets one value; what stands around an earlier one (a comment behind it) stays.
pub(super) fn set(document: &mut DocumentMut, table: &str, key: &str, mut item: Item) {
    let parent = match table {
        "" => Some(document.as_table_mut() as &mut dyn toml_edit::TableLike),
        named => document.entry(named).or_insert(Item::Table(Table::new())).as_table_like_mut(),
    };
    let Some(parent) = parent else { return };
    if let (Some(old), Some(new)) = (parent.get(key).and_then(Item::as_value), item.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    match parent.get_mut(key) {
        Some(old) => *old = item,
        None => {
            parent.insert(key, item);
        }
    }
}

/// The first `openclaw.json` of a profile: a local gateway on loopback that asks for a token of its own.
pub fn config_text(port: u16, token: &Secret) -> String {
    let config = serde_json::json!({
        "gateway": {
            "mode": "local",
            "port": port,
            "bind": "loopback",
            "auth": { "mode": "token", "token": token.expose() },
        }
    });
    // The alternate form is the pretty one: two spaces, as the real program writes it.
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::{GatewayConfig, Manifest, SecretSource};

    #[test]
    fn values_are_set_and_every_comment_stays() {
        for (name, text) in TEMPLATES {
            if name == "remote" {
                continue;
            }
            // The rescue needs the embedded one, and says so.
            let runtime = if name == "rescue" { RuntimeChoice::Embedded } else { RuntimeChoice::Openclaw };
            let fill = Fill {
                description: Some("A \"quoted\" word".into()),
                port: Some(23652),
                runtime: Some(runtime),
                isolation: Some(Isolation::Isolated),
                node: Some("/n/node".into()),
                program: Some("/o/openclaw.mjs".into()),
                state_dir: Some("/srv/x".into()),
                ..Fill::default()
            };
            let made = manifest_text(text, &fill).unwrap();
            let manifest = Manifest::parse(&made, Path::new("x.toml")).unwrap();
            assert_eq!(manifest.port, Some(23652), "{made}");
            assert_eq!(manifest.isolation, Some(Isolation::Isolated));
            assert_eq!(manifest.runtime.kind, Some(runtime));
            assert_eq!(manifest.runtime.node.as_deref(), Some("/n/node"));
            assert_eq!(manifest.paths.state_dir.as_deref(), Some("/srv/x"));
            assert_eq!(manifest.description.as_deref(), Some("A \"quoted\" word"));
            let comments = text.match_indices('#').count();
            assert_eq!(made.match_indices('#').count(), comments, "{made}");
        }
    }

    #[test]
    fn without_values_the_template_is_unchanged() {
        for (_, text) in TEMPLATES {
            assert_eq!(manifest_text(text, &Fill::default()).unwrap(), text);
        }
    }

    #[test]
    fn an_empty_template_is_enough() {
        let fill = Fill { port: Some(20000), command: Some(vec!["gw".into()]), ..Fill::default() };
        let fill = Fill { runtime: Some(RuntimeChoice::Command), ..fill };
        let manifest = Manifest::parse(&manifest_text("", &fill).unwrap(), Path::new("x")).unwrap();
        assert_eq!((manifest.port, manifest.runtime.command), (Some(20000), Some(vec!["gw".into()])));
    }

    #[test]
    fn an_unknown_template_names_the_nearest() {
        assert_eq!(template("rescue").unwrap(), TEMPLATES[2].1);
        let error = template("resque").unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains("`rescue`"), "{error}");
        assert!(error.remedy_text().unwrap().contains("default, work, rescue, remote"));
    }

    #[test]
    fn the_first_configuration_is_what_the_real_program_writes() {
        let text = config_text(23652, &Secret::new("t0"));
        assert!(text.starts_with("{\n  \"gateway\": {\n    \"") && text.ends_with("}\n"), "{text}");
        let config = GatewayConfig::parse(&text, Path::new("openclaw.json")).unwrap();
        assert_eq!(config.port, Some(23652));
        assert!(matches!(config.auth.token, Some(SecretSource::Inline(token)) if token.matches("t0")));
    }
}
