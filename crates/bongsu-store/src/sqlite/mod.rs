//! The embedded store on SQLite: WAL, `synchronous=FULL`, one writer thread with natural group
//! commit, a pool of readers, checkpoints on a thread of their own.

mod checkpoint;
mod flows;
mod lock;
mod occurrences;
mod packed;
mod queue;
mod readers;
mod reads;
mod reports;
mod retained;
pub(crate) mod schema;
mod statements;
mod trim;
mod words;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bongsu_model::Timestamp;
use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use self::checkpoint::Checkpointer;
pub(crate) use self::lock::{DirLock, open_error};
use self::queue::{Bounds, Queue};
use self::readers::Readers;
use crate::backup::Manifest;
use crate::{
    Ack, AlertEvent, ChangeFilter, ChangeRecord, Delivery, Facets, JournalSeq, LoadSummary, Loaded,
    OccurrenceFilter, OccurrenceRecord, PayloadFilter, PayloadRow, PresetRow, Refused,
    ReportRecord, RetentionPolicy, Row, RunEvent, RunFilter, RunRecord, Store, StoreError,
    StoreStats, Total, WorkflowRow, WriteSet, stored_nanos,
};

/// Name of the database inside the data directory.
pub const FILE_NAME: &str = "bongsu.db";
/// SQLite's own default for `max_page_count`.
const NO_PAGE_LIMIT: u64 = 4_294_967_294;
const PAGE_BYTES: u64 = 4096;

/// Called once when the store fails for good.
pub type OnFailed = Box<dyn Fn(&StoreError) + Send + Sync>;

/// How a store is opened.
pub struct SqliteOptions {
    /// Write sets that may wait before batches are refused.
    pub queue_sets: usize,
    /// Their bytes; also the largest single set.
    pub queue_bytes: usize,
    /// Write-behind rows that may wait.
    pub behind_rows: usize,
    /// Their bytes.
    pub behind_bytes: usize,
    /// Read connections.
    pub readers: usize,
    /// Size limit of the database file in bytes; beyond it commits fail with
    /// [`StoreError::Full`].
    pub max_bytes: Option<u64>,
    /// Called once when the store fails for good, from one of its threads: end the process.
    pub on_failed: Option<OnFailed>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            queue_sets: 8192,
            queue_bytes: 64 << 20,
            behind_rows: 65_536,
            behind_bytes: 64 << 20,
            readers: 3,
            max_bytes: None,
            on_failed: None,
        }
    }
}

/// An open store. Dropping it finishes what is queued.
pub struct SqliteStore {
    shared: Arc<Shared>,
    readers: Readers,
    path: PathBuf,
    threads: Mutex<Vec<JoinHandle<()>>>,
    _lock: DirLock,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    sets: AtomicU64,
    failed_commits: AtomicU64,
    lost: AtomicU64,
    last_commit_micros: AtomicU64,
    largest_group: AtomicUsize,
    retained: AtomicUsize,
    journal_seq: AtomicU64,
    checkpoint: AtomicU64,
}

/// What the threads share.
struct Shared {
    queue: Queue,
    checkpointer: Checkpointer,
    counters: Counters,
    page_limit: AtomicU64,
    failed: Mutex<Option<StoreError>>,
    on_failed: Option<OnFailed>,
}

impl Shared {
    /// Records the first failure and tells the owner.
    fn fail(&self, error: &StoreError) {
        let first = self.failed.lock().replace(error.clone()).is_none();
        if let (true, Some(tell)) = (first, &self.on_failed) {
            tell(error);
        }
    }
}

