//! The house rules, held by a test that walks `src` with no parser: floors, effects, sizes, names. All
//! findings are listed at once, and every rule is tried on a bad sample first, so that it can fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "docs/codes.rs"]
mod codes;

use std::fs;
use std::path::Path;

/// Each folder of `src` and the folders it may use (DESIGN section 5). A folder that is not here is a finding.
const FLOORS: [(&str, &[&str]); 15] = [
    ("main.rs", &["cli"]),
    ("lib.rs", &[]),
    (
        "cli",
        &[
            "daemon",
            "gateway",
            "client",
            "host",
            "link",
            "profile",
            "conflict",
            "supervise",
            "wire",
            "access",
            "service",
            "base",
        ],
    ),
    ("daemon", SERVICE_FLOOR),
    ("gateway", SERVICE_FLOOR),
    ("client", SERVICE_FLOOR),
    ("host", &["base"]),
    ("link", &["base", "wire", "host"]),
    ("profile", &["base"]),
    ("conflict", &["base", "service"]),
    ("supervise", &["base"]),
    ("wire", &["base"]),
    ("access", &["base", "profile"]),
    ("service", &["base", "profile"]),
    ("base", &[]),
];
const SERVICE_FLOOR: &[&str] =
    &["host", "link", "profile", "conflict", "supervise", "wire", "access", "service", "base"];

/// An effect: words that betray it, words that look like it and are harmless, where it may live (STYLE,
/// "Where effects live").
struct Effect {
    name: &'static str,
    words: &'static [&'static str],
    harmless: &'static [&'static str],
    places: &'static [&'static str],
}

const EFFECTS: [Effect; 11] = [
    Effect {
        name: "clock",
        words: &["SystemTime", "Instant", "OffsetDateTime::now_utc"],
        harmless: &[],
        places: &["daemon/driver", "gateway/session", "host/clock"],
    },
    Effect {
        name: "processes",
        words: &["std::process", "tokio::process", "process::Command"],
        harmless: &["std::process::ExitCode"],
        places: &["host/"],
    },
    Effect {
        name: "files",
        words: &["std::fs", "tokio::fs", "fs2", "File::", "OpenOptions"],
        harmless: &[],
        places: &["host/"],
    },
    Effect {
        name: "sockets",
        words: &["TcpListener", "TcpStream", "UnixListener", "UnixStream", "UnixDatagram", "UdpSocket"],
        harmless: &[],
        places: &["host/", "link/", "gateway/", "daemon/control", "daemon/ready"],
    },
    Effect {
        name: "environment",
        words: &["std::env", "env::var", "env::vars", "env::args", "env::set_var", "env::current_dir"],
        // Neither is of the environment: what the program was built for, and which file it is.
        harmless: &["std::env::consts", "std::env::current_exe"],
        // A crash point is armed, an older kernel pretended, and a group to divide named, in a debug build alone.
        places: &["main.rs", "host/crash", "host/confine", "host/cgroup/delegated"],
    },
    Effect {
        name: "printing",
        words: &["println!", "eprintln!", "print!", "eprint!", "dbg!", "io::stdout", "io::stderr"],
        harmless: &[],
        // A log that people watch is no output of a command.
        places: &["cli/render", "host/trace"],
    },
    Effect { name: "exit", words: &["process::exit", "libc::exit", "_exit"], harmless: &[], places: &[] },
    Effect {
        name: "platform",
        words: &["target_os", "target_family", "cfg(unix", "cfg(windows"],
        harmless: &[],
        places: &["host/"],
    },
    Effect { name: "unsafe", words: &["unsafe"], harmless: &[], places: &["host/"] },
    Effect { name: "panic", words: &[".unwrap()", ".expect("], harmless: &[], places: &[] },
    Effect { name: "sleep", words: &["thread::sleep"], harmless: &[], places: &[] },
];

const FILE_LINES_MAX: usize = 400;
const MEDIAN_LINES_MAX: usize = 150;
const FUNCTION_LINES_MAX: usize = 60;
/// At the head of a longer file: why it is one.
const SIZE_REASON: &str = "//! Size: ";
const EMPTY_NAMES: [&str; 4] = ["util", "helper", "common", "manager"];
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "#[ignore"];

