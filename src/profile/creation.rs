//! What this program created when it made a profile, so that removing it later takes away that and nothing else.
//! A file is known by its SHA-256: one that was changed since is the user's.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The record of one creation. It holds no secret: what it hashes contains a token of 256 random bits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Creation {
    /// Directories that were made, outermost first.
    pub directories: Vec<PathBuf>,
    /// Files that were made.
    pub files: Vec<CreatedFile>,
}

/// A file as it was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedFile {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
}

impl Creation {
    /// Notes a file with its content.
    pub fn file(&mut self, path: &Path, text: &str) {
        let sha256 = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        self.files.push(CreatedFile { path: path.to_owned(), sha256 });
    }

    /// Whether the directory at `path` was made.
    pub fn made(&self, path: &Path) -> bool {
        self.directories.iter().any(|made| made == path)
    }

    /// Whether the file at `path` was made with this content; `None` when it was not made at all.
    pub fn unchanged(&self, path: &Path, sha256: Option<&str>) -> Option<bool> {
        let made = self.files.iter().find(|made| made.path == path)?;
        Some(Some(made.sha256.as_str()) == sha256)
    }

    /// The record as text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a record; one that cannot be read counts as none, so nothing is taken away on its word.
    pub fn parse(text: &str) -> Creation {
        serde_json::from_str(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_content_and_the_record_by_its_text() {
        let mut creation = Creation { directories: vec!["/s".into()], files: Vec::new() };
        creation.file(Path::new("/s/a"), "abc");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(creation.unchanged(Path::new("/s/a"), Some(abc)), Some(true));
        assert_eq!(creation.unchanged(Path::new("/s/a"), Some("00")), Some(false));
        assert_eq!(creation.unchanged(Path::new("/s/a"), None), Some(false));
        assert_eq!(creation.unchanged(Path::new("/s/b"), Some(abc)), None);
        assert_eq!(Creation::parse(&creation.text()), creation);
        assert!(creation.made(Path::new("/s")) && !creation.made(Path::new("/")));
        assert_eq!(Creation::parse("garbage"), Creation::default());
    }
}