impl SqliteStore {
    /// Opens or creates the store in `data_dir`, which belongs to this process until the store is
    /// dropped. `now` stamps migrations.
    pub fn open(
        data_dir: &Path,
        options: SqliteOptions,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        fs::create_dir_all(data_dir).map_err(|error| open_error(data_dir, &error))?;
        let lock = DirLock::acquire(data_dir)?;
        let path = data_dir.join(FILE_NAME);
        let failed = |reason: String| StoreError::Open { path: path.clone(), reason };
        let text = |error: rusqlite::Error| failed(error.to_string());

        let mut writer = open_writer(&path).map_err(text)?;
        schema::migrate(&mut writer, now).map_err(failed)?;
        raise_epoch(&writer).map_err(text)?;
        checkpoint::lay_out(&path).map_err(|error| open_error(&path, &error))?;
        let last_seq = reads::last_seq(&writer).map_err(text)?;
        let checkpoint = reads::meta(&writer, "checkpoint").map_err(text)?;
        let checkpoints = open_writer(&path).map_err(text)?;
        let readers = Readers::open(&path, options.readers).map_err(text)?;
        // The entry of a new file in its directory must be durable as well.
        fs::File::open(data_dir)
            .and_then(|dir| dir.sync_all())
            .map_err(|error| open_error(data_dir, &error))?;

        let counters = Counters::default();
        counters.journal_seq.store(last_seq, Ordering::Relaxed);
        counters.checkpoint.store(checkpoint, Ordering::Relaxed);
        let main = Bounds { entries: options.queue_sets, bytes: options.queue_bytes };
        let behind = Bounds { entries: options.behind_rows, bytes: options.behind_bytes };
        let shared = Arc::new(Shared {
            queue: Queue::new(main, behind, last_seq + 1),
            checkpointer: Checkpointer::default(),
            counters,
            page_limit: AtomicU64::new(pages_of(options.max_bytes)),
            failed: Mutex::new(None),
            on_failed: options.on_failed,
        });
        // Records that a checkpoint covered before the last stop.
        let _ = shared.queue.push_trim(|trim| trim.journal = Some(checkpoint));
        let threads = [
            spawn("store-writer", writer, &shared, writer::run),
            spawn("store-checkpoint", checkpoints, &shared, checkpoint::run),
        ];
        let threads = threads.into_iter().collect::<std::io::Result<Vec<_>>>();
        let threads = threads.map_err(|error| open_error(&path, &error))?;
        Ok(Self { shared, readers, path, threads: Mutex::new(threads), _lock: lock })
    }

    /// Changes the size limit of the database file; takes effect with the next commit.
    pub fn set_max_bytes(&self, limit: Option<u64>) {
        self.shared.page_limit.store(pages_of(limit), Ordering::Relaxed);
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finishes what is queued and ends the threads; everything after that is refused.
    pub fn close(&self) {
        self.shared.queue.close();
        self.shared.checkpointer.close();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has left its acknowledgements unresolved, which says it all.
            let _ = thread.join();
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

fn spawn(
    name: &str,
    connection: Connection,
    shared: &Arc<Shared>,
    work: fn(&Connection, &Arc<Shared>),
) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name(name.into()).spawn(move || work(&connection, &shared))
}

fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // After a failed fsync nothing more may be written; a clean end checkpoints by itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", checkpoint::LOG_BYTES)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -8192)?;
    Ok(connection)
}

fn raise_epoch(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (key, value) VALUES ('epoch', 1) ON CONFLICT DO UPDATE SET value \
               = value + 1";
    connection.execute(sql, []).map(drop)
}

fn pages_of(limit: Option<u64>) -> u64 {
    limit.map_or(NO_PAGE_LIMIT, |bytes| (bytes / PAGE_BYTES).clamp(1, NO_PAGE_LIMIT))
}

/// What an SQLite error means for the store. Only "no space" and "locked" pass; after anything
/// else nobody knows what the disk holds, and an fsync is never tried again.
fn classify(error: &rusqlite::Error) -> StoreError {
    let text = || match error {
        // The extended code says which system call it was.
        rusqlite::Error::SqliteFailure(failure, _) => {
            format!("{error} (SQLite code {})", failure.extended_code).into()
        }
        _ => error.to_string().into(),
    };
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreError::Full,
            // The shared-memory index could not grow: also for want of space.
            _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy(text()),
            _ => StoreError::Failed(text()),
        },
        _ => StoreError::Failed(text()),
    }
}

impl Store for SqliteStore {
    fn admit(&self) -> Result<(), Refused> {
        self.shared.queue.admit()
    }

    fn try_commit(&self, set: WriteSet) -> Result<Ack, Refused> {
        self.shared.queue.push(set)
    }

    fn lost(&self) -> u64 {
        self.shared.counters.lost.load(Ordering::Acquire)
    }

    fn write_behind(&self, rows: Vec<Row>) -> Result<Ack, Refused> {
        self.shared.queue.push_behind(rows)
    }

