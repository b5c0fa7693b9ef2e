//! The `SQLite` side: one writing connection on a thread of its own that commits commands in groups, readers beside it, the lock.

use super::StoreError;
use crate::clock::Clock;
use crate::failpoint;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use thiserror::Error;
use tokio::sync::oneshot;

/// Commands that one sync to disk may carry. Larger groups gain nothing more and delay the first reply.
const GROUP_LIMIT: usize = 256;

/// Reading connections. Two let a long query stand beside short ones; each costs memory.
const READERS: usize = 2;

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_pairing.sql"),
    include_str!("migrations/0003_requests.sql"),
    include_str!("migrations/0004_ignored.sql"),
    include_str!("migrations/0005_waits.sql"),
];

/// Why the store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another daemon has it.
    #[error("{path} is in use by another cortex (process {holder}); stop that one, or choose another store.path")]
    Locked {
        /// The database.
        path: PathBuf,
        /// What its lock says.
        holder: String,
    },
    /// Made by a newer version.
    #[error("{path} was written by a newer version of cortex; install that version again, or start with another store.path")]
    Newer {
        /// The database.
        path: PathBuf,
    },
    /// There is none, for somebody who does not make one.
    #[error("there is no store at {path}; start the daemon once, or name its database with --store")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Made by an older version, for somebody who does not bring it up to date.
    #[error(
        "{path} was written by an older version of cortex; start the daemon of this version once, which brings it up to date"
    )]
    Older {
        /// The database.
        path: PathBuf,
    },
    /// It cannot be opened or is none of ours.
    #[error("{path} cannot be opened: {problem}")]
    Unusable {
        /// The database.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// The store. Clones share it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    /// Tells the time to commands.
    pub(super) clock: Clock,
}

struct Shared {
    writer: Mutex<Option<Sender<Job>>>,
    writer_thread: Mutex<Option<JoinHandle<()>>>,
    readers: Mutex<Option<Sender<ReadJob>>>,
    /// Held as long as the store is open.
    _lock: File,
}

/// A command on its way to the writing thread.
trait Command: Send {
    /// Runs inside its own savepoint.
    fn execute(&mut self, connection: &Connection) -> Result<(), StoreError>;
    /// Tells the caller, after the commit or its failure.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
}

type Job = Box<dyn Command>;
type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

struct Pending<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Command for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn execute(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        match work(connection) {
            Ok(value) => {
                self.result = Some(Ok(value));
                Ok(())
            }
            Err(error) => {
                // The caller gets the precise error; the writer only needs to know that there was one.
                let copy = StoreError::Database(error.to_string());
                self.result = Some(Err(error));
                Err(copy)
            }
        }
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result, committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(StoreError::Panicked),
        };
        // A caller that has gone no longer needs to know.
        let _ = self.reply.send(result);
    }
}

impl Store {
    /// Opens or makes the database, locks it for this process, and brings its tables up to date.
    pub fn open(path: &Path, max_size_mib: Option<u32>, clock: Clock) -> Result<Self, OpenError> {
        let unusable = |problem: String| OpenError::Unusable {
            path: path.to_owned(),
            problem,
        };
        if let Some(folder) = path.parent() {
            make_private_folder(folder).map_err(|error| unusable(format!("its folder cannot be made: {error}")))?;
        }
        let lock = lock(path)?;
        if version_of(path).is_some_and(|version| version > MIGRATIONS.len()) {
            return Err(OpenError::Newer { path: path.to_owned() });
        }
        let mut connection = connect(path, false).map_err(|error| unusable(error.to_string()))?;
        make_private_file(path).map_err(|error| unusable(error.to_string()))?;
        let migrations = Migrations::new(MIGRATIONS.iter().map(|sql| M::up(sql)).collect());
        migrations.to_latest(&mut connection).map_err(|error| match error {
            rusqlite_migration::Error::MigrationDefinition(
                rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
            ) => OpenError::Newer { path: path.to_owned() },
            other => unusable(other.to_string()),
        })?;
        if let Some(mib) = max_size_mib {
            limit_size(&connection, mib).map_err(|error| unusable(error.to_string()))?;
        }
        let newest = newest_time(&connection).map_err(|error| unusable(error.to_string()))?;
        clock.not_before(newest);

        let (writer, jobs) = channel::<Job>();
        let writer_thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write_loop(&connection, &jobs))
            .map_err(|error| unusable(error.to_string()))?;
        let readers = start_readers(path).map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            shared: Arc::new(Shared {
                writer: Mutex::new(Some(writer)),
                writer_thread: Mutex::new(Some(writer_thread)),
                readers: Mutex::new(Some(readers)),
                _lock: lock,
            }),
            clock,
        })
    }

    /// Runs a command and returns once it is on disk.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending {
            work: Some(work),
            result: None,
            reply,
        });
        {
            let writer = self.shared.writer.lock().map_err(|_| StoreError::Closed)?;
            writer
                .as_ref()
                .ok_or(StoreError::Closed)?
                .send(job)
                .map_err(|_| StoreError::Closed)?;
        }
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs a query on a reading connection.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| {
            let _ = reply.send(work(connection));
        });
        {
            let readers = self.shared.readers.lock().map_err(|_| StoreError::Closed)?;
            readers
                .as_ref()
                .ok_or(StoreError::Closed)?
                .send(job)
                .map_err(|_| StoreError::Closed)?;
        }
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Ends the store after the commands that are under way.
    pub fn close(&self) {
        if let Ok(mut writer) = self.shared.writer.lock() {
            writer.take();
        }
        if let Ok(mut readers) = self.shared.readers.lock() {
            readers.take();
        }
        let thread = self.shared.writer_thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the store's writing thread ended in a panic");
        }
    }
}

