//! The closed shapes of requests as small tables, and the one function that holds a value against them. Its
//! sentences are those of the real gateway, so that whoever reads them there knows them here.

use serde_json::{Map, Value};

/// Most complaints about one value; more would only fill the answer.
const COMPLAINTS_MAX: usize = 8;
/// Longest name of an unknown property that is repeated back, in characters.
const NAME_MAX: usize = 128;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything.
    Any,
    /// Exactly this text.
    Const(&'static str),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A text of so many characters, both inclusive.
    Text(usize, usize),
    /// An integer, both inclusive.
    Integer(i64, i64),
    /// True or false.
    Boolean,
    /// A list of values of one shape.
    List(&'static Shape),
    /// A value of that shape, or null.
    Nullable(&'static Shape),
    /// An object of any names with values of one shape.
    Map(&'static Shape),
    /// An object of these fields and no others.
    Object(&'static [Field]),
}

/// One field of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    name: &'static str,
    required: bool,
    shape: Shape,
}

/// A field that must be there.
pub const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, required: true, shape }
}

/// A field that may be absent.
pub const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, required: false, shape }
}

/// A text of any length.
pub const TEXT: Shape = Shape::Text(0, usize::MAX);
/// A text of at least one character.
pub const WORD: Shape = Shape::Text(1, usize::MAX);
/// An integer from zero on.
pub const COUNT: Shape = Shape::Integer(0, i64::MAX);

impl Shape {
    /// Holds `value` against the shape.
    ///
    /// # Errors
    /// What is wrong with it, in the words of the real gateway, joined by `; `.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let mut complaints = Vec::new();
        self.walk(value, "", &mut complaints);
        if complaints.is_empty() { Ok(()) } else { Err(complaints.join("; ")) }
    }

    fn walk(&self, value: &Value, path: &str, complaints: &mut Vec<String>) {
        if complaints.len() >= COMPLAINTS_MAX {
            return;
        }
        let complaint = match (self, value) {
            (Shape::Any, _) => None,
            (Shape::Const(word), value) => {
                (value.as_str() != Some(word)).then(|| "must be equal to constant".into())
            }
            (Shape::OneOf(words), value) => (!value.as_str().is_some_and(|text| words.contains(&text)))
                .then(|| "must be equal to one of the allowed values".into()),
            (Shape::Text(least, most), Value::String(text)) => text_length(text, *least, *most),
            (Shape::Text(..), _) => Some("must be string".into()),
            (Shape::Integer(least, most), Value::Number(number)) => integer(number, *least, *most),
            (Shape::Integer(..), _) => Some("must be integer".into()),
            (Shape::Boolean, value) => (!value.is_boolean()).then(|| "must be boolean".into()),
            (Shape::List(shape), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    shape.walk(item, &format!("{path}/{index}"), complaints);
                }
                None
            }
            (Shape::List(_), _) => Some("must be array".into()),
            (Shape::Nullable(_), Value::Null) => None,
            (Shape::Nullable(shape), value) => {
                shape.walk(value, path, complaints);
                None
            }
            (Shape::Map(shape), Value::Object(entries)) => {
                for (name, entry) in entries {
                    shape.walk(entry, &format!("{path}/{}", shown(name)), complaints);
                }
                None
            }
            (Shape::Object(fields), Value::Object(entries)) => {
                walk_object(fields, entries, path, complaints);
                None
            }
            (Shape::Map(_) | Shape::Object(_), _) => Some("must be object".to_owned()),
        };
        complaints.extend(complaint.map(|text| placed(path, &text)));
    }
}

/// First what is missing, then what is too much, then what is wrong: one of each of the first two.
fn walk_object(fields: &[Field], entries: &Map<String, Value>, path: &str, complaints: &mut Vec<String>) {
    if let Some(field) = fields.iter().find(|field| field.required && !entries.contains_key(field.name)) {
        complaints.push(placed(path, &format!("must have required property '{}'", field.name)));
    }
    if let Some(name) = entries.keys().find(|name| fields.iter().all(|field| field.name != *name)) {
        let at = if path.is_empty() { "root" } else { path };
        complaints.push(format!("at {at}: unexpected property '{}'", shown(name)));
    }
    for field in fields {
        if let Some(value) = entries.get(field.name) {
            field.shape.walk(value, &format!("{path}/{}", field.name), complaints);
        }
    }
}

fn placed(path: &str, text: &str) -> String {
    if path.is_empty() { text.to_owned() } else { format!("at {path}: {text}") }
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_MAX).collect()
}

fn text_length(text: &str, least: usize, most: usize) -> Option<String> {
    let length = text.chars().count();
    if length < least {
        Some(format!("must not have fewer than {least} characters"))
    } else if length > most {
        Some(format!("must not have more than {most} characters"))
    } else {
        None
    }
}

fn integer(number: &serde_json::Number, least: i64, most: i64) -> Option<String> {
    // A whole number may be written as 4.0; JSON knows no difference.
    let whole = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9.1e15);
    let Some(value) = number.as_i64().or(whole.map(|value| value as i64)) else {
        return Some("must be integer".into());
    };
    if value < least {
        Some(format!("must be >= {least}"))
    } else if value > most {
        Some(format!("must be <= {most}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INNER: Shape = Shape::Object(&[required("id", Shape::OneOf(&["a", "b"])), required("n", WORD)]);
    const OUTER: Shape = Shape::Object(&[
        required("type", Shape::Const("req")),
        required("inner", INNER),
        optional("limit", Shape::Integer(1, 5)),
        optional("tags", Shape::List(&WORD)),
        optional("flags", Shape::Map(&Shape::Boolean)),
    ]);

    #[test]
    fn complaints_read_as_those_of_the_real_gateway() {
        let table = [
            (json!([]), "must be object"),
            (
                json!({"type": "event", "event": "x"}),
                "must have required property 'inner'; at root: unexpected property 'event'; at /type: must be equal to constant",
            ),
            (json!({"type": "req", "inner": {"id": "a"}}), "at /inner: must have required property 'n'"),
            (
                json!({"type": "req", "inner": {"id": "c", "n": ""}}),
                "at /inner/id: must be equal to one of the allowed values; at /inner/n: must not have fewer than 1 characters",
            ),
            (
                json!({"type": "req", "inner": {"id": "a", "n": "x", "z": 1}, "limit": 6, "tags": [1], "flags": {"f": 0}}),
                "at /inner: unexpected property 'z'; at /limit: must be <= 5; at /tags/0: must be string; at /flags/f: must be boolean",
            ),
        ];
        for (value, complaint) in table {
            assert_eq!(OUTER.check(&value).unwrap_err(), complaint, "{value}");
        }
        assert_eq!(
            OUTER.check(&json!({"type": "req", "inner": {"id": "b", "n": "x"}, "limit": 4.0})),
            Ok(())
        );
    }

    #[test]
    fn the_answer_stays_small_however_wrong_the_value_is() {
        let value = json!({ "x".repeat(60_000): 1, "tags": vec![0; 20_000] });
        assert!(OUTER.check(&value).unwrap_err().len() < 2_000);
    }
}
