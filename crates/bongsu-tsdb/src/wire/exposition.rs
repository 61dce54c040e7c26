//! What scraped targets answer: Prometheus' text format 0.0.4 and OpenMetrics 1.0.
//!
//! In: the text. Out: a series with one float per line, types and helps. Names outside the old alphabet
//! stand in quotes inside the braces. Exemplars are checked and passed over. As Prometheus 3 does,
//! `le` and `quantile` are written in one way, so that a bucket is the same series in both formats.

mod cursor;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bongsu_model::{Diagnostic, Place, Source};
use smallvec::SmallVec;

use super::{Budget, Decoded, WireError, WireLimits};
use crate::sample::{Metadata, MetricKind, Pair, SeriesSamples};
use cursor::Cursor;

/// The bits of a NaN that is a value, in Prometheus.
const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Go writes numbers with more digits before the point with an exponent.
const PLAIN_DIGITS: i32 = 6;

/// How a text is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`
    Prometheus,
    /// `application/openmetrics-text`
    OpenMetrics,
}

impl Format {
    /// What to ask a target for.
    pub const ACCEPT: &'static str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
         application/openmetrics-text;version=1.0.0;q=0.5,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
         text/plain;version=0.0.4;q=0.3,*/*;q=0.1";

    /// From the header `Content-Type` of the answer.
    pub fn of_content_type(header: &str) -> Self {
        let kind = header.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

/// A text that cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpositionError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl ExpositionError {
    /// The finding as a person reads it.
    pub fn diagnostic(&self, source: Arc<Source>) -> Diagnostic {
        let place = Place { source, line: self.line, column: self.column };
        Diagnostic::error("BS2451", self.message.clone())
            .at(Some(place))
            .help("a target has to answer in Prometheus' text format 0.0.4 or OpenMetrics 1.0")
    }
}

impl std::error::Error for ExpositionError {}

impl fmt::Display for ExpositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// Reads a text; samples without a time of their own get `now`, in milliseconds.
pub fn read<'a>(
    format: Format,
    text: &'a [u8],
    now: i64,
    limits: &WireLimits,
) -> Result<Decoded<'a>, ExpositionError> {
    let at = |line, column, message: String| ExpositionError { line, column, message };
    if text.len() > limits.max_bytes {
        return Err(at(1, 1, WireError::TooLarge(limits.max_bytes).to_string()));
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let before = String::from_utf8_lossy(&text[..error.valid_up_to()]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        at(line, column, "the text is not UTF-8".into())
    })?;
    let mut reader = Reader {
        format,
        now,
        budget: Budget::new(limits),
        decoded: Decoded::default(),
        kind: MetricKind::Unknown,
        ended: false,
    };
    let mut lines = 0;
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        lines += 1;
        let mut cursor = Cursor::new(line);
        reader.line(&mut cursor).map_err(|message| at(lines, cursor.column(), message))?;
    }
    if format == Format::OpenMetrics && !reader.ended {
        return Err(at(lines + 1, 1, "the text does not end with `# EOF`".into()));
    }
    Ok(reader.decoded)
}

struct Reader<'a> {
    format: Format,
    now: i64,
    budget: Budget,
    decoded: Decoded<'a>,
    /// Of the `# TYPE` line before.
    kind: MetricKind,
    /// `# EOF` was there.
    ended: bool,
}

impl<'a> Reader<'a> {
    fn line(&mut self, cursor: &mut Cursor<'a>) -> Result<(), String> {
        if self.ended {
            return Err("nothing may follow `# EOF`".into());
        }
        if self.format == Format::Prometheus {
            cursor.blank();
        }
        match cursor.peek() {
            None if self.format == Format::Prometheus => Ok(()),
            None => Err("a line is empty".into()),
            Some('#') => self.comment(cursor),
            Some(_) => self.sample(cursor),
        }
    }

    fn comment(&mut self, cursor: &mut Cursor<'a>) -> Result<(), String> {
        cursor.eat('#');
        let strict = self.format == Format::OpenMetrics;
        if strict && cursor.rest() == " EOF" {
            self.ended = true;
            return Ok(());
        }
        cursor.blank();
        let word = cursor.word();
        let known = matches!(word, "HELP" | "TYPE") || strict && word == "UNIT";
        if !known {
            return if strict { Err(format!("`# {word}` is not known")) } else { Ok(()) };
        }
        cursor.blank();
        let name =
            if cursor.peek() == Some('"') { cursor.quoted()? } else { cursor.name()?.into() };
        cursor.blank();
        let rest = cursor.rest();
        match word {
            "HELP" => {
                let help = cursor::unescaped(rest, !strict).into_owned();
                self.metadata(name)?.help = help;
            }
            "UNIT" => self.metadata(name)?.unit = rest.into(),
            _ => {
                let kind = kind(rest.trim_end(), self.format)
                    .ok_or_else(|| format!("`{rest}` is no type of a metric"))?;
                self.metadata(name)?.kind = kind;
                self.kind = kind;
            }
        }
        Ok(())
    }

    /// The lines of a metric follow each other.
    fn metadata(&mut self, name: Cow<'a, str>) -> Result<&mut Metadata, String> {
        let known = &mut self.decoded.metadata;
        if known.last().is_none_or(|(last, _)| *last != *name) {
            self.budget.series().map_err(|error| error.to_string())?;
            known.push((name.into_owned(), Metadata::default()));
            self.kind = MetricKind::Unknown;
        }
        known.last_mut().map(|(_, metadata)| metadata).ok_or_else(String::new)
    }

    fn sample(&mut self, cursor: &mut Cursor<'a>) -> Result<(), String> {
        let said = |error: WireError| error.to_string();
        self.budget.series().map_err(said)?;
        self.budget.samples(1).map_err(said)?;
        let mut labels: Vec<Pair<'a>> = Vec::with_capacity(8);
        let mut name: Option<Cow<'a, str>> = None;
        if cursor.peek() != Some('{') {
            name = Some(cursor.name()?.into());
        }
        let space = cursor.blank();
        let braces = cursor.eat('{');
        if braces {
            self.labels(cursor, &mut labels, &mut name)?;
        }
        let name = name.ok_or("the sample has no name")?;
        if !cursor.blank() && (braces || !space) {
            return Err("a space and a value are wanted".into());
        }
        let value = number(cursor)?;
        let time = self.time(cursor)?;
        labels.push(("__name__".into(), name));
        self.decoded.series.push(SeriesSamples {
            labels,
            floats: SmallVec::from_buf([(time, value)]),
            histograms: Vec::new(),
        });
        Ok(())
    }

    /// What is between braces; a text in quotes without a value is the name of the metric.
    fn labels(
        &mut self,
        cursor: &mut Cursor<'a>,
        labels: &mut Vec<Pair<'a>>,
        metric: &mut Option<Cow<'a, str>>,
    ) -> Result<(), String> {
        loop {
            cursor.blank();
            if cursor.eat('}') {
                return Ok(());
            }
            let quoted = cursor.peek() == Some('"');
            let name = if quoted { cursor.quoted()? } else { cursor.label_name()?.into() };
            cursor.blank();
            if cursor.eat('=') {
                cursor.blank();
                let value = cursor.quoted()?;
                self.budget.label(labels.len()).map_err(|error| error.to_string())?;
                let value = self.bound(&name, value);
                labels.push((name, value));
            } else if quoted && metric.is_none() {
                *metric = Some(name);
            } else {
                return Err("`=` is wanted".into());
            }
            cursor.blank();
            if !cursor.eat(',') && cursor.peek() != Some('}') {
                return Err("`,` or `}` is wanted".into());
            }
        }
    }

    /// Bounds of buckets and quantiles in one spelling: `1` and `1.0` are one series.
    fn bound(&self, name: &str, value: Cow<'a, str>) -> Cow<'a, str> {
        let is_bound = match self.kind {
            MetricKind::Histogram | MetricKind::GaugeHistogram => name == "le",
            MetricKind::Summary => name == "quantile",
            _ => false,
        };
        match float(&value).filter(|_| is_bound) {
            Some(bound) => Cow::Owned(spelled(bound)),
            None => value,
        }
    }

    fn time(&mut self, cursor: &mut Cursor<'a>) -> Result<i64, String> {
        cursor.blank();
        let strict = self.format == Format::OpenMetrics;
        let mut time = self.now;
        if cursor.peek().is_some_and(|c| !strict || c != '#') {
            time = if strict { seconds(cursor)? } else { milliseconds(cursor)? };
            cursor.blank();
        }
        if strict && cursor.eat('#') {
            cursor.blank();
            if !cursor.eat('{') {
                return Err("the labels of an exemplar are wanted".into());
            }
            self.labels(cursor, &mut Vec::new(), &mut None)?;
            cursor.blank();
            number(cursor)?;
            cursor.blank();
            if cursor.peek().is_some() {
                seconds(cursor)?;
            }
        }
        if cursor.peek().is_some() {
            return Err("nothing may follow here".into());
        }
        Ok(time)
    }
}

fn kind(word: &str, format: Format) -> Option<MetricKind> {
    Some(match (word, format) {
        ("counter", _) => MetricKind::Counter,
        ("gauge", _) => MetricKind::Gauge,
        ("histogram", _) => MetricKind::Histogram,
        ("summary", _) => MetricKind::Summary,
        ("untyped", Format::Prometheus) | ("unknown", _) => MetricKind::Unknown,
        ("gaugehistogram", _) => MetricKind::GaugeHistogram,
        ("info", _) => MetricKind::Info,
        ("stateset", _) => MetricKind::StateSet,
        _ => return None,
    })
}

/// Reads the next word; on an error the cursor stands before it.
fn word_as<T>(
    cursor: &mut Cursor<'_>,
    what: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, String> {
    let before = cursor.clone();
    let word = cursor.word();
    read(word).ok_or_else(|| {
        *cursor = before;
        format!("`{}` is no {what}", word.chars().take(40).collect::<String>())
    })
}

fn number(cursor: &mut Cursor<'_>) -> Result<f64, String> {
    word_as(cursor, "number", float)
}

fn milliseconds(cursor: &mut Cursor<'_>) -> Result<i64, String> {
    word_as(cursor, "time in milliseconds", |word| word.parse().ok())
}

fn seconds(cursor: &mut Cursor<'_>) -> Result<i64, String> {
    word_as(cursor, "time in seconds", |word| {
        float(word).filter(|seconds| seconds.is_finite()).map(|seconds| (seconds * 1000.0) as i64)
    })
}

/// A number as Go reads it: what is too large is none, and there is one NaN.
fn float(word: &str) -> Option<f64> {
    let value: f64 = word.parse().ok()?;
    let is_word = word.contains(['n', 'N']);
    if value.is_nan() {
        return (word.len() == 3).then_some(NAN);
    }
    (value.is_finite() || is_word).then_some(value)
}

/// OpenMetrics' canonical spelling: at least one digit behind the point, or an exponent.
fn spelled(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..PLAIN_DIGITS).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { plain + ".0" }
}
