//! Switching from Alertmanager: its silences and its notification log are taken over.
//!
//! In: the files `silences` and `nflog` of its storage folder, each a sequence of length-delimited
//! protocol buffers. Out: silences and log entries, made durable in one transaction before the
//! server works. The files are only read. It happens once: a store that has ever held anything is
//! left alone.

mod notifications;
mod silences;
mod wire;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_lang::protobuf::ProtobufError;
use bongsu_model::Timestamp;
use bongsu_store::{Refused, Store, StoreError, WriteSet};

pub use notifications::read_notifications;
pub use silences::read_silences;

use crate::core::Core;
use crate::records;

/// Largest file read. The notification log of a hundred thousand groups is smaller.
const MAX_FILE: u64 = 64 << 20;

/// Why Alertmanager's state cannot be taken over. Nothing was taken then.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file cannot be used as a whole.
    #[error(
        "cannot take over {}: {reason}; to start without it, move it to another folder",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What was read could not be stored.
    #[error("the state taken over from Alertmanager could not be stored: {0}")]
    Store(#[from] StoreError),
    /// What was read is more than the store takes in one transaction.
    #[error("the state taken over from Alertmanager could not be stored: {0}")]
    Refused(#[from] Refused),
}

/// What a file held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// What is still of use.
    pub records: Vec<T>,
    /// Why single records were left aside.
    pub refused: Vec<String>,
}

impl<T> Default for Taken<T> {
    fn default() -> Self {
        Self { records: Vec::new(), refused: Vec::new() }
    }
}

/// Fills an untouched core and store with what Alertmanager left in `folder`, if it left anything.
///
/// Blocks until the store has it on disk.
pub(crate) fn take_over(
    store: &dyn Store,
    core: &mut Core,
    folder: &Path,
    now: Timestamp,
    retention: Duration,
) -> Result<(), MigrateError> {
    let (silences_file, log_file) = (folder.join("silences"), folder.join("nflog"));
    let (silences, log) = (read_file(&silences_file)?, read_file(&log_file)?);
    if silences.is_none() && log.is_none() {
        return Ok(());
    }
    let corrupt = |path: &Path, error: ProtobufError| MigrateError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let silences = read_silences(&silences.unwrap_or_default(), now, retention, &mut || {
        uuid::Uuid::new_v4().to_string()
    })
    .map_err(|error| corrupt(&silences_file, error))?;
    let log = read_notifications(&log.unwrap_or_default(), now)
        .map_err(|error| corrupt(&log_file, error))?;
    for (file, refused) in [("silences", &silences.refused), ("nflog", &log.refused)] {
        for reason in refused {
            tracing::error!(file, reason, "a record of Alertmanager was left aside");
        }
    }
    let mut rows = vec![records::put_import_mark()];
    rows.extend(silences.records.iter().map(records::put_silence));
    rows.extend(log.records.iter().map(|(key, entry)| records::put_notification(key, entry)));
    store_now(store, WriteSet { journal: None, rows })?;
    tracing::info!(
        silences = silences.records.len(),
        notifications = log.records.len(),
        folder = %folder.display(),
        "imported"
    );
    for silence in silences.records {
        core.route.silences_mut().restore(silence);
    }
    for (key, entry) in log.records {
        core.log.merge(key, entry, now);
    }
    Ok(())
}

/// Commits and waits on a thread of its own: the caller may be a worker of the async runtime.
fn store_now(store: &dyn Store, set: WriteSet) -> Result<(), MigrateError> {
    let ack = store.try_commit(set)?;
    let durable = std::thread::scope(|scope| scope.spawn(|| ack.wait()).join());
    Ok(durable.unwrap_or(Err(StoreError::Closed))?)
}

/// The bytes of a file; `None` if there is none.
fn read_file(path: &Path) -> Result<Option<Vec<u8>>, MigrateError> {
    let read = || -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    let refuse = |reason: String| MigrateError::File { path: path.to_owned(), reason };
    let bytes = read().map_err(|error| refuse(error.to_string()))?;
    if bytes.as_ref().is_some_and(|bytes| bytes.len() as u64 > MAX_FILE) {
        return Err(refuse(format!("it is larger than {} MiB", MAX_FILE >> 20)));
    }
    Ok(bytes)
}
