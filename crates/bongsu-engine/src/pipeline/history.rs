//! Entries of the histories of wide alerts on their way to the store.
//!
//! In: entries, in the order in which they came. Out: frames of them, packed by whoever filled them once the
//! lock is released, and rows: the frames, then where the entries of each alert are. Frames have
//! their numbers from the start, so writing one again changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bongsu_store::{ReportFrame, ReportKey, ReportRow, Row};
use parking_lot::Mutex;

/// Charged for each entry beside its text.
const OVERHEAD: usize = 128;
/// Entries filed in one step.
const FILED: usize = 64;

/// What the store does not have yet.
#[derive(Default)]
pub(crate) struct History {
    /// The entries of the next frame, and their bytes.
    open: Vec<ReportRow>,
    open_bytes: usize,
    frames: Vec<Arc<Frame>>,
    /// How many of the frames have been handed out to be packed.
    handed: usize,
    /// The last number given.
    last: i64,
    /// Bytes of all frames that are in memory, those being written as well.
    held: Arc<AtomicUsize>,
}

/// Entries that are written together.
pub(crate) struct Frame {
    id: i64,
    body: Mutex<Body>,
    held: Held,
}

enum Body {
    Plain(Vec<ReportRow>),
    Packed(Arc<ReportFrame>),
}

/// Bytes of a frame while it is in memory.
struct Held {
    all: Arc<AtomicUsize>,
    own: AtomicUsize,
}

