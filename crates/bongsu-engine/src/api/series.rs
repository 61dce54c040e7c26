//! What callers ask about series: questions in PromQL, what there is, samples to keep.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::Labels;
use thiserror::Error;

pub use bongsu_promql::{Number, Value};

use super::Answer;

/// How a question is answered.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// The longest it may take; the server's own limit if that is shorter.
    pub timeout: Option<Duration>,
    /// How far back a sample still counts; else five minutes.
    pub lookback: Option<Duration>,
    /// Series in the answer at most; 0 is no limit.
    pub limit: usize,
}

/// An answer to a question in PromQL.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryAnswer {
    /// What it evaluates to.
    pub value: Value,
    /// What may be wrong with it.
    pub warnings: Vec<String>,
    /// What is remarkable about it.
    pub infos: Vec<String>,
}

/// Why a question has no answer; the words are Prometheus'.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueryError {
    /// It is malformed: 400.
    #[error("{0}")]
    Bad(String),
    /// It cannot be evaluated: 422.
    #[error("{0}")]
    Execution(String),
    /// It took too long: 503.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// There are too many questions, or nothing to ask: 503.
    #[error("{0}")]
    Unavailable(String),
}

/// A window of time in milliseconds since 1970; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First.
    pub from: i64,
    /// Last.
    pub to: i64,
}

/// What a metric is said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricView {
    /// Its name.
    pub metric: String,
    /// `counter`, `gauge` …, or `unknown`.
    pub kind: String,
    /// In words.
    pub help: String,
    /// What it counts.
    pub unit: String,
}

/// Samples in the form of a protocol.
#[derive(Debug, Clone)]
pub enum SeriesBody {
    /// Remote write 1.0, snappy.
    RemoteWrite1(bytes::Bytes),
    /// Remote write 2.0, snappy.
    RemoteWrite2(bytes::Bytes),
    /// OTLP metrics in protobuf.
    Otlp(bytes::Bytes),
    /// OTLP metrics in JSON.
    OtlpJson(bytes::Bytes),
}

/// What became of samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesReceipt {
    /// Floats that were kept, those already there included.
    pub samples: u64,
    /// Histograms that were kept.
    pub histograms: u64,
    /// Samples that were not kept.
    pub rejected: u64,
    /// Why they were not, one sentence for each kind of reason.
    pub refused: Vec<String>,
    /// What the protocol answers, if it has words for that.
    pub answer: Vec<u8>,
}

/// Why samples were not kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SeriesError {
    /// The body is malformed: 400.
    #[error("{0}")]
    Bad(String),
    /// The body is too large: 413.
    #[error("{0}")]
    TooLarge(String),
    /// No room: 429.
    #[error("{0}")]
    Full(String),
    /// The store failed, or there is none: 503.
    #[error("{0}")]
    Unavailable(String),
}

/// Figures of the series kept here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeriesFigures {
    /// Series.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// Bytes of memory.
    pub bytes: u64,
    /// First time, in milliseconds since 1970.
    pub from: Option<i64>,
    /// Last time.
    pub to: Option<i64>,
}

/// Something that is scraped.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetView {
    /// Its job.
    pub job: String,
    /// Where it is asked.
    pub url: String,
    /// What its samples get.
    pub labels: Labels,
    /// Whether the last scrape worked; `None` before the first.
    pub up: Option<bool>,
    /// Why it did not.
    pub problem: Option<String>,
    /// When it was asked last, in milliseconds since 1970.
    pub scraped_at: Option<i64>,
    /// How long that took.
    pub took: Duration,
    /// How often it is asked.
    pub interval: Duration,
    /// How long that may take.
    pub timeout: Duration,
}

/// A place that tells of targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryView {
    /// Its job.
    pub job: String,
    /// Where it stands in the job: `kubernetes_sd_configs[0]`.
    pub source: String,
    /// Targets it told of last, before relabelling.
    pub targets: usize,
    /// Why it could not be asked the last time.
    pub problem: Option<String>,
}

/// What the outside may ask about series.
pub trait SeriesBackend: Send + Sync {
    /// Evaluates an expression at an instant (milliseconds since 1970); now if `None`.
    fn query(
        &self,
        text: String,
        at: Option<i64>,
        options: QueryOptions,
    ) -> Answer<'_, Result<QueryAnswer, QueryError>>;

    /// Evaluates an expression at every `step` of a window, in milliseconds.
    fn query_range(
        &self,
        text: String,
        window: Window,
        step: i64,
        options: QueryOptions,
    ) -> Answer<'_, Result<QueryAnswer, QueryError>>;

    /// Labels of the series that one of the selectors selects.
    fn series(
        &self,
        selectors: Vec<String>,
        window: Window,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Labels>, QueryError>>;

    /// Names of labels of the selected series, of all if there is no selector; sorted.
    fn label_names(
        &self,
        selectors: Vec<String>,
        window: Window,
        limit: usize,
    ) -> Answer<'_, Result<Vec<String>, QueryError>>;

    /// Values of one label; sorted.
    fn label_values(
        &self,
        name: String,
        selectors: Vec<String>,
        window: Window,
        limit: usize,
    ) -> Answer<'_, Result<Vec<String>, QueryError>>;

    /// What metrics are said to be: one, or all up to `limit`; sorted by name.
    fn metric_metadata(&self, metric: Option<String>, limit: usize) -> Vec<MetricView>;

    /// Keeps samples; they are durable when it answers.
    fn write_series(&self, body: SeriesBody) -> Answer<'_, Result<SeriesReceipt, SeriesError>>;

    /// What is scraped, and how that goes.
    fn targets(&self) -> Answer<'_, Vec<TargetView>>;

    /// How many targets of each job were found and are not scraped; every job stands in it.
    fn dropped_targets(&self) -> Answer<'_, BTreeMap<String, usize>>;

    /// Where targets are found, and whether that works; of files, servers and clusters.
    fn discoveries(&self) -> Vec<DiscoveryView>;

    /// Names what writes the metrics that the engine does not know, so that all are among the series
    /// of this server itself.
    fn also_expose(&self, write: Box<dyn Fn(&mut String) + Send + Sync>);

    /// Figures; `None` if no series are kept.
    fn series_figures(&self) -> Option<SeriesFigures>;
}
