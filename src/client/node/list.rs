//! The file of what may be run: read anew for each call, so that a change holds at once, and written to only where its
//! owner lets others add to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::policy::Rules;
use crate::host::files;

/// The file.
#[derive(Clone, Debug)]
pub struct List {
    file: PathBuf,
    /// Held while it is changed: two changes at a time would lose one.
    changing: Arc<Mutex<()>>,
}

impl List {
    /// The list in `file`, which need not be there.
    pub fn new(file: PathBuf) -> Self {
        List { file, changing: Arc::default() }
    }

    /// Where it lies.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The rules, where their file can be trusted; without one nothing is allowed.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(&self) -> Result<Rules, String> {
        let Some(tree) = self.tree()? else { return Ok(Rules::default()) };
        serde_json::from_value(tree).map_err(|error| format!("{}: {error}", self.file.display()))
    }

    /// Adds a command line as it is; everything else in the file stays.
    ///
    /// # Errors
    /// A sentence.
    pub fn keep(&self, argv: &[String]) -> Result<(), String> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tree = self.tree()?.unwrap_or_else(|| json!({}));
        let allow = tree.as_object_mut().map(|tree| tree.entry("allow").or_insert_with(|| json!([])));
        let Some(Value::Array(allow)) = allow else {
            return Err(format!("{}: `allow` is no list", self.file.display()));
        };
        if !allow.contains(&json!(argv)) {
            allow.push(json!(argv));
            files::write_atomic(&self.file, &format!("{tree:#}\n")).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn tree(&self) -> Result<Option<Value>, String> {
        let file = self.file.display();
        let Some(text) = files::read(&self.file).map_err(|error| error.to_string())? else { return Ok(None) };
        if !files::is_private(&self.file) {
            return Err(format!("{file} may be written by others; chmod 600 it"));
        }
        serde_json::from_str(&text).map(Some).map_err(|error| format!("{file}: {error}"))
    }
}
