//! Which keys differ between two versions of a file, by name alone: values may be secrets.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use toml_edit::{Document, Item, TableLike};

use super::include;

/// Longest name that is told, in characters.
const NAME_MAX: usize = 80;

/// The keys that differ between two texts of `openclaw.json`, sorted and with dots; empty when only layout or comments
/// do, `None` when one of them cannot be read.
pub fn config_keys(one: &str, other: &str) -> Option<Vec<String>> {
    let leaves = |text: &str| {
        let mut leaves = BTreeMap::new();
        of_tree(&include::read(text, Path::new("openclaw.json")).ok()?, "", &mut leaves);
        Some(leaves)
    };
    Some(differing(&leaves(one)?, &leaves(other)?))
}

/// The same for two manifests.
pub fn manifest_keys(one: &str, other: &str) -> Option<Vec<String>> {
    let leaves = |text: &str| {
        let mut leaves = BTreeMap::new();
        of_table(Document::parse(text).ok()?.as_table(), "", &mut leaves);
        Some(leaves)
    };
    Some(differing(&leaves(one)?, &leaves(other)?))
}

fn differing(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let mut names: Vec<String> =
        one.keys().chain(other.keys()).filter(|name| one.get(*name) != other.get(*name)).cloned().collect();
    names.sort();
    names.dedup();
    for name in &mut names {
        *name = name.chars().map(|c| if c.is_control() { '?' } else { c }).take(NAME_MAX).collect();
    }
    names
}

fn joined(above: &str, key: &str) -> String {
    if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") }
}

fn of_tree(value: &Value, name: &str, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| of_tree(value, &joined(name, key), leaves));
        }
        leaf => {
            leaves.insert(name.to_owned(), leaf.to_string());
        }
    }
}

fn of_table(table: &dyn TableLike, name: &str, leaves: &mut BTreeMap<String, String>) {
    for (key, item) in table.iter() {
        let name = joined(name, key);
        match item {
            Item::None => {}
            item => match item.as_table_like() {
                Some(table) => of_table(table, &name, leaves),
                None => {
                    let text = item.as_value().map(|value| value.clone().decorated("", "").to_string());
                    leaves.insert(name, text.unwrap_or_else(|| item.to_string()));
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_and_values_are_not() {
        let keys = config_keys(
            "{gateway: {port: 1, auth: {token: 'a'}}, agents: [1]} // old",
            "{gateway: {port: 1, auth: {token: 'b', mode: 'x'}}, agents: [1, 2]}",
        );
        assert_eq!(keys.unwrap(), ["agents", "gateway.auth.mode", "gateway.auth.token"]);
        assert_eq!(config_keys("{a: 1}", "{a: 1, // more\n}"), Some(Vec::new()));
        assert_eq!(config_keys("{a: 1}", "{a: "), None);
        let keys =
            manifest_keys("[gateway]\nport = 1\n", "runtime = {kind = \"x\"}\n[gateway]\nport = 1 # same\n");
        assert_eq!(keys.unwrap(), ["runtime.kind"]);
    }
}
