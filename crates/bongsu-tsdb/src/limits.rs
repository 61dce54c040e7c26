//! What a store may hold.

/// Bounds of a store. Whatever would pass one is refused; nothing grows beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds a sample is kept; older ones are refused and deleted file by file.
    pub retention: i64,
    /// Milliseconds a sample may be ahead of the clock.
    pub ahead: i64,
    /// Milliseconds a float may be older than the newest sample of its series; 0 refuses all that is
    /// out of order, as Prometheus does by default.
    pub out_of_order: i64,
    /// Series held, those that get no samples any more among them, until their last sample is
    /// older than `retention`.
    pub max_series: usize,
    /// Memory in bytes: series, their index, chunks in memory and the places of those in files.
    pub max_bytes: usize,
    /// Bytes of files of closed chunks; beyond it the oldest file goes before its time.
    pub max_disk: u64,
    /// Bytes of log after which it is replaced by a checkpoint.
    pub max_log: u64,
    /// Labels of a series.
    pub max_labels: usize,
    /// Bytes of a label's name.
    pub max_name: usize,
    /// Bytes of a label's value.
    pub max_value: usize,
    /// Samples one selection may bring up.
    pub max_selected: usize,
    /// Metrics whose type, help and unit are remembered.
    pub max_metadata: usize,
    /// Whether an append waits until the disk has it. `false` is for tests.
    pub sync: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            retention: 24 * 3_600_000,
            ahead: 600_000,
            out_of_order: 60_000,
            max_series: 100_000,
            max_bytes: 200 << 20,
            max_disk: 4 << 30,
            max_log: 64 << 20,
            max_labels: 64,
            max_name: 1024,
            max_value: 4096,
            max_selected: 20_000_000,
            max_metadata: 20_000,
            sync: true,
        }
    }
}

impl Limits {
    /// Closed chunks beyond this many bytes go to files.
    pub(crate) fn closed_bytes(&self) -> usize {
        self.max_bytes / 5
    }
}