/// Commits commands in groups until the last sender is gone.
fn write_loop(connection: &Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < GROUP_LIMIT {
            match jobs.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        let committed = commit_group(connection, &mut group);
        for job in group {
            let outcome = committed.as_ref().copied().map_err(copy_of);
            job.reply(outcome);
        }
    }
    if let Err(error) = connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);") {
        tracing::warn!(%error, "the database could not be tidied up at its end");
    }
}

fn commit_group(connection: &Connection, group: &mut [Job]) -> Result<(), StoreError> {
    let mut run = || -> Result<(), StoreError> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for job in group.iter_mut() {
            connection.prepare_cached("SAVEPOINT command")?.execute([])?;
            // A panic in a command is that command's failure; the others and the daemon go on.
            let executed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job.execute(connection)));
            if !matches!(executed, Ok(Ok(()))) {
                if connection.is_autocommit() {
                    return Err(StoreError::Full("the transaction was given up".to_owned()));
                }
                connection.prepare_cached("ROLLBACK TO command")?.execute([])?;
            }
            connection.prepare_cached("RELEASE command")?.execute([])?;
        }
        failpoint::hit("step.before_commit");
        connection.prepare_cached("COMMIT")?.execute([])?;
        failpoint::hit("step.after_commit");
        Ok(())
    };
    let outcome = run();
    if outcome.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    outcome
}

fn copy_of(error: &StoreError) -> StoreError {
    match error {
        StoreError::Full(problem) => StoreError::Full(problem.clone()),
        other => StoreError::Database(other.to_string()),
    }
}

/// Opens a database of exactly this version for writing, without its lock and without changing its tables: for short
/// transactions beside a daemon, which waits for them and they for it.
pub(super) fn connect_beside(path: &Path) -> Result<Connection, OpenError> {
    let path_owned = || path.to_owned();
    if !path.is_file() {
        return Err(OpenError::Missing { path: path_owned() });
    }
    let unusable = |error: rusqlite::Error| OpenError::Unusable {
        path: path_owned(),
        problem: error.to_string(),
    };
    match connect(path, true)
        .and_then(|connection| version(&connection))
        .map_err(unusable)?
    {
        version if version > MIGRATIONS.len() => Err(OpenError::Newer { path: path_owned() }),
        version if version < MIGRATIONS.len() => Err(OpenError::Older { path: path_owned() }),
        _ => connect(path, false).map_err(unusable),
    }
}

/// Whether the tables are still those of this version.
pub(super) fn is_current(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version(connection)? == MIGRATIONS.len())
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The version of a database that is there, looked up without writing to it: one of a newer version is left as it is.
fn version_of(path: &Path) -> Option<usize> {
    let connection = connect(path, true).ok()?;
    version(&connection).ok()
}

fn start_readers(path: &Path) -> rusqlite::Result<Sender<ReadJob>> {
    let (sender, jobs) = channel::<ReadJob>();
    let jobs = Arc::new(Mutex::new(jobs));
    for number in 0..READERS {
        let connection = connect(path, true)?;
        let jobs = Arc::clone(&jobs);
        let reader = std::thread::Builder::new().name(format!("store-reader-{number}"));
        let spawned = reader.spawn(move || {
            loop {
                let job = jobs.lock().ok().and_then(|jobs| jobs.recv().ok());
                match job {
                    Some(job) => job(&connection),
                    None => return,
                }
            }
        });
        spawned.map_err(|_| rusqlite::Error::InvalidQuery)?;
    }
    Ok(sender)
}

fn connect(path: &Path, read_only: bool) -> rusqlite::Result<Connection> {
    let access = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(128);
    if !read_only {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Deleted text leaves nothing behind in the pages.
        connection.pragma_update(None, "secure_delete", true)?;
    }
    // A megabyte of pages for each connection: rows are small and found by index.
    connection.pragma_update(None, "cache_size", -1024)?;
    Ok(connection)
}

fn limit_size(connection: &Connection, mib: u32) -> rusqlite::Result<()> {
    let page_size: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = u64::from(mib) * 1024 * 1024 / u64::from(page_size.max(1));
    connection
        .pragma_query_value(None, &format!("max_page_count({pages})"), |_| Ok(()))
        .or_else(|_| connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())))
}

/// The newest time that the store knows, so that a clock set back cannot revive what has expired.
pub(super) fn newest_time(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row(
        "SELECT max(coalesce((SELECT received_at FROM event ORDER BY id DESC LIMIT 1), 0),
                    coalesce((SELECT updated_at FROM turn ORDER BY number DESC LIMIT 1), 0))",
        [],
        |row| row.get(0),
    )
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let unusable = |error: std::io::Error| OpenError::Unusable {
        path: path.to_owned(),
        problem: format!("its lock {} cannot be made: {error}", lock_path.display()),
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(unusable)?;
            file.rewind().map_err(unusable)?;
            write!(file, "{}", std::process::id()).map_err(unusable)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = holder.chars().filter(char::is_ascii_digit).take(10).collect();
            Err(OpenError::Locked {
                path: path.to_owned(),
                holder,
            })
        }
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_private_folder(parent)?;
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // SQLite sees to its files, and nobody to the folder that they are in: a power loss could take all of them at once. Where
    // the folder above cannot be read, it cannot be synced; it was there before.
    File::open(parent).map_or(Ok(()), |parent| parent.sync_all())
}

fn make_private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}
