//! The gateway's store: one SQLite file that one thread owns, so that there is one writer and the event loop never
//! waits for a disk. Writes that come together share one commit; each is answered after it, so what was acknowledged
//! survives `kill -9` and, since every commit is synced, a power cut.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

use crate::base::{Error, Kind, Result};
use crate::host::{clock, files};
use crate::wire::{Fault, fault};

/// The steps from an empty file to the newest form, in order, one file `NNN_name.sql` each; a step that was published is
/// never changed.
const MIGRATIONS: &[&str] = &[include_str!("003_sessions.sql")];
/// Writes that share one commit at most.
const BATCH_MAX: usize = 256;
/// How long another process's lock is waited for; only a copy or an inspection of the file holds one.
const BUSY: Duration = Duration::from_secs(5);
/// Form of the file, `PRAGMA user_version`, that is newer than this program.
const NEWER: &str = "was written by a newer version";

type Work = Box<dyn FnOnce(&Connection) -> bool + Send>;

/// What the thread is asked for.
enum Job {
    /// Looks; sees everything that was written before it.
    Read(Box<dyn FnOnce(&Connection) + Send>),
    /// Changes, inside the transaction of its batch; false undoes what it did. The second part answers, after the commit.
    Write(Work, Box<dyn FnOnce(bool) + Send>),
}

/// A way to the store; copies lead to the same.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
}

impl Store {
    /// Opens the store in `file`, makes it where there is none and brings an older one to the newest form. A file that
    /// is damaged is set aside beside it, whole, and an empty one takes its place: a rescue gateway has to start.
    ///
    /// # Errors
    /// [`Kind::Failed`], code `store_unusable`: the file cannot be opened or written, or is of a newer version.
    pub fn open(file: &Path) -> Result<Store> {
        Store::with(file, MIGRATIONS)
    }

    fn with(file: &Path, migrations: &'static [&'static str]) -> Result<Store> {
        if let Some(folder) = file.parent() {
            files::private_dir(folder)?;
        }
        files::open_append(file)?;
        let connection = match prepare(file, migrations) {
            Ok(connection) => connection,
            Err(error) if is_damage(&error) => {
                let aside = set_aside(file)?;
                tracing::error!(target: "gateway/store", kept = %aside.display(), "the store is damaged and begins anew: {error}");
                prepare(file, migrations).map_err(|error| unusable(file, &error))?
            }
            Err(error) => return Err(unusable(file, &error)),
        };
        let (jobs, asked) = mpsc::channel();
        let named = thread::Builder::new().name("store".into());
        named.spawn(move || serve(connection, &asked)).map_err(|error| {
            Error::new(Kind::Failed, "store_unusable", "no thread can be had for the store").caused_by(error)
        })?;
        Ok(Store { jobs })
    }

    /// Reads with `job`.
    ///
    /// # Errors
    /// `UNAVAILABLE` with what the store says.
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> std::result::Result<T, Fault> {
        let (answer, found) = oneshot::channel();
        let asked = self.jobs.send(Job::Read(Box::new(move |connection| {
            // Who does not wait any more needs no answer.
            let _ = answer.send(job(connection));
        })));
        match (asked, found.await) {
            (Ok(()), Ok(result)) => result.map_err(|error| told(&error)),
            _ => Err(ended()),
        }
    }

    /// Writes with `job`, and answers when that is on the disk. A job that fails leaves nothing behind.
    ///
    /// # Errors
    /// `UNAVAILABLE` with what the store says.
    pub async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> std::result::Result<T, Fault> {
        let (answer, found) = oneshot::channel();
        let (result_in, result_out) = mpsc::channel();
        let work: Work = Box::new(move |connection| {
            let result = job(connection);
            let done = result.is_ok();
            let _ = result_in.send(result);
            done
        });
        let tell = Box::new(move |committed: bool| {
            let result = if committed { result_out.try_recv().ok() } else { None };
            let _ = answer.send(result);
        });
        match (self.jobs.send(Job::Write(work, tell)), found.await) {
            (Ok(()), Ok(Some(result))) => result.map_err(|error| told(&error)),
            (Ok(()), Ok(None)) => Err(Fault::new(fault::UNAVAILABLE, "the store could not be written")),
            _ => Err(ended()),
        }
    }
}

/// Opens, checks and migrates.
fn prepare(file: &Path, migrations: &[&str]) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        let damage = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(damage, Some(verdict)));
    }
    migrate(&mut connection, migrations)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let form: usize = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if form > migrations.len() {
        let misuse = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_SCHEMA);
        return Err(rusqlite::Error::SqliteFailure(misuse, Some(NEWER.into())));
    }
    for (done, step) in migrations.iter().enumerate().skip(form) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", done + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Moves the damaged file and its journal away under names that tell when; the file's new path.
