//! How a command line is written for people, and for whoever checks that words and text are the same: by the rule of the
//! real program, which nodes hold what they are given against.

/// The words in one line: one with spaces or quotes in it, and an empty one, stands between quotes.
pub fn of(argv: &[String]) -> String {
    let word = |word: &String| match word.as_str() {
        "" => "\"\"".to_owned(),
        plain if !plain.contains(|letter: char| letter.is_whitespace() || letter == '"') => plain.to_owned(),
        other => format!("\"{}\"", other.replace('"', "\\\"")),
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_not_plain_stands_between_quotes() {
        let line =
            |words: &[&str]| super::of(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["/bin/echo", "a b", "c"]), r#"/bin/echo "a b" c"#);
        assert_eq!(line(&["a\"b", ""]), r#""a\"b" """#);
    }
}
