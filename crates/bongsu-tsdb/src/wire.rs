//! Wire formats: bytes in, samples out. Each has limits, so that no body unfolds into more than the
//! store would take.

pub mod exposition;
#[cfg(test)]
mod message;
pub mod otlp;
pub mod remote_write;

use bongsu_lang::protobuf::ProtobufError;
use thiserror::Error;

use crate::sample::{Metadata, SeriesSamples};

/// Bounds of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes when it is unpacked.
    pub max_bytes: usize,
    /// Series.
    pub max_series: usize,
    /// Floats and histograms of all of them.
    pub max_samples: usize,
    /// Labels of one series; of all of them, twenty for each of [`Self::max_series`].
    pub max_labels: usize,
}

impl Default for WireLimits {
    fn default() -> Self {
        Self { max_bytes: 32 << 20, max_series: 100_000, max_samples: 1_000_000, max_labels: 64 }
    }
}

/// What a body holds; texts borrow from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded<'a> {
    /// Series in the order they stand.
    pub series: Vec<SeriesSamples<'a>>,
    /// What it says of metrics.
    pub metadata: Vec<(String, Metadata)>,
    /// What it holds that is not taken, and why: for the sender.
    pub passed_over: PassedOver,
}

/// Points that mean nothing here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// How many.
    pub points: u64,
    /// Why the first was.
    pub reason: Option<String>,
}

impl PassedOver {
    fn add(&mut self, points: usize, reason: impl FnOnce() -> String) {
        self.points += points as u64;
        if self.reason.is_none() {
            self.reason = Some(reason());
        }
    }
}

/// A body that cannot be read. The sender should not send it again (400), unless it is too large (413).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// It is, or unpacks to, more bytes than are taken.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It holds more of something than is taken.
    #[error("the body has more than {limit} {what}")]
    TooMany {
        /// Series, samples, labels.
        what: &'static str,
        /// How many are taken.
        limit: usize,
    },
    /// It is not Snappy's block format.
    #[error("the body is not compressed with snappy: {0}")]
    Snappy(String),
    /// It is not the message it should be.
    #[error("the body is not the protocol buffers message expected: {0}")]
    Protobuf(#[from] ProtobufError),
    /// It is not JSON, or has another shape.
    #[error("the body is not the JSON expected: {0}")]
    Json(String),
    /// A number that stands for a text stands for none.
    #[error("the body refers to symbol {0}, which it does not have")]
    Symbol(u64),
    /// A histogram contradicts itself.
    #[error("a histogram is not valid: {0}")]
    Histogram(String),
}

/// Counts down what a body may still hold.
struct Budget {
    limits: WireLimits,
    series: usize,
    samples: usize,
    labels: usize,
    /// Bytes of texts that are copied, which a body can repeat at little cost.
    text: usize,
}

impl Budget {
    fn new(limits: &WireLimits) -> Self {
        let (series, samples) = (limits.max_series, limits.max_samples);
        let (labels, text) = (series.saturating_mul(20), limits.max_bytes.saturating_mul(4));
        Self { limits: *limits, series, samples, labels, text }
    }

    fn series(&mut self) -> Result<(), WireError> {
        let limit = self.limits.max_series;
        let too_many = WireError::TooMany { what: "series", limit };
        self.series = self.series.checked_sub(1).ok_or(too_many)?;
        Ok(())
    }

    fn samples(&mut self, count: usize) -> Result<(), WireError> {
        let limit = self.limits.max_samples;
        let too_many = WireError::TooMany { what: "samples", limit };
        self.samples = self.samples.checked_sub(count).ok_or(too_many)?;
        Ok(())
    }

    /// A histogram with so many buckets: eight take what a float takes.
    fn histogram(&mut self, buckets: usize) -> Result<(), WireError> {
        self.samples(1 + buckets / 8)
    }

    /// One more label of a series that has `before`.
    fn label(&mut self, before: usize) -> Result<(), WireError> {
        let limit = self.limits.max_labels;
        match self.labels.checked_sub(1).filter(|_| before < limit) {
            Some(labels) => self.labels = labels,
            None => return Err(WireError::TooMany { what: "labels", limit }),
        }
        Ok(())
    }

    /// A text that is copied.
    fn text(&mut self, bytes: usize) -> Result<(), WireError> {
        let limit = self.limits.max_bytes.saturating_mul(4);
        let too_many = WireError::TooMany { what: "bytes of texts", limit };
        self.text = self.text.checked_sub(bytes).ok_or(too_many)?;
        Ok(())
    }
}
