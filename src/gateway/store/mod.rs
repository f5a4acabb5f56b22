//! The gateway's store: one SQLite file that one thread owns, so that there is one writer and the event loop never
//! waits for a disk. Writes that come together share one commit; each is answered after it, so what was acknowledged
//! survives `kill -9` and, since every commit is synced, a power cut. A disk that is full or cannot be written keeps
//! no gateway from its work: what needs the store fails, and works again once there is room.

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
const MIGRATIONS: &[&str] = &[
    include_str!("001_devices.sql"),
    include_str!("002_nodes.sql"),
    include_str!("003_sessions.sql"),
    include_str!("004_channels.sql"),
];
/// Writes that share one commit at most.
const BATCH_MAX: usize = 256;
/// How long another process's lock is waited for; only a copy or an inspection of the file holds one.
const BUSY: Duration = Duration::from_secs(5);
/// Code of the error about a file whose form, `PRAGMA user_version`, is newer than this program.
const NEWER: &str = "store_newer";

type Look = Box<dyn FnOnce(Option<&Connection>) + Send>;
type Work = Box<dyn FnOnce(&Connection) -> bool + Send>;

/// What the thread is asked for.
enum Job {
    /// Looks; sees everything that was written before it.
    Read(Look),
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
    /// is damaged is set aside beside it, whole, and an empty one takes its place: a rescue gateway has to start. So has
    /// one without room on its disk; then opening is tried anew whenever something is to be read or written.
    ///
    /// # Errors
    /// [`Kind::Config`], code `store_newer`: the file is of a newer version.
    pub fn open(file: &Path) -> Result<Store> {
        Store::with(file, MIGRATIONS)
    }

    fn with(file: &Path, migrations: &'static [&'static str]) -> Result<Store> {
        let mut room = Room { file: file.into(), migrations, connection: None };
        match room.enter() {
            Ok(_) => {}
            Err(error) if error.code() == NEWER => return Err(error),
            Err(error) => tracing::error!(target: "gateway/store", "nothing is remembered for now: {error}"),
        }
        let (jobs, asked) = mpsc::channel();
        let named = thread::Builder::new().name("store".into());
        named.spawn(move || serve(room, &asked)).map_err(|error| {
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
            let _ = answer.send(connection.map(job));
        })));
        match (asked, found.await) {
            (Ok(()), Ok(Some(result))) => result.map_err(|error| told(&error)),
            (Ok(()), Ok(None)) => Err(Fault::new(fault::UNAVAILABLE, "the store cannot be read now")),
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
            (Ok(()), Ok(None)) => Err(Fault::new(fault::UNAVAILABLE, "the store cannot be written now")),
            _ => Err(ended()),
        }
    }
}

/// The file, and the connection to it while it can be used.
struct Room {
    file: PathBuf,
    migrations: &'static [&'static str],
    connection: Option<Connection>,
}

impl Room {
    /// The connection, opened now where it is not.
    fn enter(&mut self) -> Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(&self.file, self.migrations)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// The same; why it cannot be had stands in the log.
    fn try_enter(&mut self) -> Option<&mut Connection> {
        self.enter().map_err(|error| tracing::error!(target: "gateway/store", "{error}")).ok()
    }
}

fn open(file: &Path, migrations: &[&str]) -> Result<Connection> {
    if let Some(folder) = file.parent() {
        files::private_dir(folder)?;
    }
    // SQLite would make it readable for others.
    files::open_append(file)?;
    match prepare(file, migrations) {
        Ok(connection) => Ok(connection),
        Err(error) if is_damage(&error) => {
            let aside = set_aside(file)?;
            tracing::error!(target: "gateway/store", kept = %aside.display(), "the store is damaged and begins anew: {error}");
            prepare(file, migrations).map_err(|error| unusable(file, &error))
        }
        Err(error) => Err(unusable(file, &error)),
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
        let newer = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_SCHEMA);
        return Err(rusqlite::Error::SqliteFailure(newer, Some(format!("its form {form} is not known"))));
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
fn serve(mut room: Room, asked: &mpsc::Receiver<Job>) {
    let mut next = asked.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Read(read) => read(room.try_enter().map(|connection| &*connection)),
            Job::Write(work, tell) => match room.try_enter() {
                Some(connection) => next = write_together(connection, (work, tell), asked),
                None => tell(false),
            },
        }
        if next.is_none() {
            next = asked.recv().ok();
        }
    }
    if let Some(Err((_, error))) = room.connection.map(Connection::close) {
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
    let file = file.display();
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::SchemaChanged) {
        let what = format!("{file} was written by a newer version of this program: {error}");
        return Error::new(Kind::Config, NEWER, what).remedy("run that version, or move the file away");
    }
    let remedy = "make room on the disk and see that this user may write there";
    Error::new(Kind::Failed, "store_unusable", format!("{file} cannot be used: {error}")).remedy(remedy)
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
        assert_eq!(refused.code(), NEWER);
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_tried_again() {
        let home = tempfile::tempdir().unwrap();
        // A file where the folder is to be: nothing can be made below it, whoever tries.
        let (folder, file) = (home.path().join("deep"), home.path().join("deep/store.sqlite"));
        files::write_atomic(&folder, "in the way").unwrap();
        let store = Store::with(&file, &[FIRST]).unwrap();
        assert_eq!(add(&store, "a").await.unwrap_err().code, fault::UNAVAILABLE);
        files::remove(&folder);
        add(&store, "a").await.unwrap();
        assert_eq!(count(&store).await, 1);
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
