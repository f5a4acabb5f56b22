//! `openclaw.json` as a tree: reading JSON5 with a place for every fault, and `$include` with the real program's
//! rules (OPENCLAW.md 8.3). Files are read by the caller; here it is decided which, and what their sum is.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use crate::base::{Error, Kind, Result};

/// How deep files may include files.
pub const DEPTH_MAX: usize = 10;
/// Largest file, in bytes.
pub const FILE_MAX: usize = 2 << 20;
/// How many files may be included in all; ten levels of two includes each would be a thousand.
const FILES_INCLUDED_MAX: usize = 100;
/// How deep objects and lists may nest; the reader recurses, so the stack is the limit behind it.
const NESTING_MAX: usize = 128;
/// What ends a comment that begins with `//`; the reader goes by the same.
const LINE_ENDS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];
/// The key that names files to be merged in.
pub(super) const INCLUDE: &str = "$include";

/// Reads JSON5: comments, trailing commas and a byte order mark are fine.
///
/// # Errors
/// [`Kind::Config`], code `config_invalid`, with file, line and column and what was expected; also for a file that
/// is too large or too deeply nested, and for one that is empty: an emptied file is a fault, not a choice.
pub fn read(text: &str, file: &Path) -> Result<Value> {
    if text.len() > FILE_MAX {
        return Err(invalid(file, None, format!("it is larger than {} MiB", FILE_MAX >> 20)));
    }
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(offset) = too_deep(body) {
        let position = json5::Position::from_offset(offset, body);
        return Err(invalid(file, Some(position), format!("nested deeper than {NESTING_MAX} levels")));
    }
    // Most files are strict JSON, which means the same and is read in a fraction of the time.
    let value = serde_json::from_str(body).or_else(|_| json5::from_str::<Value>(body)).map_err(|error| {
        let what = match error.code() {
            Some(code) => spoken(&code.to_string()),
            // The reader's own text; it never quotes values.
            None => "not valid JSON5".to_owned(),
        };
        // A fault without a place is the end of the file.
        let position = error.position().or_else(|| Some(json5::Position::from_offset(body.len(), body)));
        invalid(file, position, what)
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(invalid(file, None, "it is not an object in braces".into()))
    }
}

/// The reader's words for a fault, where they are jargon, in plain ones.
fn spoken(code: &str) -> String {
    match code.strip_prefix("EOF parsing ") {
        Some("value") => "expected a value, but the file ends".into(),
        Some(thing) => format!("the file ends inside the {thing} that begins here"),
        None => code.to_owned(),
    }
}

/// An error about `file`, which stands in front of everything.
pub(super) fn invalid(file: &Path, position: Option<json5::Position>, what: String) -> Error {
    let file = file.display();
    let place = match position {
        Some(position) => format!("{file}:{}:{}", position.line + 1, position.column + 1),
        None => file.to_string(),
    };
    Error::new(Kind::Config, "config_invalid", format!("{place}: {what}"))
        .remedy(format!("mend {file}; `openclaw config validate` lists every fault"))
}

/// Where the text nests too deeply, as a byte offset. Brackets in texts and comments do not count.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    // Most of a long file is texts, whose letters are passed over in two tight loops.
    while let Some(found) =
        next(bytes, at, |byte| matches!(byte, b'{' | b'[' | b'}' | b']' | b'"' | b'\'' | b'/'))
    {
        at = found;
        let behind = || text.get(at + 2..).unwrap_or_default();
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            quote @ (b'"' | b'\'') => {
                at = loop {
                    match next(bytes, at + 1, |byte| byte == quote || byte == b'\\') {
                        Some(found) if bytes[found] == quote => break found,
                        Some(escape) => at = escape + 1,
                        None => break bytes.len(),
                    }
                }
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at = behind().find(LINE_ENDS).map_or(bytes.len(), |length| at + 2 + length);
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = behind().find("*/").map_or(bytes.len(), |length| at + 3 + length);
            }
            _ => {}
        }
        if depth > NESTING_MAX {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Where the next byte stands, from `at` on, that `matters`.
fn next(bytes: &[u8], at: usize, matters: impl Fn(u8) -> bool) -> Option<usize> {
    bytes.get(at..)?.iter().position(|byte| matters(*byte)).map(|length| at + length)
}

/// Every file that the tree names by `$include`, in the order in which they are merged.
pub fn includes(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            match map.get(INCLUDE) {
                Some(Value::String(file)) => found.push(file.clone()),
                Some(Value::Array(files)) => {
                    found.extend(files.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
            map.iter().filter(|(key, _)| *key != INCLUDE).for_each(|(_, inner)| collect(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// `over` laid upon `base`: objects key by key, lists one behind the other, anything else replaced.
pub fn merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                let merged = match base.remove(&key) {
                    Some(below) => merge(below, value),
                    None => value,
                };
                base.insert(key, merged);
            }
            Value::Object(base)
        }
        (Value::Array(mut base), Value::Array(over)) => {
            base.extend(over);
            Value::Array(base)
        }
        (_, over) => over,
    }
}

/// Reads the file that is named in a file of the given folder; returns its tree and its own path.
pub type Load<'a> = dyn FnMut(&Path, &str) -> Result<(Value, PathBuf)> + 'a;

/// The tree with every `$include` replaced by what it names: later files win over earlier ones, sibling keys
/// over all of them.
///
/// # Errors
/// What `load` returns, and [`Kind::Config`] for a circle, for more than ten levels or a hundred files, and for an
/// `$include` that is neither a text nor a list of texts.
pub fn expand(value: Value, file: &Path, load: &mut Load<'_>) -> Result<Value> {
    let mut left = FILES_INCLUDED_MAX;
    let mut counted = |folder: &Path, named: &str| {
        let too_many = || {
            let what = format!("`{INCLUDE}` leads to more than {FILES_INCLUDED_MAX} files");
            invalid(file, None, what)
        };
        left = left.checked_sub(1).ok_or_else(too_many)?;
        load(folder, named)
    };
    expand_within(value, &mut vec![file.to_path_buf()], &mut counted)
}

fn expand_within(value: Value, chain: &mut Vec<PathBuf>, load: &mut Load<'_>) -> Result<Value> {
    let mut map = match value {
        Value::Object(map) => map,
        Value::Array(items) => {
            let items = items.into_iter().map(|item| expand_within(item, chain, load));
            return items.collect::<Result<_>>().map(Value::Array);
        }
        plain => return Ok(plain),
    };
    let included = match map.remove(INCLUDE) {
        Some(named) => Some(included(named, chain, load)?),
        None => None,
    };
    let mut siblings = Map::new();
    for (key, inner) in map {
        siblings.insert(key, expand_within(inner, chain, load)?);
    }
    Ok(match included {
        Some(tree) if siblings.is_empty() => tree,
        Some(tree) => merge(tree, Value::Object(siblings)),
        None => Value::Object(siblings),
    })
}

fn included(named: Value, chain: &mut Vec<PathBuf>, load: &mut Load<'_>) -> Result<Value> {
    let here = chain.last().cloned().unwrap_or_default();
    let wrong = || invalid(&here, None, format!("`{INCLUDE}` must be a text or a list of texts"));
    let files: Vec<String> = match named {
        Value::String(file) => vec![file],
        Value::Array(files) => {
            let texts = files.into_iter().map(|file| file.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    if chain.len() > DEPTH_MAX {
        return Err(invalid(&here, None, format!("`{INCLUDE}` goes deeper than {DEPTH_MAX} files")));
    }
    let folder = here.parent().unwrap_or(Path::new("/")).to_path_buf();
    let mut sum = Value::Object(Map::new());
    for file in files {
        let (tree, path) = load(&folder, &file)?;
        if chain.contains(&path) {
            return Err(invalid(&here, None, format!("`{INCLUDE}` of {file:?} goes in a circle")));
        }
        chain.push(path);
        let tree = expand_within(tree, chain, load)?;
        chain.pop();
        sum = merge(sum, tree);
    }
    Ok(sum)
}

/// The path of an included file, when it lies below one of the allowed `roots` by its spelling. The caller resolves
/// links and asks again before it opens the file.
///
/// # Errors
/// [`Kind::Config`] when the file lies elsewhere.
pub fn include_path(folder: &Path, named: &str, roots: &[PathBuf]) -> Result<PathBuf> {
    let mut path = PathBuf::new();
    for part in folder.join(named).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    if roots.iter().any(|root| path.starts_with(root)) {
        return Ok(path);
    }
    let what = format!("`{INCLUDE}` of {named:?} leaves the configuration's folder");
    Err(invalid(folder, None, what)
        .remedy("move the file beside openclaw.json, or name its folder in OPENCLAW_INCLUDE_ROOTS"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file() -> &'static Path {
        Path::new("/c/openclaw.json")
    }

    /// Expands `root` where the files of the folder are `files`.
    fn expanded(root: Value, files: &[(&str, Value)]) -> Result<Value> {
        expand(root, file(), &mut |folder, named| {
            let path = include_path(folder, named, &[PathBuf::from("/c")])?;
            let found = files.iter().find(|(name, _)| Path::new("/c").join(name) == path);
            let tree = found.map(|(_, tree)| tree.clone());
            tree.map(|tree| (tree, path.clone())).ok_or_else(|| invalid(&path, None, "is not there".into()))
        })
    }

    #[test]
    fn comments_trailing_commas_and_a_byte_order_mark_are_fine() {
        let text = "\u{feff}// head\n{ a: 'x', /* } */ \"b\": [1, 2,], }";
        assert_eq!(read(text, file()).unwrap(), json!({"a": "x", "b": [1, 2]}));
    }

    #[test]
    fn a_fault_has_file_line_and_column_and_says_what_was_expected() {
        let error = read("{\n  gateway: {\n    port 1 } }", file()).unwrap_err();
        assert_eq!(error.code(), "config_invalid");
        assert_eq!(error.message(), "/c/openclaw.json:3:10: expected colon");
        for (text, why) in [
            ("", "the file ends"),
            ("[]", "not an object"),
            ("{} x", "trailing"),
            ("{a: 1", "the file ends inside the object"),
        ] {
            let error = read(text, file()).unwrap_err();
            assert!(error.message().contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn depth_and_size_are_bounded_before_the_reader_recurses() {
        let deep = format!("{{\n a: {}", "[".repeat(100_000));
        let error = read(&deep, file()).unwrap_err();
        assert!(error.message().contains("json:2:") && error.message().contains("deeper"), "{error}");
        assert!(read(&format!("{{a: {}1{}}}", "[".repeat(120), "]".repeat(120)), file()).is_ok());
        // Brackets in texts and comments are not nesting.
        let flat = format!("{{a: '{0}', b: \"{0}\\\"{0}\" /* {0} */ // {0}\n}}", "[".repeat(200));
        assert!(read(&flat, file()).is_ok());
        assert!(read(&" ".repeat(FILE_MAX + 1), file()).unwrap_err().message().contains("2 MiB"));
        // A comment ends where the reader lets it end.
        for end in LINE_ENDS {
            let hidden = format!("{{a: // x{end}{}", "[".repeat(100_000));
            assert!(read(&hidden, file()).unwrap_err().message().contains("deeper"), "{end:?}");
        }
    }

    #[test]
    fn later_files_win_and_siblings_win_over_all() {
        let root = json!({"$include": ["a.json", "b.json"], "gateway": {"port": 3}});
        assert_eq!(includes(&root), ["a.json", "b.json"]);
        let files = [
            ("a.json", json!({"gateway": {"port": 1, "mode": "local"}, "list": [1]})),
            ("b.json", json!({"gateway": {"port": 2, "bind": "lan"}, "list": [2]})),
        ];
        let sum = expanded(root, &files).unwrap();
        let gateway = json!({"port": 3, "mode": "local", "bind": "lan"});
        assert_eq!(sum, json!({"gateway": gateway, "list": [1, 2]}));
    }

    #[test]
    fn inner_includes_count_from_their_own_file() {
        let root = json!({"gateway": {"auth": {"$include": "sub/auth.json"}}});
        assert_eq!(includes(&root), ["sub/auth.json"]);
        let files = [
            ("sub/auth.json", json!({"$include": "./mode.json", "token": "t"})),
            ("sub/mode.json", json!({"mode": "token"})),
        ];
        let sum = expanded(root, &files).unwrap();
        assert_eq!(sum, json!({"gateway": {"auth": {"mode": "token", "token": "t"}}}));
    }

    #[test]
    fn circles_and_foreign_folders_are_refused() {
        let circle =
            [("a.json", json!({"$include": "b.json"})), ("b.json", json!({"x": {"$include": "a.json"}}))];
        let error = expanded(json!({"$include": "a.json"}), &circle).unwrap_err();
        assert!(error.message().contains("circle"), "{error}");
        for named in ["../x.json", "/etc/passwd", "sub/../../c2/x.json", "/cc/x.json"] {
            let error = expanded(json!({"$include": named}), &[]).unwrap_err();
            assert!(error.message().contains("leaves"), "{named}: {error}");
        }
        let error = expanded(json!({"$include": 7}), &[]).unwrap_err();
        assert!(error.message().contains("a text or a list"), "{error}");
    }

    #[test]
    fn files_that_include_each_other_many_times_come_to_an_end() {
        let names: Vec<String> = (0..9).map(|level| format!("{level}.json")).collect();
        let files: Vec<(&str, Value)> = (0..9)
            .map(|level| {
                let below = names.get(level + 1).map(|below| vec![below.as_str(); 9]).unwrap_or_default();
                (names[level].as_str(), json!({ "$include": below }))
            })
            .collect();
        let error = expanded(json!({"$include": names[0]}), &files).unwrap_err();
        assert!(error.message().contains("more than 100 files"), "{error}");
        assert!(expanded(json!({"$include": vec!["8.json"; 100]}), &files).is_ok());
    }

    #[test]
    fn ten_levels_are_enough() {
        let names: Vec<String> = (0..12).map(|level| format!("{level}.json")).collect();
        let files: Vec<(&str, Value)> = (0..11)
            .map(|level| (names[level].as_str(), json!({"$include": names[level + 1]})))
            .chain([(names[11].as_str(), json!({}))])
            .collect();
        let from = |level: usize| expanded(json!({"$include": names[level]}), &files);
        assert!(from(2).is_ok());
        assert!(from(1).unwrap_err().message().contains("deeper than 10"));
    }
}
