//! The quoting of systemd's unit files: words with quotes and C escapes, and the variables and specifiers in them.

use std::collections::BTreeMap;

/// What the specifiers of a unit stand for.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// The unit's full name, for example `gw@work.service`.
    pub unit: &'a str,
    /// The home of the user whose manager runs the unit, where known.
    pub home: Option<&'a str>,
    /// That user's name, where known.
    pub user: Option<&'a str>,
}

/// Splits an assignment's value into words: quotes group, escapes are those of C. An open quote ends with the text.
pub fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => escape(&mut rest, word.get_or_insert_default()),
            _ if quote == Some(letter) => quote = None,
            _ if quote.is_some() => word.get_or_insert_default().push(letter),
            '"' | '\'' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            _ if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// One escape behind its backslash; an unknown one is kept as it stands, as systemd does with a warning.
fn escape(rest: &mut std::str::Chars<'_>, word: &mut String) {
    let Some(letter) = rest.next() else {
        word.push('\\');
        return;
    };
    let (digits, radix) = match letter {
        'x' => (2, 16),
        'u' => (4, 16),
        'U' => (8, 16),
        '0'..='7' => (3, 8),
        _ => {
            match "abfnrtvs\\\"' ;".find(letter) {
                Some(place) => word.push_str(
                    ["\u{7}", "\u{8}", "\u{c}", "\n", "\r", "\t", "\u{b}", " ", "\\", "\"", "'", " ", "\\;"]
                        [place],
                ),
                None => word.extend(['\\', letter]),
            }
            return;
        }
    };
    let text: String = match radix {
        8 => std::iter::once(letter).chain(rest.clone().take(digits - 1)).collect(),
        _ => rest.clone().take(digits).collect(),
    };
    let code = (text.len() == digits).then(|| u32::from_str_radix(&text, radix).ok()).flatten();
    match code.and_then(char::from_u32).filter(|letter| *letter != '\0') {
        Some(found) => {
            word.push(found);
            let taken = if radix == 8 { digits - 1 } else { digits };
            rest.nth(taken - 1);
        }
        None => word.extend(['\\', letter]),
    }
}

/// Replaces `%i` and its like. One whose value is not known stays as it stands.
pub fn specifiers(text: &str, names: Names<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let Some(kind) = rest.next() else {
            out.push('%');
            break;
        };
        match specifier(kind, names) {
            Some(value) => out.push_str(&value),
            None => out.extend(['%', kind]),
        }
    }
    out
}

fn specifier(kind: char, names: Names<'_>) -> Option<String> {
    let stem = names.unit.rsplit_once('.').map_or(names.unit, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let last = |text: &str| text.rsplit('-').next().unwrap_or(text).to_owned();
    match kind {
        '%' => Some("%".into()),
        'i' => Some(instance.into()),
        'I' => Some(unescape(instance)),
        'n' => Some(names.unit.into()),
        'N' => Some(stem.into()),
        'p' => Some(prefix.into()),
        'P' => Some(unescape(prefix)),
        'j' => Some(last(prefix)),
        'J' => Some(unescape(&last(prefix))),
        'h' => names.home.map(Into::into),
        'u' => names.user.map(Into::into),
        'S' => names
            .home
            .map(|home| if home == "/root" { "/var/lib".into() } else { format!("{home}/.local/state") }),
        _ => None,
    }
}

/// A unit name's escaping taken back: `-` is `/`, `\x2d` is `-`.
fn unescape(text: &str) -> String {
    let slashes = text.replace('-', "/");
    let mut out = String::new();
    let mut rest = slashes.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => escape(&mut rest, &mut out),
            _ => out.push(letter),
        }
    }
    out
}

/// Replaces `$NAME` (a word of its own: split again) and `${NAME}` (in place) in a command line's words.
pub fn variables(words: &[String], known: &BTreeMap<String, String>) -> Vec<String> {
    let mut out = Vec::new();
    for word in words {
        let name = word.strip_prefix('$').filter(|name| is_name(name));
        match name {
            Some(name) => out.extend(known.get(name).map(|value| split(value)).unwrap_or_default()),
            None => out.push(in_place(word, known)),
        }
    }
    out
}

fn in_place(word: &str, known: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('$') {
            out.push('$');
            rest = behind;
        } else if let Some((name, behind)) = rest.strip_prefix('{').and_then(|body| body.split_once('}')) {
            out.push_str(known.get(name).map_or("", String::as_str));
            rest = behind;
        } else {
            out.push('$');
        }
    }
    out + rest
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_systemd_sees() {
        for (text, expected) in [
            ("a  b\tc", vec!["a", "b", "c"]),
            ("\"a b\" 'c d' e", vec!["a b", "c d", "e"]),
            ("\"A=b c\" D=\"e f\"", vec!["A=b c", "D=e f"]),
            (r"a\x20b \101 \s \t", vec!["a b", "A", " ", "\t"]),
            (r"a\qb \xzz", vec![r"a\qb", r"\xzz"]),
            (r#""" 'a"b'"#, vec!["", "a\"b"]),
            ("\"open", vec!["open"]),
            ("", vec![]),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }

    #[test]
    fn specifiers_follow_the_units_name() {
        let names = Names { unit: r"my-gw@a-b\x2dc.service", home: Some("/home/ana"), user: None };
        for (text, expected) in [
            ("%i", r"a-b\x2dc"),
            ("%I", "a/b-c"),
            ("%n", r"my-gw@a-b\x2dc.service"),
            ("%p %P %j", "my-gw my/gw gw"),
            ("%h/x 100%% %u %", "/home/ana/x 100% %u %"),
        ] {
            assert_eq!(specifiers(text, names), expected, "{text}");
        }
    }

    #[test]
    fn variables_split_alone_and_stay_whole_in_braces() {
        let known = BTreeMap::from([("A".to_owned(), "x 'y z'".to_owned())]);
        let words: Vec<String> = ["$A", "${A}", "b${A}c", "$NONE", "$$A", "c$A"].map(Into::into).into();
        assert_eq!(variables(&words, &known), ["x", "y z", "x 'y z'", "bx 'y z'c", "$A", "c$A"]);
    }
}
