//! What this program needs of a long `openclaw.json`: some of its keys, without a tree of the rest. Reading all of a
//! file of 1 MB would take ten times as long as a call to a gateway.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::include::{self, FILE_MAX, INCLUDE};

/// The `keys` of a file of strict JSON that includes no other, and what is below them; the rest of it, which may be a
/// thousand times as much, is passed over. `None` for every other file: [`include::read`] has its tree, or says what is wrong.
pub fn read(text: &str, keys: &[&str]) -> Option<Value> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A letter of the key may be written as its number.
    let includes = body.contains(INCLUDE) || body.contains("\\u");
    if includes || text.len() > FILE_MAX || include::too_deep(body).is_some() {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(body);
    let part = Part(keys).deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| part)
}

/// Takes some keys of an object.
struct Part<'k>(&'k [&'k str]);

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut part = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            if self.0.contains(&key.as_str()) {
                part.insert(key, object.next_value()?);
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(part))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_is_that_of_the_whole_and_only_of_a_file_that_it_is_enough_of() {
        let keys = ["gateway", "env"];
        let text =
            r#"{"plugins": {"a": [1, "x\"}"]}, "gateway": {"port": 1}, "env": null, "gateway": {"port": 2}}"#;
        let part = read(text, &keys).unwrap();
        assert_eq!(part, json!({"gateway": {"port": 2}, "env": null}));
        let whole = include::read(text, Path::new("/c/openclaw.json")).unwrap();
        assert!(keys.iter().all(|key| part.get(key) == whole.get(key)));
        let deep = format!(r#"{{"a": {}{}}}"#, "[".repeat(200), "]".repeat(200));
        for text in [
            "{gateway: {}}",
            r#"{"a": {"$include": "b"}}"#,
            r#"{"a": {"\u0024include": "b"}}"#,
            r#"{"a": 1} x"#,
            r#"{"a": 1"#,
            r#"{"a": 01}"#,
            "[]",
            "",
            deep.as_str(),
        ] {
            assert_eq!(read(text, &keys), None, "{text}");
        }
    }
}
