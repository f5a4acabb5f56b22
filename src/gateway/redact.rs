//! A configuration without its secrets: pure. What stands under a name that speaks of a secret is replaced, unless it
//! only refers to one.

use serde_json::Value;

/// What stands in a secret's place, as in the real program.
pub const PLACEHOLDER: &str = "__OPENCLAW_REDACTED__";
/// Parts of names, without `_` and `-` and in small letters, under which a text is a secret.
const TELLING: [&str; 8] =
    ["token", "password", "secret", "apikey", "privatekey", "credential", "authorization", "cookie"];
/// Names under which every text is one.
const WHOLE: [&str; 2] = ["env", "headers"];

/// The tree with every secret replaced; `known` tells further texts that are.
pub fn redacted(value: &Value, known: &dyn Fn(&str) -> bool) -> Value {
    walk(value, false, known)
}

fn walk(value: &Value, telling: bool, known: &dyn Fn(&str) -> bool) -> Value {
    match value {
        Value::String(text) if is_secret(text, telling, known) => Value::from(PLACEHOLDER),
        Value::Array(items) => items.iter().map(|item| walk(item, telling, known)).collect(),
        // An object in a secret's place refers to it: `{source, provider, id}`.
        Value::Object(map) if telling && map.contains_key("source") => value.clone(),
        Value::Object(map) => {
            let inner = map.iter().map(|(name, inner)| {
                (name.clone(), walk(inner, telling || tells(name) || is_whole(name), known))
            });
            Value::Object(inner.collect())
        }
        plain => plain.clone(),
    }
}

fn is_secret(text: &str, telling: bool, known: &dyn Fn(&str) -> bool) -> bool {
    let refers = text.starts_with("${") && text.ends_with('}');
    !text.is_empty() && (known(text) || telling && !refers || has_userinfo(text))
}

/// Whether it is a URL with a name or password in it.
fn has_userinfo(text: &str) -> bool {
    let host = text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    host.is_some_and(|host| host.contains('@'))
}

fn tells(name: &str) -> bool {
    let folded: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let folded = folded.to_ascii_lowercase();
    TELLING.iter().any(|part| folded.contains(part)) || folded == "key"
}

fn is_whole(name: &str) -> bool {
    WHOLE.iter().any(|whole| name.eq_ignore_ascii_case(whole))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_replaced_and_everything_else_stays() {
        let tree = json!({
            "gateway": {"port": 1, "auth": {"mode": "token", "token": "t0p", "password": "${PW}"}},
            "channels": {"telegram": {"botToken": "1:a", "allowFrom": ["1"]}},
            "models": {"providers": {"x": {"apiKey": {"source": "env", "provider": "default", "id": "KEY"},
                "baseUrl": "https://ana:pw@x.test/v1", "headers": {"X-Any": "h"}, "maxTokens": 5}}},
            "hooks": {"token": ["a", "b"], "path": "/hooks"},
            "env": {"ANY": "value", "vars": {"B": "c"}},
            "note": "known one",
        });
        let shown = redacted(&tree, &|text| text == "known one");
        let x = PLACEHOLDER;
        assert_eq!(
            shown,
            json!({
                "gateway": {"port": 1, "auth": {"mode": "token", "token": x, "password": "${PW}"}},
                "channels": {"telegram": {"botToken": x, "allowFrom": ["1"]}},
                "models": {"providers": {"x": {"apiKey": {"source": "env", "provider": "default", "id": "KEY"},
                    "baseUrl": x, "headers": {"X-Any": x}, "maxTokens": 5}}},
                "hooks": {"token": [x, x], "path": "/hooks"},
                "env": {"ANY": x, "vars": {"B": x}},
                "note": x,
            })
        );
    }

    #[test]
    fn a_text_between_the_parts_of_a_secret_is_one_as_well() {
        let shown = redacted(&json!({"secrets": {"deep": {"er": "s"}}, "tokenFile": "/run/t"}), &|_| false);
        assert_eq!(shown, json!({"secrets": {"deep": {"er": PLACEHOLDER}}, "tokenFile": PLACEHOLDER}));
    }
}
