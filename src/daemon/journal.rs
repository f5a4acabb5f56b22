//! What the user last asked for, one small file a profile, so that it outlives the supervisor and the host.
//! Writes go through one task in order; an order is answered only once its intent is on disk.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::base::record::Intent;
use crate::base::{ProfileName, Result};
use crate::host::files;

/// One profile's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// What the user last asked for.
    intent: Intent,
    /// When, in milliseconds since the epoch.
    changed_at_ms: u64,
}

enum Entry {
    Save(ProfileName, Record),
    Forget(ProfileName),
    Flush(oneshot::Sender<()>),
}

/// The way to the journal's task.
#[derive(Clone)]
pub struct Journal {
    entries: mpsc::UnboundedSender<Entry>,
}

impl Journal {
    /// Starts the task that writes below `directory`.
    pub fn open(directory: PathBuf) -> Journal {
        let (entries, inbox) = mpsc::unbounded_channel();
        tokio::spawn(write_all(directory, inbox));
        Journal { entries }
    }

    /// Notes that the user wants `intent` for `name`.
    pub fn save(&self, name: &ProfileName, intent: Intent, changed_at_ms: u64) {
        let _ = self.entries.send(Entry::Save(name.clone(), Record { intent, changed_at_ms }));
    }

    /// Takes the record of `name` away.
    pub fn forget(&self, name: &ProfileName) {
        let _ = self.entries.send(Entry::Forget(name.clone()));
    }

    /// Waits until everything noted so far is on disk, or has failed and been logged.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.entries.send(Entry::Flush(done)).is_ok() {
            let _ = flushed.await;
        }
    }
}

async fn write_all(directory: PathBuf, mut inbox: mpsc::UnboundedReceiver<Entry>) {
    while let Some(entry) = inbox.recv().await {
        match entry {
            Entry::Flush(done) => {
                let _ = done.send(());
            }
            Entry::Forget(name) => files::remove(&path_of(&directory, &name)),
            Entry::Save(name, record) => {
                let path = path_of(&directory, &name);
                let text = serde_json::to_string(&record).unwrap_or_default() + "\n";
                let written = tokio::task::spawn_blocking(move || files::write_atomic(&path, &text)).await;
                if let Ok(Err(error)) = written {
                    // A full disk must not stop the gateways; the intent is kept in memory meanwhile.
                    tracing::error!(profile = %name, %error, "the intent could not be saved");
                }
            }
        }
    }
}

/// The record of one profile.
pub fn path_of(directory: &Path, name: &ProfileName) -> PathBuf {
    directory.join(format!("{name}.json"))
}

/// The names whose last intent was `up`. A record that cannot be read is logged and passed over.
///
/// # Errors
/// When the directory itself cannot be listed.
pub fn wanted_up(directory: &Path) -> Result<Vec<ProfileName>> {
    let names = files::entries(directory)?;
    let known = names.iter().filter_map(|file| file.strip_suffix(".json")?.parse::<ProfileName>().ok());
    Ok(known.filter(|name| intent(directory, name) == Some(Intent::Up)).collect())
}

/// The last intent for `name`, where its record tells; one that cannot be read is logged.
pub fn intent(directory: &Path, name: &ProfileName) -> Option<Intent> {
    let unreadable = |error: &dyn std::fmt::Display| {
        tracing::warn!(profile = %name, %error, "its record cannot be read");
    };
    let text = files::read(&path_of(directory, name)).inspect_err(|error| unreadable(error)).ok()??;
    let record = serde_json::from_str::<Record>(&text).inspect_err(|error| unreadable(error)).ok()?;
    Some(record.intent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn intents_are_on_disk_after_a_flush_and_the_last_one_counts() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path().to_path_buf());
        let (work, home): (ProfileName, ProfileName) = ("work".parse().unwrap(), "home".parse().unwrap());
        journal.save(&work, Intent::Up, 1);
        journal.save(&home, Intent::Up, 2);
        journal.save(&home, Intent::Down, 3);
        journal.flush().await;
        assert_eq!(wanted_up(dir.path()).unwrap(), std::slice::from_ref(&work));
        journal.forget(&work);
        journal.flush().await;
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "that of `home`");
    }

    #[test]
    fn records_that_are_garbage_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [("work.json", "{"), ("..json", "{}"), ("home.json", ""), ("x.txt", "")] {
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        assert!(wanted_up(dir.path()).unwrap().is_empty());
        assert!(wanted_up(&dir.path().join("none")).unwrap().is_empty());
    }
}