/// One file, its path as from `src/`.
struct Source {
    path: String,
    text: String,
    /// The text without comments, and with strings emptied; line for line.
    code: String,
    /// The same with test modules emptied.
    product: String,
    /// How many lines the test modules have.
    test_lines: usize,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = blanked(text);
        let (product, test_lines) =
            match path.ends_with("/tests.rs") || path.contains("/tests/") && !path.starts_with("../") {
                true => (String::new(), code.lines().count()),
                false => without_tests(&code),
            };
        Source { path: path.into(), text: text.into(), code, product, test_lines }
    }

    fn folder(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The lines that count towards sizes.
    fn lines(&self) -> usize {
        self.text.lines().count() - self.test_lines
    }

    fn finding(&self, line: usize, words: &str) -> String {
        format!("src/{}:{line}: {words}", self.path)
    }
}

/// Empties comments, strings and character literals, and keeps every line break.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut blank = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = end_of_prose(bytes, at);
        for byte in &mut blank[at..end.unwrap_or(at)] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.unwrap_or(at + 1);
    }
    String::from_utf8_lossy(&blank).into_owned()
}

/// Where the comment or literal that begins at `at` ends; `None` when none begins there.
fn end_of_prose(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let find = |what: &[u8], from: usize| {
        let found = rest[from..].windows(what.len()).position(|window| window == what);
        found.map_or(bytes.len(), |found| at + from + found + what.len())
    };
    if rest.starts_with(b"//") {
        return Some(find(b"\n", 0) - usize::from(find(b"\n", 0) < bytes.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(find(b"*/", 2));
    }
    let within_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest[0] == b'r' && (!within_word || bytes[at - 1] == b'b') {
        let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
        if rest.get(1 + hashes) == Some(&b'"') {
            return Some(find(&[b"\"".as_slice(), &vec![b'#'; hashes]].concat(), 2 + hashes));
        }
    }
    let quote = rest[0];
    let byte = at > 0 && bytes[at - 1] == b'b' && (at == 1 || !is_word(bytes[at - 2]));
    let character = quote == b'\'' && (byte || !within_word) && {
        // A lifetime has no closing quote behind its first letter.
        let letter = std::str::from_utf8(&rest[1..rest.len().min(5)]).unwrap_or_else(|error| {
            std::str::from_utf8(&rest[1..1 + error.valid_up_to()]).unwrap_or_default()
        });
        let width = letter.chars().next().map_or(1, char::len_utf8);
        rest.get(1) == Some(&b'\\') || rest.get(1 + width) == Some(&b'\'')
    };
    if quote != b'"' && !character {
        return None;
    }
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    Some((end + 1).min(bytes.len()))
}

/// Empties every item that is marked `#[cfg(test)]`, and says how many lines those have.
fn without_tests(code: &str) -> (String, usize) {
    let mut rest = code;
    let (mut product, mut lines) = (String::new(), 0);
    while let Some(mark) = rest.find("#[cfg(test)]") {
        let item = &rest[mark..];
        let end = match (item.find('{'), item.find(';')) {
            (Some(brace), semicolon) if semicolon.is_none_or(|semicolon| brace < semicolon) => {
                brace + block(&item[brace..])
            }
            (_, Some(semicolon)) => semicolon + 1,
            _ => item.len(),
        };
        product.push_str(&rest[..mark]);
        product.extend(item[..end].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        lines += item[..end].matches('\n').count();
        rest = &item[end..];
    }
    (product + rest, lines)
}

/// The length of the block that `code` begins with.
fn block(code: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `word` stands in `code` as a whole word.
fn places_of<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = !is_word(word.as_bytes()[0]) || *at == 0 || !is_word(bytes[at - 1]);
        let end = at + word.len();
        let behind = word.bytes().last().is_none_or(|last| !is_word(last));
        before && (behind || bytes.get(end).is_none_or(|next| !is_word(*next)))
    })
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// The first names behind `path`: one, or those of a group.
fn heads(path: &str) -> Vec<&str> {
    let name = |text: &str| text.bytes().take_while(|byte| is_word(*byte)).count();
    let Some(group) = path.strip_prefix('{') else { return vec![&path[..name(path)]] };
    let mut heads = Vec::new();
    let (mut depth, mut begins) = (0, true);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'}' if depth == 0 => break,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => begins = true,
            byte if begins && is_word(byte) => {
                heads.push(&group[at..at + name(&group[at..])]);
                begins = false;
            }
            _ => {}
        }
    }
    heads
}

