//! Texts with places for what a request says: `{{field}}`, `{{payload.list[0].field}}`, `{{headers.name}}`,
//! `{{query.name}}` and `{{path}}`. What is not there is empty.

use serde_json::Value;

use super::order::Asked;

/// `text` with its places filled in.
pub fn fill(text: &str, asked: &Asked<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((place, after)) = behind.split_once("}}") else {
            out.push_str("{{");
            rest = behind;
            continue;
        };
        out.push_str(&value(place.trim(), asked));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn value(place: &str, asked: &Asked<'_>) -> String {
    let named = |name: &str| asked.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some(name) = place.strip_prefix("headers.") {
        // A template has no use for what proves who asks.
        let secret =
            ["authorization", "x-openclaw-token", "cookie"].iter().any(|key| name.eq_ignore_ascii_case(key));
        return named(name).filter(|_| !secret).map(|(_, value)| (*value).to_owned()).unwrap_or_default();
    }
    if let Some(name) = place.strip_prefix("query.") {
        let found = asked.query.iter().find(|(known, _)| known == name);
        return found.map(|(_, value)| value.clone()).unwrap_or_default();
    }
    if place == "path" {
        return asked.name.to_owned();
    }
    let mut at = Some(asked.body);
    for step in place.strip_prefix("payload.").unwrap_or(place).split('.') {
        let mut parts = step.split('[');
        let field = parts.next().unwrap_or_default();
        at = at.and_then(|at| at.get(field));
        for index in parts {
            let index: Option<usize> = index.strip_suffix(']').and_then(|index| index.parse().ok());
            at = at.and_then(|at| at.get(index?));
        }
    }
    match at {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The names and values of a query.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        match (first, behind) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = after;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_filled_with_what_the_request_says() {
        let body = json!({"a": "x", "n": 3, "list": [{"s": "one"}], "o": {"b": null}});
        let query = pairs("k=a%20b+c&token%3d=1");
        let headers = vec![("x-kind", "push"), ("authorization", "Bearer secret")];
        let asked = Asked { name: "ci/build", body: &body, headers, query: &query };
        for (text, filled) in [
            ("{{a}} {{ payload.n }} {{list[0].s}}", "x 3 one"),
            ("{{o.b}}{{none.x}}{{list[9].s}}{{list[x]}}", ""),
            ("{{o}}", "{\"b\":null}"),
            ("{{headers.X-Kind}} {{query.k}} {{path}}", "push a b c ci/build"),
            ("{{headers.authorization}}", ""),
            ("{{open", "{{open"),
        ] {
            assert_eq!(fill(text, &asked), filled, "{text}");
        }
        assert_eq!(query[1].0, "token=");
    }
}
