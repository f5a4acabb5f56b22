//! What the user last asked for, one small file a profile, so that it outlives the supervisor and the host.
//! Writes go through one task in order; an order is answered only once its intent is on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

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

/// Distance of two attempts to write what could not be written.
const RETRY: Duration = Duration::from_secs(2);

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
    // What a full disk did not take; the newest word about each profile.
    let mut unsaved: BTreeMap<ProfileName, Record> = BTreeMap::new();
    loop {
        let entry = match unsaved.is_empty() {
            true => inbox.recv().await,
            false => match timeout(RETRY, inbox.recv()).await {
                Ok(entry) => entry,
                Err(_) => {
                    save_again(&directory, &mut unsaved).await;
                    continue;
                }
            },
        };
        match entry {
            None => return,
            Some(Entry::Flush(done)) => {
                save_again(&directory, &mut unsaved).await;
                let _ = done.send(());
            }
            Some(Entry::Forget(name)) => {
                unsaved.remove(&name);
                files::remove(&path_of(&directory, &name));
            }
            Some(Entry::Save(name, record)) => match save(&directory, &name, &record).await {
                Ok(()) => drop(unsaved.remove(&name)),
                Err(error) => {
                    // A full disk must not stop the gateways; the intent is kept in memory meanwhile.
                    tracing::error!(profile = %name, %error, "the intent could not be saved; it will be tried again");
                    unsaved.insert(name, record);
                }
            },
        }
    }
}

async fn save_again(directory: &Path, unsaved: &mut BTreeMap<ProfileName, Record>) {
    let mut left = BTreeMap::new();
    for (name, record) in std::mem::take(unsaved) {
        match save(directory, &name, &record).await {
            Ok(()) => tracing::info!(profile = %name, "the intent is saved now"),
            Err(_) => drop(left.insert(name, record)),
        }
    }
    *unsaved = left;
}

async fn save(directory: &Path, name: &ProfileName, record: &Record) -> Result<()> {
    let path = path_of(directory, name);
    let text = serde_json::to_string(record).unwrap_or_default() + "\n";
    // A task that was given up at the end of the program has nothing to report.
    tokio::task::spawn_blocking(move || files::write_atomic(&path, &text)).await.unwrap_or(Ok(()))
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

    #[tokio::test]
    async fn incident_i2_what_could_not_be_saved_is_saved_later_and_the_last_word_counts() {
        let dir = tempfile::tempdir().unwrap();
        let records = dir.path().join("records");
        let journal = Journal::open(records.clone());
        let (work, home): (ProfileName, ProfileName) = ("work".parse().unwrap(), "home".parse().unwrap());
        for (name, intent) in [(&work, Intent::Down), (&home, Intent::Up), (&work, Intent::Up)] {
            journal.save(name, intent, 1);
        }
        journal.flush().await;
        assert!(!records.exists());
        journal.forget(&home);
        std::fs::create_dir(&records).unwrap();
        journal.flush().await;
        assert_eq!(std::fs::read_dir(&records).unwrap().count(), 1, "nothing of what was forgotten");
        assert!(std::fs::read_to_string(path_of(&records, &work)).unwrap().contains("\"up\""));
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
