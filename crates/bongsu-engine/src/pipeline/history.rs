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

    fn may_hold(&self, fingerprint: &str) -> bool {
        match &*self.body.lock() {
            Body::Packed(frame) => frame.may_hold(fingerprint),
            Body::Plain(entries) => entries.iter().any(|entry| *entry.fingerprint == *fingerprint),
        }
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

    /// All that entries of one alert are in, as rows to be written at once.
    pub(super) fn withdraw(&mut self, fingerprint: &str) -> Vec<Row> {
        if self.open.iter().any(|entry| *entry.fingerprint == *fingerprint) {
            self.seal();
        }
        let holds = |frame: &mut Arc<Frame>| frame.may_hold(fingerprint);
        let withdrawn: Vec<Arc<Frame>> = self.frames.extract_if(.., holds).collect();
        self.handed = self.handed.min(self.frames.len());
        rows(&withdrawn)
    }
}

/// The same of frames that are being written: whoever relies on their entries may be sooner.
pub(super) fn rows_of(frames: &[Arc<Frame>], fingerprint: &str) -> Vec<Row> {
    let holding = frames.iter().filter(|frame| frame.may_hold(fingerprint));
    rows(&holding.map(Arc::clone).collect::<Vec<_>>())
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
    fn one_alert_is_withdrawn_with_all_frames_it_is_in() {
        let mut history = History::default();
        history.push(entry("a", 10));
        (0..70).for_each(|_| history.push(entry("b", 10)));
        history.push(entry("a", 10));
        history.full();
        let rows = history.withdraw("a");
        assert_eq!(ids(&rows), [1, 3]);
        let filed: usize = rows
            .iter()
            .map(|row| if let Row::FileReports(keys) = row { keys.len() } else { 0 })
            .sum();
        assert_eq!(filed, 32 + 8);
        assert!(history.withdraw("a").is_empty());
        let left = history.take();
        assert_eq!(ids(&rows_of(&left, "b")), [2]);
        assert!(rows_of(&left, "a").is_empty());
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
