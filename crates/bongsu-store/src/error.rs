//! What can go wrong, as the engine needs to tell it apart.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Why a commit, query or maintenance operation did not succeed. One failed commit is reported to
/// every request that shared it, hence `Clone`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// The disk or the configured size limit is full. Nothing of the journal record was kept; the
    /// store goes on by itself as soon as there is space. HTTP 507.
    #[error("the store has no space left")]
    Full,
    /// The write did not go through for a passing reason, such as another program holding the
    /// file locked. HTTP 503.
    #[error("the store could not write: {0}")]
    Busy(Arc<str>),
    /// The storage can no longer be trusted (I/O error, corruption). Final: the process must end
    /// and reopen the store, because after a failed fsync nobody knows what the disk holds.
    #[error("the store failed and must be reopened: {0}")]
    Failed(Arc<str>),
    /// The store was closed, or crashed in a simulation, before the outcome was known.
    #[error("the store was closed")]
    Closed,
    /// Another process works on this data directory.
    #[error("{} is in use by another process ({holder})", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// What the lock file says about its owner.
        holder: String,
    },
    /// The store cannot be opened.
    #[error("cannot open {}: {reason}", path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A read failed.
    #[error("the store could not read: {0}")]
    Read(Arc<str>),
    /// A backup could not be written, is not intact, or may not be restored here.
    #[error("backup {}: {reason}", path.display())]
    Backup {
        /// The backup or the place it should go.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Why a write set was not taken. It was not queued and left no trace.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// The queue holds as much as it may. HTTP 429 with `Retry-After`.
    #[error("the store's queue is full")]
    QueueFull,
    /// The disk is full; known from an earlier commit. HTTP 507.
    #[error("the store has no space left")]
    DiskFull,
    /// The set is larger than any queue would hold. HTTP 413.
    #[error("the write set is too large")]
    TooLarge,
    /// The store failed or was closed. HTTP 503.
    #[error("the store is closed")]
    Closed,
}