/// The top folders that a file names: by `crate::`, by the crate's name, or by climbing with `super::`.
fn folders_used(source: &Source) -> Vec<(usize, &str)> {
    let code = &source.product;
    let mut used = Vec::new();
    for root in ["crate::", "openclaw_supervisor::"] {
        for at in places_of(code, root) {
            used.extend(heads(&code[at + root.len()..]).into_iter().map(|head| (line_of(code, at), head)));
        }
    }
    let module = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
    let depth = module.split('/').count();
    for at in places_of(code, "super::").filter(|at| !code[..*at].ends_with("super::")) {
        let chain = code[at..].split("super::").take_while(|part| part.is_empty()).count();
        if chain >= depth {
            let behind = &code[at + chain * "super::".len()..];
            used.extend(heads(behind).into_iter().map(|head| (line_of(code, at), head)));
        }
    }
    used
}

fn floors(source: &Source) -> Vec<String> {
    let folder = source.folder();
    let Some((_, may_use)) = FLOORS.iter().find(|(name, _)| *name == folder) else {
        return vec![source.finding(1, &format!("`{folder}` stands on no floor"))];
    };
    let wrong =
        folders_used(source).into_iter().filter(|(_, head)| *head != folder && !may_use.contains(head));
    wrong.map(|(line, head)| source.finding(line, &format!("`{folder}` may not use `{head}`"))).collect()
}

fn effects(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for effect in &EFFECTS {
        if effect.places.iter().any(|place| source.path.starts_with(place)) {
            continue;
        }
        for word in effect.words {
            for at in places_of(&source.product, word) {
                let text = &source.product[at..];
                if !effect.harmless.iter().any(|harmless| text.starts_with(harmless)) {
                    let line = line_of(&source.product, at);
                    findings.push(
                        source.finding(line, &format!("{} (`{word}`) does not live here", effect.name)),
                    );
                }
            }
        }
    }
    findings
}

fn size(source: &Source) -> Vec<String> {
    let reason = source.text.lines().take_while(|line| line.starts_with("//!"));
    if source.lines() <= FILE_LINES_MAX || reason.into_iter().any(|line| line.starts_with(SIZE_REASON)) {
        return Vec::new();
    }
    let words = format!("{} lines, and no `{SIZE_REASON}…` says why", source.lines());
    vec![source.finding(1, &words)]
}

fn functions(source: &Source) -> Vec<String> {
    let code = &source.product;
    let mut findings = Vec::new();
    for at in places_of(code, "fn") {
        let name = code[at + 2..].trim_start();
        let name = &name[..name.bytes().take_while(|byte| is_word(*byte)).count()];
        let mut nested = 0;
        let opens = code[at..].bytes().position(|byte| {
            nested += i32::from(matches!(byte, b'(' | b'[')) - i32::from(matches!(byte, b')' | b']'));
            nested == 0 && matches!(byte, b'{' | b';')
        });
        let Some(opens) = opens.map(|opens| at + opens).filter(|opens| code[*opens..].starts_with('{'))
        else {
            continue;
        };
        let body = &code[at..opens + block(&code[opens..])];
        let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
        if !name.is_empty() && lines > FUNCTION_LINES_MAX {
            findings.push(source.finding(line_of(code, at), &format!("`{name}` has {lines} lines of code")));
        }
    }
    findings
}

