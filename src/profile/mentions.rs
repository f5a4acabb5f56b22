//! The files that an `openclaw.json` leads to for its secrets, whichever part of it does: a change of one of them is a
//! change of the configuration.

use std::collections::BTreeSet;

use serde_json::Value;

use super::channels::is_file;

/// The paths of those files as they are written, each once; variables in them are left as they are.
pub fn secret_files(tree: &Value) -> BTreeSet<String> {
    let providers = tree.get("secrets").and_then(|secrets| secrets.get("providers"));
    let mut found = BTreeSet::new();
    for provider in providers.and_then(Value::as_object).into_iter().flatten().map(|(_, provider)| provider) {
        found.extend(provider.get("path").and_then(Value::as_str).map(str::to_owned));
    }
    walk(tree, &mut found);
    found
}

fn walk(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(path) if is_file(key) => drop(found.insert(path.trim().to_owned())),
                    value => walk(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_wherever_they_are_named() {
        let tree = json5::from_str(
            "{channels: {telegram: {tokenFile: '/t', accounts: {a: {tokenFile: '~/a'}}}}, profile: 'no',
              secrets: {providers: {p: {source: 'file', path: '/s.json'}, e: {source: 'env'}}}}",
        )
        .unwrap();
        let found: Vec<String> = secret_files(&tree).into_iter().collect();
        assert_eq!(found, ["/s.json", "/t", "~/a"]);
    }
}
