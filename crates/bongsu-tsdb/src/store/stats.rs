//! Figures of a store.

use super::Store;

/// What a store holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Series, those without new samples among them.
    pub series: usize,
    /// Samples in memory and in files; what is in both after a crash counts twice.
    pub samples: u64,
    /// Memory, as counted against the limit.
    pub bytes: usize,
    /// That of chunks.
    pub chunk_bytes: usize,
    /// Files of closed chunks.
    pub files: usize,
    /// Their bytes.
    pub file_bytes: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Time of the oldest and of the newest sample.
    pub span: Option<(i64, i64)>,
    /// Metrics with the most series.
    pub largest: Vec<(String, usize)>,
}

impl Store {
    /// Counts; walks over all series.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            bytes: self.bytes(),
            chunk_bytes: self.chunks(),
            log_bytes: self.disk.as_ref().map_or(0, |disk| disk.wal.size()),
            ..Stats::default()
        };
        let mut span: Option<(i64, i64)> = None;
        let mut see = |(first, last): (i64, i64)| {
            let (oldest, newest) = span.unwrap_or((first, last));
            span = Some((oldest.min(first), newest.max(last)));
        };
        for segment in self.segments.read().iter() {
            stats.samples += segment.samples;
            stats.files += 1;
            stats.file_bytes += segment.size();
            see(segment.span());
        }
        let index = self.index.read();
        stats.series = index.len();
        stats.largest = index.counts("__name__", 10);
        for series in index.iter() {
            let head = series.head.lock();
            stats.samples += head.samples() as u64;
            if let Some(span) = head.span() {
                see(span);
            }
        }
        stats.span = span;
        stats
    }
}