    fn load(&self, visit: &mut dyn FnMut(Loaded<'_>)) -> Result<LoadSummary, StoreError> {
        let summary = self.readers.with(|connection| reads::load(connection, visit))?;
        Ok(LoadSummary { next_seq: JournalSeq(self.shared.queue.next_seq()), ..summary })
    }

    fn alert_history(
        &self,
        fingerprint: u64,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AlertEvent>, StoreError> {
        self.readers.with(|c| reads::alert_history(c, fingerprint, before, limit))
    }

    fn deliveries(
        &self,
        group_key: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.readers.with(|c| reads::deliveries(c, group_key, before, limit))
    }

    fn payloads(&self, filter: &PayloadFilter) -> Result<Vec<PayloadRow>, StoreError> {
        self.readers.with(|c| occurrences::payloads(c, filter))
    }

    fn payload(&self, id: i64) -> Result<Option<PayloadRow>, StoreError> {
        self.readers.with(|c| occurrences::payload(c, id))
    }

    fn occurrences(
        &self,
        filter: &OccurrenceFilter<'_>,
    ) -> Result<Vec<OccurrenceRecord>, StoreError> {
        self.readers.with(|c| occurrences::list(c, filter))
    }

    fn occurrence(&self, fingerprint: &str) -> Result<Option<OccurrenceRecord>, StoreError> {
        self.readers.with(|c| occurrences::get(c, fingerprint))
    }

    fn count_occurrences(&self, filter: &OccurrenceFilter<'_>) -> Result<Total, StoreError> {
        self.readers.with(|c| occurrences::count(c, filter))
    }

    fn facets(
        &self,
        fields: &[String],
        filter: &OccurrenceFilter<'_>,
    ) -> Result<Facets, StoreError> {
        self.readers.with(|c| occurrences::facets(c, fields, filter))
    }

    fn presets(&self) -> Result<Vec<PresetRow>, StoreError> {
        self.readers.with(occurrences::presets)
    }

    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError> {
        self.readers.with(|c| flows::runs(c, filter))
    }

    fn count_runs(&self, filter: &RunFilter) -> Result<u64, StoreError> {
        self.readers.with(|c| flows::count_runs(c, filter))
    }

    fn run(&self, run: &str) -> Result<Option<RunRecord>, StoreError> {
        self.readers.with(|c| flows::run(c, run))
    }

    fn run_events(&self, run: &str, after: i64, limit: usize) -> Result<Vec<RunEvent>, StoreError> {
        self.readers.with(|c| flows::run_events(c, run, after, limit))
    }

    fn workflow_versions(&self, id: &str) -> Result<Vec<WorkflowRow>, StoreError> {
        self.readers.with(|c| flows::versions(c, id))
    }

    fn workflow_text(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.readers.with(|c| flows::text(c, key))
    }

    fn changes(&self, filter: &ChangeFilter) -> Result<Vec<ChangeRecord>, StoreError> {
        self.readers.with(|c| occurrences::changes(c, filter))
    }

    fn reports(
        &self,
        fingerprint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ReportRecord>, StoreError> {
        self.readers.with(|c| reports::list(c, fingerprint, before, limit))
    }

    fn retain(&self, now: Timestamp, policy: &RetentionPolicy) -> Result<Ack, Refused> {
        let since = |age: Duration| stored_nanos(now.checked_sub(age).unwrap_or(Timestamp::MIN));
        let (sender, ack) = Ack::pair(None);
        self.shared.queue.push_trim(|trim| {
            for (table, age) in [
                ("alert_event", policy.alert_events),
                ("delivery", policy.deliveries),
                ("change", policy.changes),
                ("payload", policy.payloads),
                ("report", policy.reports),
                ("run_event", policy.runs),
                ("workflow_run", policy.runs),
            ] {
                let before = trim.history.entry(table).or_insert(i64::MIN);
                *before = since(age).max(*before);
            }
            trim.max_bytes = policy.max_bytes.or(trim.max_bytes);
            trim.acks.push(sender);
        })?;
        Ok(ack)
    }

    fn backup(&self, dest: &Path) -> Result<Manifest, StoreError> {
        let source =
            self.readers.fresh().map_err(|error| StoreError::Read(error.to_string().into()))?;
        crate::backup::create(&source, dest)
    }

    fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        self.readers.with(crate::backup::integrity)
    }

    fn stats(&self) -> StoreStats {
        let (queue_sets, queue_bytes, behind_rows, disk_full) = self.shared.queue.depth();
        let counters = &self.shared.counters;
        let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        StoreStats {
            queue_sets,
            queue_bytes,
            behind_rows,
            retained_rows: counters.retained.load(Ordering::Relaxed),
            journal_seq: JournalSeq(counters.journal_seq.load(Ordering::Relaxed)),
            checkpoint: JournalSeq(counters.checkpoint.load(Ordering::Relaxed)),
            commits: counters.commits.load(Ordering::Relaxed),
            committed_sets: counters.sets.load(Ordering::Relaxed),
            failed_commits: counters.failed_commits.load(Ordering::Relaxed),
            last_commit_micros: counters.last_commit_micros.load(Ordering::Relaxed),
            largest_group: counters.largest_group.load(Ordering::Relaxed),
            file_bytes: size(&self.path),
            wal_bytes: self.shared.checkpointer.log_bytes(),
            disk_full,
            failed: self.shared.failed.lock().is_some(),
        }
    }

    fn failed(&self) -> Option<StoreError> {
        self.shared.failed.lock().clone()
    }
}
