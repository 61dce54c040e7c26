//! Samples of one series, compressed. A chunk holds floats or histograms; once closed it never changes.

mod bits;
pub(crate) mod histogram;
#[cfg(test)]
mod tests;
pub(crate) mod xor;

use std::sync::Arc;

use bongsu_promql::Points;

use crate::codec::Damaged;
pub(crate) use histogram::HistogramWriter;
pub(crate) use xor::XorWriter;

/// Samples after which a chunk is closed.
pub(crate) const SAMPLES: u16 = 120;
/// Bytes after which a chunk of floats is closed: values that do not compress must not fill the
/// memory with chunks that still grow.
pub(crate) const FLOAT_BYTES: usize = 512;
/// Bytes after which a chunk of histograms is closed.
pub(crate) const HISTOGRAM_BYTES: usize = 2048;

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Floats,
    Histograms,
}

/// A chunk without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Time of the first sample.
    pub(crate) first: i64,
    /// Time of the last sample.
    pub(crate) last: i64,
    pub(crate) count: u16,
    pub(crate) kind: Kind,
    /// Its samples came out of order, and may lie between those of other chunks.
    pub(crate) late: bool,
}

impl Meta {
    pub(crate) fn overlaps(&self, from: i64, to: i64) -> bool {
        self.first <= to && self.last >= from
    }

    /// Adds the samples with `from <= time <= to` to `out`.
    pub(crate) fn read(
        &self,
        bytes: &[u8],
        from: i64,
        to: i64,
        out: &mut Points,
    ) -> Result<(), Damaged> {
        match self.kind {
            Kind::Floats => xor::read(self.first, self.count, bytes, |time, value| {
                if (from..=to).contains(&time) {
                    out.times.push(time);
                    out.values.push(value);
                }
            }),
            Kind::Histograms => histogram::read(self.first, self.count, bytes, from, to, out),
        }
    }
}

/// A closed chunk in memory.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) meta: Meta,
    pub(crate) bytes: Arc<[u8]>,
}

impl Chunk {
    /// Memory it takes: itself, the counters of its bytes and what the allocator rounds up.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + 24 + self.bytes.len()
    }
}