fn opening(source: &Source) -> Vec<String> {
    if source.text.starts_with("//! ") { Vec::new() } else { vec![source.finding(1, "opens without `//!`")] }
}

fn names(source: &Source) -> Vec<String> {
    let parts = source.path.trim_end_matches(".rs").split(['/', '_']);
    let empty = parts.filter(|part| EMPTY_NAMES.contains(&part.trim_end_matches('s')));
    empty.map(|part| source.finding(1, &format!("`{part}` is a place, not a thing"))).collect()
}

fn unfinished(source: &Source) -> Vec<String> {
    let all = UNFINISHED.iter().flat_map(|word| places_of(&source.code, word).map(move |at| (word, at)));
    all.map(|(word, at)| source.finding(line_of(&source.code, at), &format!("`{word}`"))).collect()
}

const RULES: [fn(&Source) -> Vec<String>; 7] = [floors, effects, size, functions, opening, names, unfinished];

fn median(sources: &[Source]) -> Option<String> {
    let mut lines: Vec<usize> = sources.iter().map(Source::lines).collect();
    lines.sort_unstable();
    let median = *lines.get(lines.len() / 2)?;
    (median > MEDIAN_LINES_MAX)
        .then(|| format!("src: the median file has {median} lines, {MEDIAN_LINES_MAX} is the most"))
}

fn walk(folder: &Path, inside: &str, sources: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = format!("{inside}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            walk(&path, &format!("{name}/"), sources);
        } else if name.ends_with(".rs") {
            sources.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_house_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut sources, mut tests) = (Vec::new(), Vec::new());
    walk(&root.join("src"), "", &mut sources);
    walk(&root.join("tests"), "../tests/", &mut tests);
    for folder in ["fuzz_targets", "properties"] {
        walk(&root.join("fuzz").join(folder), &format!("../fuzz/{folder}/"), &mut tests);
    }
    assert!(sources.len() > 10, "the walk found too little");
    let mut findings: Vec<String> =
        sources.iter().flat_map(|source| RULES.map(|rule| rule(source)).concat()).collect();
    findings.extend(median(&sources));
    findings.extend(tests.iter().flat_map(|test| [opening(test), names(test), unfinished(test)].concat()));
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Asserts that `rule` finds exactly `count` things in a file of `text` at `path`.
#[track_caller]
fn finds(rule: fn(&Source) -> Vec<String>, path: &str, text: &str, count: usize) {
    let findings = rule(&Source::new(path, text));
    assert_eq!(findings.len(), count, "{path}: {text}\n{findings:#?}");
}

#[test]
fn an_import_upwards_or_sidewards_is_found_however_it_is_written() {
    finds(floors, "wire/a.rs", "use crate::base::Error;\nuse super::frame;\nuse crate::wire::b;", 0);
    finds(floors, "wire/a.rs", "use crate::host::lock;", 1);
    finds(floors, "wire/a.rs", "fn a() { crate::daemon::run() }", 1);
    finds(floors, "wire/a.rs", "use crate::{base::{Error, Kind}, cli, link::ws};", 2);
    finds(floors, "wire/a.rs", "use super::super::host::lock;", 1);
    finds(floors, "wire/mod.rs", "use super::{base, host};", 1);
    finds(floors, "wire/a/mod.rs", "use super::super::supervise::Fleet;", 1);
    finds(floors, "daemon/a.rs", "use crate::gateway::run;", 1);
    finds(floors, "main.rs", "use openclaw_supervisor::cli;\nuse openclaw_supervisor::daemon;", 1);
    finds(floors, "attic/a.rs", "", 1);
    finds(floors, "attic.rs", "", 1);
    finds(floors, "wire/a.rs", "// crate::host\nconst A: &str = \"crate::host\";", 0);
    finds(floors, "wire/a.rs", "#[cfg(test)]\nmod tests { use crate::host; }", 0);
}

#[test]
fn every_effect_is_found_where_it_does_not_live_and_only_there() {
    for effect in &EFFECTS {
        for word in effect.words {
            let text = format!("fn a() {{ b{}{word} }}", if word.starts_with('.') { "" } else { " " });
            let findings = effects(&Source::new("wire/a.rs", &text));
            assert!(findings.iter().any(|finding| finding.contains(effect.name)), "{word}: {findings:?}");
            for place in effect.places {
                let place = if place.ends_with('/') { format!("{place}a.rs") } else { (*place).into() };
                let findings = effects(&Source::new(&place, &text));
                assert!(
                    !findings.iter().any(|finding| finding.contains(effect.name)),
                    "{place}: {findings:?}"
                );
            }
        }
    }
    finds(effects, "main.rs", "use std::process::ExitCode;", 0);
    finds(effects, "main.rs", "fn main() { std::process::exit(1) }", 2);
    finds(effects, "wire/a.rs", "#![deny(unsafe_code)]\nfn a() { b.unwrap_or(1); c.expect_err(2) }", 0);
    finds(effects, "wire/a.rs", "// println!\nconst A: &str = \"println!\"; const B: char = '\\'';", 0);
    finds(
        effects,
        "wire/a.rs",
        "#[cfg(test)]\nmod tests { fn a() { b.unwrap() } }\nfn c() { d.unwrap() }",
        1,
    );
}

#[test]
fn a_long_file_needs_a_reason_and_its_tests_do_not_count() {
    let long = |head: &str| format!("{head}\n{}", "const A: u8 = 1;\n".repeat(FILE_LINES_MAX));
    finds(size, "wire/a.rs", &long("//! A table."), 1);
    finds(size, "wire/a.rs", &long("//! A table.\n//! Size: it is one table."), 0);
    let tested = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "const A: u8 = 1;\n".repeat(500));
    finds(size, "wire/a.rs", &tested, 0);
    let sources = [Source::new("a.rs", &long("//! A.")), Source::new("b.rs", &long("//! B."))];
    assert!(median(&sources).is_some() && median(&[Source::new("a.rs", &tested)]).is_none());
}