impl Held {
    fn set(&self, bytes: usize) {
        let before = self.own.swap(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_sub(before, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Frame {
    /// Its packed form.
    pub(super) fn pack(&self) -> Arc<ReportFrame> {
        let mut body = self.body.lock();
        let packed = match &*body {
            Body::Packed(frame) => return Arc::clone(frame),
            Body::Plain(entries) => Arc::new(ReportFrame::pack(self.id, entries)),
        };
        self.held.set(packed.size());
        *body = Body::Packed(Arc::clone(&packed));
        packed
    }

    /// Where entries of one alert are.
    fn keys_of(&self, fingerprint: &str) -> Vec<ReportKey> {
        let own = match &*self.body.lock() {
            Body::Packed(frame) => return frame.keys_of(fingerprint).collect(),
            Body::Plain(entries) => entries.iter().any(|own| *own.fingerprint == *fingerprint),
        };
        if own { self.pack().keys_of(fingerprint).collect() } else { Vec::new() }
    }
}

impl History {
    /// Numbers of frames go on after this one.
    pub(super) fn begin_after(&mut self, last: i64) {
        self.last = last;
    }

    /// One more entry.
    pub(super) fn push(&mut self, entry: ReportRow) {
        let bytes = entry.detail.len();
        if !ReportFrame::has_room(self.open.len(), self.open_bytes, bytes) {
            self.seal();
        }
        self.open_bytes += bytes;
        self.held.fetch_add(bytes + OVERHEAD, Ordering::Relaxed);
        self.open.push(entry);
    }

    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        self.last += 1;
        let bytes = std::mem::take(&mut self.open_bytes) + self.open.len() * OVERHEAD;
        let held = Held { all: Arc::clone(&self.held), own: AtomicUsize::new(bytes) };
        let room = Vec::with_capacity(self.open.len());
        let body = Mutex::new(Body::Plain(std::mem::replace(&mut self.open, room)));
        self.frames.push(Arc::new(Frame { id: self.last, body, held }));
    }

    /// Frames that are full since the last call; to be packed without a lock.
    pub(super) fn full(&mut self) -> Vec<Arc<Frame>> {
        let full = self.frames.get(self.handed..).unwrap_or_default().to_vec();
        self.handed = self.frames.len();
        full
    }

    /// Bytes in memory, those being written as well.
    pub(super) fn bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.frames.is_empty()
    }

    /// All frames; they are the caller's to write or to give back.
    pub(super) fn take(&mut self) -> Vec<Arc<Frame>> {
        self.seal();
        self.handed = 0;
        std::mem::take(&mut self.frames)
    }

    /// Takes back what could not be written.
    pub(super) fn restore(&mut self, frames: &[Arc<Frame>]) {
        self.frames.splice(..0, frames.iter().map(Arc::clone));
        self.handed = 0;
    }

    /// What is here of one alert, to be written sooner than the rest.
    pub(super) fn rows_of(&mut self, fingerprint: &str) -> Vec<Row> {
        if self.open.iter().any(|entry| *entry.fingerprint == *fingerprint) {
            self.seal();
        }
        rows_of(&self.frames, fingerprint)
    }
}

/// Frames with entries of one alert, of which only these are filed: after a crash the others are taken
/// again from their payloads. All of it comes again with the rest, and changes nothing then.
pub(super) fn rows_of(frames: &[Arc<Frame>], fingerprint: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for frame in frames {
        let keys = frame.keys_of(fingerprint);
        if !keys.is_empty() {
            rows.extend([Row::AppendReports(frame.pack()), Row::FileReports(keys)]);
        }
    }
    rows
}

/// The rows of frames: all of them, then where their entries are, neighbours in the index together.
pub(super) fn rows(frames: &[Arc<Frame>]) -> Vec<Row> {
    let packed: Vec<Arc<ReportFrame>> = frames.iter().map(|frame| frame.pack()).collect();
    let mut keys: Vec<ReportKey> = packed.iter().flat_map(|frame| frame.keys()).collect();
    keys.sort_unstable();
    let filed = keys.chunks(FILED).map(|some| Row::FileReports(some.to_vec()));
    packed.into_iter().map(Row::AppendReports).chain(filed.collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use bongsu_model::Timestamp;

    use super::*;

    fn entry(fingerprint: &str, length: usize) -> ReportRow {
        let (at, detail) = (Timestamp::UNIX_EPOCH, "x".repeat(length).into());
        ReportRow { fingerprint: fingerprint.into(), at, kind: "fired", detail }
    }

    fn ids(rows: &[Row]) -> Vec<i64> {
        let id = |row: &Row| match row {
            Row::AppendReports(frame) => Some(frame.id()),
            _ => None,
        };
        rows.iter().filter_map(id).collect()
    }

    fn filed(rows: &[Row]) -> usize {
        let count = |row: &Row| if let Row::FileReports(keys) = row { keys.len() } else { 0 };
        rows.iter().map(count).sum()
    }

    #[test]
    fn full_frames_are_handed_out_once_and_take_less_when_packed() {
        let mut history = History::default();
        history.begin_after(7);
        (0..100).for_each(|n| history.push(entry(&n.to_string(), 1000)));
        let plain = history.bytes();
        assert!(plain > 100_000);
        let full = history.full();
        assert_eq!(full.iter().map(|frame| frame.id).collect::<Vec<_>>(), [8, 9, 10]);
        assert!(history.full().is_empty());
        full.iter().for_each(|frame| drop(frame.pack()));
        assert!(history.bytes() < plain / 10);
        drop(full);
        let taken = history.take();
        assert_eq!(ids(&rows(&taken)), [8, 9, 10, 11]);
        assert!(history.is_empty());
        // What is being written counts until it is.
        assert!(history.bytes() > 0);
        history.restore(&taken);
        assert!(!history.is_empty());
        drop((history.take(), taken));
        assert_eq!(history.bytes(), 0);
    }

    #[test]
    fn one_alert_is_written_sooner_and_only_its_entries_are_filed() {
        let mut history = History::default();
        history.push(entry("a", 10));
        (0..70).for_each(|_| history.push(entry("b", 10)));
        history.push(entry("a", 10));
        let rows_of_a = history.rows_of("a");
        assert_eq!((ids(&rows_of_a), filed(&rows_of_a)), (vec![1, 3], 2));
        assert!(history.rows_of("c").is_empty());
        let all = rows(&history.take());
        assert_eq!((ids(&all), filed(&all)), (vec![1, 2, 3], 72));
    }

    #[test]
    fn a_long_entry_has_a_frame_alone() {
        let mut history = History::default();
        for length in [10, 500_000, 10] {
            history.push(entry("a", length));
        }
        assert_eq!(ids(&rows(&history.take())), [1, 2, 3]);
    }
}
