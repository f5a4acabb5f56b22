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
    let command = fill.command.as_ref().map(|command| value(command.iter().collect::<toml_edit::Array>()));
    let entries: [(&str, &str, Option<Item>); 10] = [
        ("", "description", fill.description.as_deref().map(value)),
        ("", "isolation", fill.isolation.map(|isolation| value(isolation.as_str()))),
        ("runtime", "kind", fill.runtime.map(|runtime| value(runtime.as_str()))),
        ("runtime", "command", command),
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
fn set(document: &mut DocumentMut, table: &str, key: &str, mut item: Item) {
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
