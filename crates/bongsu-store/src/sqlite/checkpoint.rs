//! Moving the write-ahead log into the database, on a thread of its own so that no commit waits.

use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::{Shared, classify};
use crate::StoreError;

/// A pass starts when about this much was written since the last.
const PASS_BYTES: usize = 8 << 20;
/// Beyond this length the writer helps the log to start over.
const RESTART_BYTES: u64 = 20 << 20;
/// Length that is laid out at the start.
const LAID_OUT_BYTES: u64 = 32 << 20;
/// A log that grew beyond this is cut when it starts over.
pub(super) const LOG_BYTES: i64 = 64 << 20;
/// A long reader can keep the log growing; from here on that is worth a warning.
const LOG_WARNING_BYTES: u64 = 1 << 30;
/// Pages are written whole, so small commits cost more than their bytes.
const PAGE: u64 = 4096;

/// Shared between the writer and the checkpoint thread.
#[derive(Default)]
pub(super) struct Checkpointer {
    written: AtomicUsize,
    asked: AtomicBool,
    log_bytes: AtomicU64,
    closing: Mutex<bool>,
    wake: Condvar,
}

impl Checkpointer {
    /// The writer has committed this much.
    pub(super) fn written(&self, bytes: usize) {
        let bytes = bytes + PAGE as usize;
        if self.written.fetch_add(bytes, Ordering::Relaxed) + bytes >= PASS_BYTES {
            self.wake.notify_one();
        }
    }

    /// Whether the writer should finish the checkpoint; asks once.
    pub(super) fn take_request(&self) -> bool {
        self.asked.load(Ordering::Relaxed) && self.asked.swap(false, Ordering::Relaxed)
    }

    /// Length of the log in use at the last pass.
    pub(super) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        *self.closing.lock() = true;
        self.wake.notify_one();
    }
}

/// Fills the log with zeros up to a length that it seldom outgrows. A commit that overwrites syncs
/// its pages; one that makes the file longer syncs the file's length and blocks as well, which takes
/// half as long again. To SQLite zeros behind the last frame are the end of the log. Without the
/// space the log stays as it is.
pub(super) fn lay_out(database: &Path) -> io::Result<()> {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    let mut options = OpenOptions::new();
    options.write(true);
    let mut file = match options.open(&name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let length = file.seek(SeekFrom::End(0))?;
    let zeros = vec![0; 1 << 20];
    let mut missing = LAID_OUT_BYTES.saturating_sub(length);
    while missing > 0 {
        let part = missing.min(zeros.len() as u64);
        if let Err(error) = file.write_all(&zeros[..usize::try_from(part).unwrap_or(0)]) {
            file.set_len(length)?;
            return if error.kind() == io::ErrorKind::StorageFull { Ok(()) } else { Err(error) };
        }
        missing -= part;
    }
    file.sync_all()
}

/// Runs until closed.
pub(super) fn run(connection: &Connection, shared: &Arc<Shared>) {
    let checkpointer = &shared.checkpointer;
    let mut warned = false;
    loop {
        {
            let mut closing = checkpointer.closing.lock();
            if !*closing && checkpointer.written.load(Ordering::Relaxed) < PASS_BYTES {
                checkpointer.wake.wait_for(&mut closing, Duration::from_secs(1));
            }
            if *closing {
                return;
            }
        }
        if checkpointer.written.swap(0, Ordering::Relaxed) == 0 {
            continue;
        }
        match passive(connection).map_err(|error| classify(&error)) {
            Ok(frames) => {
                let bytes = frames * PAGE;
                checkpointer.log_bytes.store(bytes, Ordering::Relaxed);
                checkpointer.asked.store(bytes > RESTART_BYTES, Ordering::Relaxed);
                let long = bytes > LOG_WARNING_BYTES;
                if long && !warned {
                    tracing::warn!(bytes, "the write-ahead log is long: a reader holds it");
                }
                warned = long;
            }
            // The log stays; commits report the full disk.
            Err(StoreError::Full | StoreError::Busy(_)) => {}
            Err(error) => {
                tracing::error!(%error, "checkpoint failed");
                shared.fail(&error);
                shared.queue.abandon(&error);
                return;
            }
        }
    }
}

/// Checkpoints what no reader holds; the length of the log in frames.
pub(super) fn passive(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |row| row.get::<_, i64>(1))
        .map(|frames| u64::try_from(frames).unwrap_or(0))
}

/// Moves all of the log into the database, so that the next start has less to read. Not needed for
/// durability, therefore without an outcome.
pub(super) fn at_end(connection: &Connection) {
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    if let Err(error) = emptied {
        tracing::warn!(%error, "the write-ahead log stays for the next start");
    }
}
