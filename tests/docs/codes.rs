//! Every error code that the source can print has its row in docs/troubleshooting.md, with its exit code, and no row is
//! of a code that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{Source, walk};

/// The kinds of errors and their exit codes, as docs/exit-codes.md has them.
const EXITS: [(&str, &str); 8] = [
    ("Failed", "1"),
    ("Usage", "2"),
    ("NotRunning", "3"),
    ("Conflicts", "4"),
    ("Deadline", "5"),
    ("Unavailable", "69"),
    ("Denied", "77"),
    ("Config", "78"),
];

/// Files that name codes which others make errors of.
const TABLES: [&str; 2] = ["profile/tunnel/words.rs", "profile/isolation.rs"];

/// Words that look like codes where codes are named, and are none.
const NO_CODES: [&str; 5] =
    ["snake_case", "foreign_keys", "journal_mode", "user_version", "kex_exchange_identification"];

fn product(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// The text literal that `text` begins with.
fn literal(text: &str) -> Option<&str> {
    let inner = text.trim_start().strip_prefix('"')?;
    inner.split('"').next().filter(|word| is_code(word))
}

fn is_code(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    word.len() > 3 && word.chars().all(plain) && word.starts_with(|letter: char| letter.is_ascii_lowercase())
}

/// The codes in `text`, each with its kind where that stands beside it.
fn codes(path: &str, text: &str) -> Vec<(String, Option<String>)> {
    let (text, mut found) = (product(text), Vec::new());
    for (at, _) in text.match_indices("Kind::") {
        let rest = &text[at + "Kind::".len()..];
        let kind: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
        let behind = rest[kind.len()..].trim_start().strip_prefix(',');
        found.extend(behind.and_then(literal).map(|code| (code.to_owned(), Some(kind))));
    }
    if TABLES.contains(&path) || makes_errors_of_variables(text) {
        let words = text.split('"').skip(1).step_by(2);
        let named = words.filter(|word| is_code(word) && word.contains('_') && !NO_CODES.contains(word));
        found.extend(named.map(|code| (code.to_owned(), None)));
    }
    found
}

/// Whether an error is made whose code is no text that stands there.
fn makes_errors_of_variables(text: &str) -> bool {
    text.match_indices("Error::new(").any(|(at, call)| {
        let (before, rest) = (&text[..at], &text[at + call.len()..]);
        let second = rest.split_once(',').map_or("", |(_, second)| second.trim_start());
        !before.ends_with("io::") && !second.starts_with(['"', ')'])
    })
}

/// The rows of the page: each code with its exit codes.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let code = cells.next()?.strip_suffix('`')?.to_owned();
        let exits = cells.next()?.split(", ").map(str::to_owned).collect::<Vec<_>>();
        Some((code, exits))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn every_error_code_is_documented_with_its_exit_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = rows(&fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap());
    let mut sources: Vec<Source> = Vec::new();
    walk(&root.join("src"), "", &mut sources);
    let (mut known, mut findings) = (BTreeSet::new(), Vec::new());
    for source in sources.iter().filter(|source| !source.path.ends_with("/tests.rs")) {
        for (code, kind) in codes(&source.path, &source.text) {
            let exit =
                kind.and_then(|kind| EXITS.iter().find(|(name, _)| *name == kind)).map(|(_, exit)| *exit);
            match page.get(&code) {
                None => findings.push(format!("src/{}: `{code}` has no row", source.path)),
                Some(exits) if exit.is_some_and(|exit| !exits.iter().any(|one| one == exit)) => {
                    findings.push(format!("src/{}: the row of `{code}` lacks exit {exit:?}", source.path));
                }
                Some(_) => {}
            }
            known.insert(code);
        }
    }
    findings
        .extend(page.keys().filter(|code| !known.contains(*code)).map(|code| format!("`{code}` is no code")));
    assert!(known.len() > 150, "the search found too little: {known:?}");
    assert!(findings.is_empty(), "docs/troubleshooting.md: {}", findings.join("\n"));
}

#[test]
fn codes_are_found_however_they_are_written() {
    let text = "Error::new(\n    Kind::Denied,\n    \"one_code\",\n what); self.failure(Kind::Failed, \"other_code\", x)\n\
                #[cfg(test)] Kind::Failed, \"not_this\"";
    let found = codes("a.rs", text);
    let kinds: Vec<_> =
        found.iter().map(|(code, kind)| (code.as_str(), kind.as_deref().unwrap_or(""))).collect();
    assert_eq!(kinds, [("one_code", "Denied"), ("other_code", "Failed")]);
    let variable =
        "let code = if x { \"first_code\" } else { \"second_code\" }; Error::new(kind, code, what)";
    assert_eq!(codes("a.rs", variable).len(), 2);
    assert!(codes("a.rs", "io::Error::new(kind, why); \"no_code\"").is_empty());
    let page = rows("| code | exit |\n| `a_code` | 2, 78 | x | y |\n");
    assert_eq!(page["a_code"], ["2", "78"]);
}
