//! Opening a store: files of chunks, then the checkpoint, then the log behind it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize};

use thiserror::Error;

use super::{Disk, Store, chunks_folder, log_folder};
use crate::index::{Index, Series};
use crate::limits::Limits;
use crate::record::{self, Record};
use crate::segment::{Entry, Segment};
use crate::wal::{self, Wal};

/// A folder that cannot be opened as a store.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store of series in {0} is in use by another process")]
    InUse(PathBuf),
    /// The files cannot be read or written.
    #[error("the store of series cannot be opened: {0}")]
    Io(#[from] io::Error),
}

/// What a start found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Series that are known again.
    pub series: usize,
    /// Appends read from the log.
    pub appends: u64,
    /// Bytes of an append that was never answered, cut off.
    pub cut: u64,
    /// Files, or ends of files, that were damaged and put aside as `*.damaged`.
    pub damaged: Vec<String>,
    /// Samples of the log whose series is not known because of that, or has expired.
    pub orphans: u64,
}

/// What files of chunks say of series.
type Known = HashMap<u32, (Arc<Series>, Entry)>;

impl Store {
    /// Opens or makes the store in `folder`.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, OpenError> {
        fs::create_dir_all(chunks_folder(folder))?;
        let lock = File::create(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(folder.into())),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut store = Self::in_memory(limits);
        let mut recovered = Recovered::default();
        let known = store.read_segments(folder, &mut recovered)?;
        let from = store.read_checkpoint(folder, &mut recovered)?;
        let sizes = store.read_log(folder, from, &mut recovered)?;
        // After the log: it may hold samples that are in a file already, which then come in order.
        for (series, entry) in known.into_values() {
            series.head.lock().settle(entry.first, entry.last);
        }
        let index = store.index.get_mut();
        for series in index.iter() {
            let head = series.head.lock();
            *store.heads.chunks.get_mut() += head.size();
            *store.heads.closed.get_mut() += head.closed_size();
        }
        recovered.series = index.len();
        let last = sizes.last_key_value().map_or(0, |(number, _)| *number).max(from);
        let wal = Wal::begin(&log_folder(folder), last + 1, sizes, limits.sync)?;
        store.disk = Some(Disk {
            folder: folder.into(),
            wal,
            next_segment: AtomicUsize::new(next_number(&chunks_folder(folder))?),
            failed_at: AtomicI64::new(i64::MIN),
            recovered,
            _lock: lock,
        });
        Ok(store)
    }

    fn read_segments(
        &mut self,
        folder: &Path,
        recovered: &mut Recovered,
    ) -> Result<Known, OpenError> {
        let mut known = Known::new();
        let index = self.index.get_mut();
        for path in numbered(&chunks_folder(folder))? {
            let opened = Segment::open(&path, |entry| {
                if let Some(series) = index.add_known(entry.id, entry.labels.clone()) {
                    known
                        .entry(entry.id)
                        .and_modify(|(_, known)| join(known, &entry))
                        .or_insert((series, entry));
                }
            });
            if let Some(segment) = whole(opened, &path, recovered)? {
                index.reserve(segment.next_id);
                self.segments.get_mut().push(Arc::new(segment));
            }
        }
        Ok(known)
    }

    /// Returns the number of the file of the log that follows.
    fn read_checkpoint(
        &mut self,
        folder: &Path,
        recovered: &mut Recovered,
    ) -> Result<u64, OpenError> {
        let path = folder.join("checkpoint");
        let mut entries = Vec::new();
        let opened = match Segment::open(&path, |entry| entries.push(entry)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            opened => opened,
        };
        let Some(checkpoint) = whole(opened, &path, recovered)? else { return Ok(0) };
        let index = self.index.get_mut();
        index.reserve(checkpoint.next_id);
        let mut scratch = Vec::new();
        for Entry { id, labels, first, last } in entries {
            let Some(series) = index.add_known(id, labels) else { continue };
            let mut head = series.head.lock();
            match checkpoint.load(id, &mut scratch) {
                Ok(chunks) => chunks.into_iter().for_each(|chunk| head.put(chunk)),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    recovered.damaged.push(format!("{error}: samples of {}", series.labels));
                }
                Err(error) => return Err(error.into()),
            }
            head.settle(first, last);
        }
        Ok(checkpoint.log)
    }

    fn read_log(
        &mut self,
        folder: &Path,
        from: u64,
        recovered: &mut Recovered,
    ) -> Result<BTreeMap<u64, u64>, OpenError> {
        let index = self.index.get_mut();
        let (replayed, sizes) = wal::replay(&log_folder(folder), from, |block| {
            record::read(block, |record| restore(index, record, &mut recovered.orphans))
        })?;
        recovered.appends = replayed.blocks;
        recovered.cut = replayed.cut;
        recovered.damaged.extend(replayed.damaged);
        Ok(sizes)
    }
}

/// What was taken once is taken again, however late it was.
fn restore(index: &mut Index, record: Record, orphans: &mut u64) {
    let id = match &record {
        Record::Series(id, _) | Record::Float(id, ..) | Record::Histogram(id, ..) => *id,
    };
    if let Record::Series(_, labels) = record {
        index.add_known(id, labels);
        return;
    }
    let Some(series) = index.by_id(id) else {
        *orphans += 1;
        return;
    };
    let mut head = series.head.lock();
    // A refusal means that it is there already: the file that holds it was written before a
    // checkpoint could be.
    let _ = match record {
        Record::Float(_, time, value) => head.push_float(time, value, i64::MAX),
        Record::Histogram(_, time, histogram) => head.push_histogram(time, &histogram),
        Record::Series(..) => return,
    };
}

/// The first and the last of two entries of a series.
fn join(known: &mut Entry, entry: &Entry) {
    let time = |entry: &Entry| entry.last.as_ref().map(|(time, _)| *time);
    known.first = known.first.min(entry.first);
    if time(entry) > time(known) {
        known.last.clone_from(&entry.last);
    }
}

/// A damaged file is put aside and told of; other errors end the start.
fn whole(
    opened: io::Result<Segment>,
    path: &Path,
    recovered: &mut Recovered,
) -> io::Result<Option<Segment>> {
    match opened {
        Ok(segment) => Ok(Some(segment)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            fs::rename(path, path.with_extension("damaged"))?;
            recovered.damaged.push(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Files named by a number, in order; what was never finished is deleted.
fn numbered(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "part") {
            fs::remove_file(path)?;
        } else if path.extension().is_none() && number(&path).is_some() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn number(path: &Path) -> Option<usize> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Above the number of every file, damaged ones among them.
fn next_number(folder: &Path) -> io::Result<usize> {
    let mut next = 1;
    for entry in fs::read_dir(folder)? {
        next = next.max(number(&entry?.path()).unwrap_or(0) + 1);
    }
    Ok(next)
}