fn set_aside(file: &Path) -> Result<PathBuf> {
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = beside(&format!(".damaged-{}", clock::epoch_ms()));
    files::rename(file, &aside)?;
    for journal in ["-wal", "-shm"] {
        let (from, mut to) = (beside(journal), aside.clone().into_os_string());
        to.push(journal);
        if files::is_there(&from) {
            files::rename(&from, Path::new(&to))?;
        }
    }
    files::open_append(file)?;
    Ok(aside)
}

/// Does what is asked until nobody is left who could ask.
fn serve(mut connection: Connection, asked: &mpsc::Receiver<Job>) {
    let mut next = asked.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Read(read) => read(&connection),
            Job::Write(work, tell) => next = write_together(&mut connection, (work, tell), asked),
        }
        if next.is_none() {
            next = asked.recv().ok();
        }
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(target: "gateway/store", "closed with {error}");
    }
}

type Written = (Work, Box<dyn FnOnce(bool) + Send>);

/// Writes `first` and whatever else waits to be written in one transaction; gives back the look that came between.
fn write_together(connection: &mut Connection, first: Written, asked: &mpsc::Receiver<Job>) -> Option<Job> {
    let mut answers = Vec::new();
    let mut behind = None;
    let outcome = connection.transaction().and_then(|transaction| {
        let mut writing = Some(first);
        while let Some((work, tell)) = writing.take() {
            answers.push(tell);
            write_one(&transaction, work)?;
            if answers.len() < BATCH_MAX {
                match asked.try_recv() {
                    Ok(Job::Write(work, tell)) => writing = Some((work, tell)),
                    Ok(read) => behind = Some(read),
                    Err(_) => {}
                }
            }
        }
        transaction.commit()
    });
    if let Err(error) = &outcome {
        tracing::error!(target: "gateway/store", "{error}");
    }
    answers.into_iter().for_each(|tell| tell(outcome.is_ok()));
    behind
}

/// One write inside its batch; what a failed one did is undone, the others stay.
fn write_one(transaction: &Transaction<'_>, work: Work) -> rusqlite::Result<()> {
    transaction.execute_batch("SAVEPOINT one")?;
    let end = if work(transaction) { "RELEASE one" } else { "ROLLBACK TO one; RELEASE one" };
    transaction.execute_batch(end)
}

fn told(error: &rusqlite::Error) -> Fault {
    Fault::new(fault::UNAVAILABLE, format!("the store says: {error}"))
}

fn ended() -> Fault {
    Fault::new(fault::UNAVAILABLE, "the store has ended")
}

fn unusable(file: &Path, error: &rusqlite::Error) -> Error {
    let remedy =
        "make room and see that this user may write there; a file of a newer version needs that version";
    let what = format!("{} cannot be used: {error}", file.display());
    Error::new(Kind::Failed, "store_unusable", what).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE notes (text TEXT NOT NULL UNIQUE)";
    const SECOND: &str = "ALTER TABLE notes ADD COLUMN at INTEGER NOT NULL DEFAULT 0";

    async fn add(store: &Store, text: &'static str) -> std::result::Result<usize, Fault> {
        store.write(move |tx| tx.execute("INSERT INTO notes (text) VALUES (?1)", [text])).await
    }

    async fn count(store: &Store) -> i64 {
        store.read(|db| db.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))).await.unwrap()
    }

    #[tokio::test]
    async fn a_failed_write_leaves_the_others_of_its_batch() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("deep/store.sqlite");
        let store = Store::with(&file, &[FIRST]).unwrap();
        let all =
            futures_util::future::join_all([add(&store, "a"), add(&store, "a"), add(&store, "b")]).await;
        assert!(all[0].is_ok() && all[1].is_err() && all[2].is_ok(), "{all:?}");
        assert_eq!(count(&store).await, 2);
        assert!(files::is_private(&file));
    }

    #[tokio::test]
    async fn an_older_file_is_brought_up_and_a_newer_one_refused() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("store.sqlite");
        add(&Store::with(&file, &[FIRST]).unwrap(), "kept").await.unwrap();
        let newer = Store::with(&file, &[FIRST, SECOND]).unwrap();
        let at: i64 =
            newer.read(|db| db.query_row("SELECT at FROM notes", [], |row| row.get(0))).await.unwrap();
        assert_eq!((at, count(&newer).await), (0, 1));
        let refused = Store::with(&file, &[FIRST]).unwrap_err();
        assert_eq!(refused.code(), "store_unusable");
        assert!(refused.message().contains(NEWER), "{refused}");
    }

    #[tokio::test]
    async fn a_damaged_file_is_set_aside_whole() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("store.sqlite");
        files::write_atomic(
            &file,
            "this is no database, and long enough to be seen as none".repeat(40).as_str(),
        )
        .unwrap();
        let store = Store::with(&file, &[FIRST]).unwrap();
        assert_eq!(count(&store).await, 0);
        let kept =
            files::entries(home.path()).unwrap().into_iter().find(|name| name.contains(".damaged-")).unwrap();
        assert!(files::read(&home.path().join(kept)).unwrap().unwrap().starts_with("this is no database"));
    }
}
