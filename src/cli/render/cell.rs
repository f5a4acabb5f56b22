//! Cells of tables from what a gateway answered: short, on one line, and without anything that a terminal would
//! take for an order.

use serde_json::Value;

use super::table::age;

/// A text, a number or yes and no; `-` where there is nothing.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => clean(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        _ => "-".into(),
    }
}

/// The first of several that says something.
pub fn first(values: &[&Value]) -> String {
    values.iter().map(|value| text(value)).find(|text| text != "-").unwrap_or_else(|| "-".into())
}

/// The texts of a list, with commas.
pub fn list(value: &Value) -> String {
    let words: Vec<String> = value.as_array().into_iter().flatten().map(text).collect();
    if words.is_empty() { "-".into() } else { words.join(", ") }
}

/// How far a time in milliseconds since the epoch is from `now_ms`, to the larger two units.
pub fn distance(now_ms: u64, value: &Value) -> String {
    let Some(at) = value.as_f64().filter(|at| *at > 0.0).map(|at| at as u64) else { return "-".into() };
    let coarse = |millis: u64| {
        let words = age(millis);
        words.split(' ').take(2).collect::<Vec<_>>().join(" ")
    };
    match now_ms.checked_sub(at) {
        Some(passed) => format!("{} ago", coarse(passed)),
        None => format!("in {}", coarse(at - now_ms)),
    }
}

/// The text without control characters: a name that a stranger chose must not move the cursor.
pub fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_kind_are_short_and_harmless() {
        let cells = [json!("a\u{1b}[2Jb"), json!(""), json!(7), json!(true), json!(null), json!({})];
        assert_eq!(cells.map(|cell| text(&cell)), ["a [2Jb", "-", "7", "yes", "-", "-"]);
        assert_eq!(list(&json!(["a", "b"])), "a, b");
        assert_eq!(first(&[&json!(null), &json!("x")]), "x");
    }

    #[test]
    fn times_are_told_by_their_distance() {
        let now = 10_000_000_000;
        assert_eq!(distance(now, &json!(now - 3_723_000)), "1h 2m ago");
        assert_eq!(distance(now, &json!(now + 61_000)), "in 1m 1s");
        assert_eq!(distance(now, &json!(null)), "-");
    }
}
