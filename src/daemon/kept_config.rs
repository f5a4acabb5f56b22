//! The files with which a gateway last worked: a copy of `openclaw.json` and of the manifest, kept once a run has been
//! ready for its stable period, and put back when a change keeps it from booting. The copy has the secrets of the
//! original: one file, mode 0600, in the supervisor's own folder, of which only the names of keys are ever told.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::{Error, Kind, ProfileName, Result};
use crate::host::clock::epoch_ms;
use crate::host::files::{self, Stamp};
use crate::host::replace::{self, Guise};
use crate::profile::{Paths, difference};

/// Largest file of which a copy is kept, in bytes.
const KEPT_MAX: usize = 1024 * 1024;

/// The last known good files of one profile.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    /// When they had proved good, in milliseconds since the epoch.
    kept_at_ms: u64,
    /// The files: `openclaw.json`, and the manifest where there was one.
    files: Vec<KeptFile>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptFile {
    path: PathBuf,
    guise: Guise,
    text: String,
}

/// A file that was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Which.
    pub path: PathBuf,
    /// The keys that differed, by name; `None` when the rejected file could not be read as what it should be.
    pub keys: Option<Vec<String>>,
    /// Where the rejected file is kept; `None` when there was none.
    pub rejected: Option<PathBuf>,
    /// Whether it names other files by `$include`, which are not kept and not put back.
    pub includes: bool,
}

/// The copy about `name` below `records`; no profile's name has a dot, so it is nobody's intent.
pub fn path_of(records: &Path, name: &ProfileName) -> PathBuf {
    records.join(format!("{name}.good"))
}

/// How the files that a profile boots with stand now.
pub fn stamps(paths: &Paths) -> [Option<Stamp>; 2] {
    [&paths.config_path, &paths.manifest].map(|path| files::stamp(path))
}

/// Keeps the files of `name`, unless they changed since they had these `stamps`.
///
/// # Errors
/// When one cannot be read, is larger than 1 MiB, or the copy cannot be written.
pub fn keep(records: &Path, name: &ProfileName, paths: &Paths, stamps: [Option<Stamp>; 2]) -> Result<()> {
    let mut kept = Kept { kept_at_ms: epoch_ms(), files: Vec::new() };
    for path in [&paths.config_path, &paths.manifest] {
        let (Some(text), Some(guise)) = (files::read(path)?, replace::guise(path)) else { continue };
        if text.len() > KEPT_MAX {
            let message = format!("{} is too large for a copy to be kept", path.display());
            return Err(Error::new(Kind::Failed, "copy_too_large", message).profile(name));
        }
        kept.files.push(KeptFile { path: path.clone(), guise, text });
    }
    let same = read(records, name).ok().flatten().is_some_and(|before| before.files == kept.files);
    if same || kept.files.is_empty() || self::stamps(paths) != stamps {
        return Ok(());
    }
    let text = serde_json::to_string(&kept).unwrap_or_default() + "\n";
    files::write_atomic(&path_of(records, name), &text)
}

/// A number that stands for how the files of `name` differ from those that are kept; `None` when they do not, or
/// nothing is kept.
pub fn change(records: &Path, name: &ProfileName) -> Option<u64> {
    let kept = read(records, name).ok()??;
    let mut hasher = DefaultHasher::new();
    let mut differs = false;
    for file in &kept.files {
        let now = files::read(&file.path).map_err(|error| error.to_string());
        differs |= now.as_ref().is_ok_and(|now| now.as_ref() != Some(&file.text)) || now.is_err();
        now.hash(&mut hasher);
    }
    differs.then(|| hasher.finish())
}

/// Puts back what was kept of `name` and differs; the rejected files stay beside, as `FILE.rejected-TIME`, mode 0600.
///
/// # Errors
/// [`Kind::Failed`] `nothing_kept`, `nothing_differs`, or what cannot be read or written: a file that could not be
/// copied aside is not replaced.
pub fn restore(records: &Path, name: &ProfileName) -> Result<Vec<Restored>> {
    let kept = read(records, name)?.ok_or_else(|| {
        let message = format!("no files are kept with which `{name}` worked");
        Error::new(Kind::Failed, "nothing_kept", message).profile(name).remedy(
            "they are kept once a gateway under supervision has been ready for [supervise] stable_after",
        )
    })?;
    let mut restored = Vec::new();
    for file in &kept.files {
        let now = files::read(&file.path);
        if now.as_ref().is_ok_and(|now| now.as_ref() == Some(&file.text)) {
            continue;
        }
        let is_manifest = file.path.extension().is_some_and(|extension| extension == "toml");
        let keys = if is_manifest { difference::manifest_keys } else { difference::config_keys };
        let aside = beside(&file.path);
        let had = replace::copy_aside(&file.path, &aside)?;
        replace::replace(&file.path, &file.text, file.guise)?;
        restored.push(Restored {
            path: file.path.clone(),
            keys: now.ok().flatten().and_then(|now| keys(&file.text, &now)),
            rejected: had.then_some(aside),
            includes: !is_manifest && file.text.contains("$include"),
        });
    }
    if restored.is_empty() {
        let message = format!("the files of `{name}` are those with which it last worked");
        return Err(Error::new(Kind::Failed, "nothing_differs", message)
            .profile(name)
            .remedy(format!("openclaw profile logs {name}")));
    }
    Ok(restored)
}

/// Where a rejected file is kept.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".rejected-{}", epoch_ms()));
    path.with_file_name(name)
}

fn read(records: &Path, name: &ProfileName) -> Result<Option<Kept>> {
    let path = path_of(records, name);
    let Some(text) = files::read(&path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|_| {
        // What stands in it is not told.
        Error::new(Kind::Failed, "copy_unreadable", format!("{} cannot be read", path.display()))
            .profile(name)
    })
}
