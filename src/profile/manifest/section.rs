//! One table of a manifest, read value by value: a value of the wrong type or outside its range becomes an error
//! that names key, file and line.

use std::path::Path;

use toml_edit::{Item, TableLike, Value};

use super::keys;
use crate::base::{Error, Kind, Result};

/// The text of a manifest and the name under which errors speak of it.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Text<'_> {
    /// An error at the line of byte `offset`.
    pub(super) fn error(&self, offset: Option<usize>, what: impl AsRef<str>) -> Error {
        let before = &self.text.as_bytes()[..offset.unwrap_or(0).min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let message = format!("{}:{line}: {}", self.file.display(), what.as_ref());
        Error::new(Kind::Config, "manifest_invalid", message)
            .remedy(format!("mend line {line} of {}", self.file.display()))
    }
}

/// A table of the manifest, or the absence of one.
pub(super) struct Section<'a> {
    text: Text<'a>,
    name: &'static str,
    table: Option<&'a dyn TableLike>,
}

impl<'a> Section<'a> {
    /// The top level.
    ///
    /// # Errors
    /// When it has a key that no manifest has.
    pub(super) fn top(text: Text<'a>, table: &'a dyn TableLike) -> Result<Self> {
        let section = Section { text, name: "", table: Some(table) };
        section.check_keys()?;
        Ok(section)
    }

    /// The table `name` below this one.
    ///
    /// # Errors
    /// When something else than a table has that name, or the table has an unknown key.
    pub(super) fn table(&self, name: &'static str) -> Result<Self> {
        let table = match self.item(name) {
            None => None,
            Some(item) => match item.as_table_like() {
                Some(table) => Some(table),
                None => {
                    let what = format!("`{name}` must be a table; write [{name}], not {}", kind_of(item));
                    return Err(self.error(name, what));
                }
            },
        };
        let section = Section { text: self.text, name, table };
        section.check_keys()?;
        Ok(section)
    }

    /// Whether the manifest has this table.
    pub(super) fn exists(&self) -> bool {
        self.table.is_some()
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<String>> {
        self.read(key, "a text in quotes", |value| value.as_str().map(|text| Ok(text.to_owned())))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &'static str) -> Result<Option<bool>> {
        self.read(key, "true or false", |value| value.as_bool().map(Ok))
    }

    /// A whole number within `range`.
    pub(super) fn integer(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<Option<u32>> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, &expected, |value| {
            let number = value.as_integer()?;
            let fitting = u32::try_from(number).ok().filter(|number| range.contains(number));
            Some(fitting.ok_or_else(|| format!("{number} is not {expected}")))
        })
    }

    /// A port of `1..=max`.
    pub(super) fn port(&self, key: &'static str, max: u16) -> Result<Option<u16>> {
        Ok(self.integer(key, 1..=u32::from(max))?.and_then(|port| u16::try_from(port).ok()))
    }

    /// A text, or a bare whole number, that `T` can be read from.
    pub(super) fn measure<T: std::str::FromStr<Err = String>>(
        &self,
        key: &'static str,
        expected: &str,
    ) -> Result<Option<T>> {
        self.read(key, expected, |value| match value {
            Value::String(text) => Some(text.value().parse()),
            Value::Integer(number) => Some(number.value().to_string().parse()),
            _ => None,
        })
    }

    /// A list of texts.
    pub(super) fn list(&self, key: &'static str) -> Result<Option<Vec<String>>> {
        self.read(key, "a list of texts, for example [\"a\", \"b\"]", |value| {
            let items = value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned));
            items.collect::<Option<Vec<_>>>().map(Ok)
        })
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>> {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of \"{}\"", all.join("\", \""));
        self.read(key, &expected, |value| {
            let word = value.as_str()?;
            if let Some((_, choice)) = words.iter().find(|(name, _)| *name == word) {
                return Some(Ok(*choice));
            }
            let hint = keys::nearest(word, all.iter().copied());
            let hint = hint.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            Some(Err(format!("{word:?} is not {expected}{hint}")))
        })
    }

    /// An error about this table's `key`, at its line.
    pub(super) fn error(&self, key: &str, what: impl AsRef<str>) -> Error {
        let entry = self.table.and_then(|table| table.get_key_value(key));
        let span = entry.and_then(|(key, item)| key.span().or_else(|| item.span()));
        self.text.error(span.map(|span| span.start), what)
    }

    /// The key as people find it in the file: `gateway.port`.
    pub(super) fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn item(&self, key: &str) -> Option<&'a Item> {
        self.table.and_then(|table| table.get(key))
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<std::result::Result<T, String>>,
    ) -> Result<Option<T>> {
        debug_assert!(keys::known(self.name).contains(&key), "{key} is in the table of known keys");
        let Some(item) = self.item(key) else { return Ok(None) };
        match item.as_value().and_then(read) {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(why)) => Err(self.error(key, format!("`{}`: {why}", self.full(key)))),
            None => {
                let what = format!("`{}` must be {expected}, not {}", self.full(key), kind_of(item));
                Err(self.error(key, what))
            }
        }
    }

    fn check_keys(&self) -> Result<()> {
        let known = keys::known(self.name);
        let Some(table) = self.table else { return Ok(()) };
        let Some((key, _)) = table.iter().find(|(key, _)| !known.contains(key)) else { return Ok(()) };
        let place = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
        let hint = match (keys::nearest(key, known.iter().copied()), keys::home_of(key)) {
            (_, Some(home)) if home != self.name => format!("; it belongs in [{home}]"),
            (Some(near), _) => format!("; did you mean `{near}`?"),
            (None, _) => format!("; known are {}", known.join(", ")),
        };
        Err(self.error(key, format!("unknown key `{key}`{place}{hint}")))
    }
}

/// What a value is, in words.
fn kind_of(item: &Item) -> &'static str {
    match item {
        Item::Value(Value::String(_)) => "a text",
        Item::Value(Value::Integer(_)) => "a whole number",
        Item::Value(Value::Float(_)) => "a fraction",
        Item::Value(Value::Boolean(_)) => "true or false",
        Item::Value(Value::Array(_)) => "a list",
        Item::Value(Value::Datetime(_)) => "a date",
        Item::Value(Value::InlineTable(_)) | Item::Table(_) => "a table",
        Item::ArrayOfTables(_) => "a list of tables",
        Item::None => "nothing",
    }
}
