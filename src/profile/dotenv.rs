//! The `.env` files that the real program reads beside its configuration (OPENCLAW.md 1.7): `NAME=value` line by
//! line. They feed the configuration's `${NAME}` and never override what is set.

use crate::base::Secret;

/// The variables of a `.env` file, in order. A line that is none is passed over, as the real program does.
pub fn variables(text: &str) -> Vec<(String, Secret)> {
    text.trim_start_matches('\u{feff}').lines().filter_map(variable).collect()
}

fn variable(line: &str) -> Option<(String, Secret)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name.to_owned(), Secret::new(plain(value.trim()))))
}

/// A value without its quotes; without quotes, a comment behind it is none of it.
fn plain(value: &str) -> &str {
    for quote in ['"', '\'', '`'] {
        if let Some((inside, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inside;
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_values_quotes_and_comments_are_read() {
        let text = "\u{feff}# a comment\nA=1\n export B = \"two # 2\" # b\n\nC='x=y'\nD= four # d\nE=\nnothing\n=x\n";
        let found = variables(text);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(found, [("A", "1"), ("B", "two # 2"), ("C", "x=y"), ("D", "four"), ("E", "")]);
    }
}
