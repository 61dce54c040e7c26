//! The store: what is where, and how the parts are locked.
//!
//! Appends follow each other under `writer`, so that the log has them in the order of the memory; they
//! wait for the disk together, without the lock. Queries take the index for as long as it takes to
//! find series, and then each head for as long as it takes to read it. `upkeep` is held by whoever
//! moves chunks to files.

mod append;
mod metadata;
mod query;
mod recover;
mod stats;
#[cfg(test)]
mod tests;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::head::Head;
use crate::index::Index;
use crate::limits::Limits;
use crate::segment::Segment;
use crate::wal::Wal;

use metadata::Catalogue;
use query::Resolved;
pub use recover::{OpenError, Recovered};
pub use stats::Stats;

/// A bounded store of recent series; see the crate.
#[derive(Debug)]
pub struct Store {
    limits: Limits,
    index: RwLock<Index>,
    writer: Mutex<()>,
    upkeep: Mutex<()>,
    /// Files of closed chunks, the oldest first.
    segments: RwLock<Vec<Arc<Segment>>>,
    disk: Option<Disk>,
    heads: HeadMemory,
    resolved: Mutex<Resolved>,
    metadata: RwLock<Catalogue>,
}

/// Memory of the heads, in bytes.
#[derive(Debug, Default)]
struct HeadMemory {
    chunks: AtomicUsize,
    closed: AtomicUsize,
}

impl HeadMemory {
    /// Runs `change` on a head and keeps count of its memory.
    fn of<T>(&self, head: &mut Head, change: impl FnOnce(&mut Head) -> T) -> T {
        let (size, closed) = (head.size(), head.closed_size());
        let outcome = change(head);
        // Wraps: what is taken away comes back as its complement.
        self.chunks.fetch_add(head.size().wrapping_sub(size), Ordering::Relaxed);
        self.closed.fetch_add(head.closed_size().wrapping_sub(closed), Ordering::Relaxed);
        outcome
    }
}

/// The folder of a store that lasts.
#[derive(Debug)]
struct Disk {
    folder: PathBuf,
    wal: Wal,
    /// Number of the next file of chunks; only changed under `upkeep`.
    next_segment: AtomicUsize,
    /// When writing failed last; it is not tried with each append.
    failed_at: AtomicI64,
    recovered: Recovered,
    /// Locked as long as the store is open.
    _lock: std::fs::File,
}

impl Disk {
    fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    fn segment(&self, number: usize) -> PathBuf {
        chunks_folder(&self.folder).join(format!("{number:08}"))
    }
}

fn chunks_folder(folder: &Path) -> PathBuf {
    folder.join("chunks")
}

fn log_folder(folder: &Path) -> PathBuf {
    folder.join("log")
}

impl Store {
    /// A store that is gone when it is dropped.
    pub fn in_memory(limits: Limits) -> Self {
        Self {
            limits,
            index: RwLock::default(),
            writer: Mutex::default(),
            upkeep: Mutex::default(),
            segments: RwLock::default(),
            disk: None,
            heads: HeadMemory::default(),
            resolved: Mutex::default(),
            metadata: RwLock::default(),
        }
    }

    /// The bounds it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What a start found, if the store lasts.
    pub fn recovered(&self) -> Option<&Recovered> {
        self.disk.as_ref().map(|disk| &disk.recovered)
    }

    /// Memory it takes, as it is counted against [`Limits::max_bytes`].
    pub fn bytes(&self) -> usize {
        let segments: usize = self.segments.read().iter().map(|segment| segment.memory()).sum();
        let resolved = self.resolved.lock().size();
        self.index.read().size() + self.heads.chunks.load(Ordering::Relaxed) + segments + resolved
    }
}
