//! What is appended, and what became of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bongsu_model::Labels;
use bongsu_promql::FloatHistogram;
use smallvec::SmallVec;
use thiserror::Error;

/// A label as it came.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Samples of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesSamples<'a> {
    /// Its labels in any order, `__name__` among them; empty values mean that there is no label.
    pub labels: Vec<Pair<'a>>,
    /// Times in milliseconds and values. [`bongsu_promql::STALE_NAN`] ends the series.
    pub floats: SmallVec<[(i64, f64); 1]>,
    /// Times and histograms; after the floats.
    pub histograms: Vec<(i64, Arc<FloatHistogram>)>,
}

impl<'a> SeriesSamples<'a> {
    /// One float of a series whose labels are known.
    pub fn of(labels: &'a Labels, time: i64, value: f64) -> Self {
        let borrowed = |(name, value): (&'a str, &'a str)| (name.into(), value.into());
        Self {
            labels: labels.iter().map(borrowed).collect(),
            floats: SmallVec::from_buf([(time, value)]),
            histograms: Vec::new(),
        }
    }
}

/// Why a sample, or a series, was not taken. The first five have Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Its time is before that of the newest sample of the series.
    #[error("out of order sample")]
    OutOfOrder,
    /// It is out of order by more than the window allows, or older than the retention.
    #[error("too old sample")]
    TooOld,
    /// Its time has another value.
    #[error("duplicate sample for timestamp")]
    Duplicate,
    /// Its time is too far ahead of the clock.
    #[error("out of bounds")]
    Ahead,
    /// The labels are not valid: no name, a name twice, too many, too long.
    #[error("invalid labels")]
    Labels,
    /// There are as many series as there may be.
    #[error("too many series: the limit of the local store is reached")]
    TooManySeries,
    /// The memory is used up.
    #[error("no memory left: the limit of the local store is reached")]
    NoMemory,
}

impl Reason {
    const ALL: [Self; 7] = [
        Self::OutOfOrder,
        Self::TooOld,
        Self::Duplicate,
        Self::Ahead,
        Self::Labels,
        Self::TooManySeries,
        Self::NoMemory,
    ];

    /// Whether the store is full: the sender should come again later (429). Else what was sent is
    /// wrong and will stay so (400).
    pub fn is_full(self) -> bool {
        matches!(self, Self::TooManySeries | Self::NoMemory)
    }
}

/// What was not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    counts: [u64; Reason::ALL.len()],
    /// One example for each reason.
    examples: Vec<(Reason, String)>,
}

impl Refused {
    pub(crate) fn add(&mut self, reason: Reason, samples: u64, series: impl FnOnce() -> String) {
        let count = &mut self.counts[reason as usize];
        if *count == 0 {
            self.examples.push((reason, series()));
        }
        *count += samples.max(1);
    }

    /// Samples refused for this reason; a series without samples counts once.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What decides the answer: that the store is full, else the first thing that was wrong.
    pub fn reason(&self) -> Option<Reason> {
        let mut reasons = self.examples.iter().map(|(reason, _)| *reason);
        reasons.clone().find(|reason| reason.is_full()).or_else(|| reasons.next())
    }
}

/// Each reason with its count and one series: `out of order sample: 3, for example {…}`.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (reason, example)) in self.examples.iter().enumerate() {
            let before = if at == 0 { "" } else { "; " };
            write!(f, "{before}{reason}: {}, for example {example}", self.count(*reason))?;
        }
        Ok(())
    }
}

/// What became of a batch. All that could be taken was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Floats taken; those that were there already, to the bit, among them.
    pub floats: u64,
    /// Histograms taken, likewise.
    pub histograms: u64,
    /// Series that are new.
    pub new_series: u64,
    /// What was not taken.
    pub refused: Refused,
}

/// A batch that is not durable; parts of it may be visible until the next start. Sending it again is
/// right.
#[derive(Clone, Debug, Error)]
pub enum AppendError {
    /// The log or a file of chunks cannot be written.
    #[error("the store of series cannot write: {0}")]
    Write(Arc<std::io::Error>),
}

/// What is known of a metric beside its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset`, `unknown`.
    pub kind: MetricKind,
    /// What it counts.
    pub help: String,
    /// Its unit, or nothing.
    pub unit: String,
}

/// Type of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricKind {
    /// Nobody said.
    #[default]
    Unknown,
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of buckets.
    Histogram,
    /// Buckets that go up and down.
    GaugeHistogram,
    /// Quantiles.
    Summary,
    /// A constant with labels.
    Info,
    /// States, of which each is true or not.
    StateSet,
}

impl MetricKind {
    /// The word of the formats and of the metadata API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// From the number that both versions of remote write use.
    pub(crate) fn of_number(number: u64) -> Self {
        match number {
            1 => Self::Counter,
            2 => Self::Gauge,
            3 => Self::Histogram,
            4 => Self::GaugeHistogram,
            5 => Self::Summary,
            6 => Self::Info,
            7 => Self::StateSet,
            _ => Self::Unknown,
        }
    }
}