#[test]
fn a_long_function_is_found_and_comments_do_not_lengthen_it() {
    let function = |line: &str, lines| {
        format!("impl A {{\n    fn long(a: [u8; 2]) -> [u8; 2] {{\n{}    }}\n}}\n", line.repeat(lines))
    };
    finds(functions, "wire/a.rs", &function("b();\n", FUNCTION_LINES_MAX - 1), 1);
    finds(functions, "wire/a.rs", &function("b();\n", FUNCTION_LINES_MAX - 2), 0);
    finds(functions, "wire/a.rs", &function("// because\n\n", FUNCTION_LINES_MAX), 0);
    finds(functions, "wire/a.rs", &function("let a = \"}\"; let b = '}';\n", FUNCTION_LINES_MAX), 1);
    finds(functions, "wire/a.rs", "trait A { fn b(); fn c(a: fn(u8) -> u8) {} }", 0);
}

#[test]
fn heads_names_and_unfinished_work_are_found() {
    finds(opening, "wire/a.rs", "use std::fmt;", 1);
    finds(opening, "wire/a.rs", "//! What it is for.", 0);
    for name in ["util.rs", "wire/helpers.rs", "host/common/mod.rs", "daemon/profile_manager.rs"] {
        finds(names, name, "", 1);
    }
    finds(names, "wire/utility_belt.rs", "", 0);
    finds(unfinished, "wire/a.rs", "fn a() { todo!() }\nfn b() { unimplemented!() }", 2);
    finds(
        unfinished,
        "wire/a.rs",
        "#[cfg(test)]\nmod tests {\n#[test]\n#[ignore = \"slow\"]\nfn a() {} }",
        1,
    );
}

#[test]
fn blanking_keeps_lines_and_lets_no_literal_pass_for_code() {
    let text = "a /* { */ \"}\\\"{\" r#\"\"{\"# b\"{\" '{' b'{' b'\\'' '\\'' &'a str // {\nb";
    let blank = blanked(text);
    assert!(!blank.contains(['{', '}']) && blank.contains("&'a str") && blank.ends_with("\nb"), "{blank}");
    assert_eq!(blank.len(), text.len());
}
