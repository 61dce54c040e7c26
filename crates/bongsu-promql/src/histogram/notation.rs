//! The notation of test files: `{{schema:1 count:3 sum:4 z_bucket:1 z_bucket_w:0.1 buckets:[1 2]
//! offset:1 n_buckets:[1] n_offset:-1 custom_values:[] counter_reset_hint:gauge}}`.

use std::fmt::Write;
use std::sync::Arc;

use super::{Buckets, FloatHistogram, Invalid, MAX_BUCKETS, ResetHint};
use crate::number::Shortest;

/// A notation that is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{problem}")]
pub struct NotationError {
    /// Byte of the text it was found at.
    pub at: usize,
    /// What is wrong.
    pub problem: String,
}

/// Reads a histogram at the start of `text`, which begins with `{{`, and answers what is behind
/// its `}}`. Its layout is checked, its counts are not: an expected result may have negative ones.
pub fn parse_notation(text: &str) -> Result<(FloatHistogram, &str), NotationError> {
    let mut reader = Reader { text, at: 0 };
    reader.expect("{{")?;
    let mut fields = Fields::default();
    loop {
        reader.skip_blanks();
        if reader.take("}}") {
            break;
        }
        fields.read(&mut reader)?;
    }
    let histogram = fields.build().map_err(|invalid| reader.wrong(invalid.to_string()))?;
    Ok((histogram, &text[reader.at..]))
}

impl FloatHistogram {
    /// The notation of it; reading it answers the same histogram but for empty buckets.
    pub fn notation(&self) -> String {
        let mut items = Vec::new();
        let mut number = |key: &str, value: f64| {
            if value != 0.0 {
                items.push(format!("{key}:{}", Shortest(value)));
            }
        };
        number("schema", f64::from(self.schema));
        number("count", self.count);
        number("sum", self.sum);
        number("z_bucket", self.zero_count);
        number("z_bucket_w", self.zero_threshold);
        if self.is_custom() {
            items.push(format!("custom_values:{}", list(&self.bounds)));
        }
        let hint = match self.reset_hint {
            ResetHint::Unknown => None,
            ResetHint::Reset => Some("reset"),
            ResetHint::NotReset => Some("not_reset"),
            ResetHint::Gauge => Some("gauge"),
        };
        items.extend(hint.map(|hint| format!("counter_reset_hint:{hint}")));
        for (key, offset, buckets) in
            [("buckets", "offset", &self.positive), ("n_buckets", "n_offset", &self.negative)]
        {
            // The notation knows one run of buckets only.
            let run = buckets.compact(usize::MAX);
            if let [Some(start), _] = run.ends() {
                if start != 0 {
                    items.push(format!("{offset}:{start}"));
                }
                items.push(format!("{key}:{}", list(run.counts())));
            }
        }
        format!("{{{{{}}}}}", items.join(" "))
    }
}

fn list(values: &[f64]) -> String {
    let mut text = String::from("[");
    for (at, value) in values.iter().enumerate() {
        let blank = if at == 0 { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(text, "{blank}{}", Shortest(*value));
    }
    text.push(']');
    text
}

/// What was given so far.
#[derive(Default)]
struct Fields {
    seen: Vec<String>,
    histogram: FloatHistogram,
    positive: (i32, Vec<f64>),
    negative: (i32, Vec<f64>),
}

impl Fields {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), NotationError> {
        let start = reader.at;
        let key = reader.word().to_owned();
        if key.is_empty() {
            return Err(reader.wrong("expected a key of a histogram or `}}`"));
        }
        if self.seen.contains(&key) {
            return Err(NotationError { at: start, problem: format!("duplicate key `{key}`") });
        }
        reader.expect(":")?;
        let histogram = &mut self.histogram;
        match key.as_str() {
            "schema" => histogram.schema = reader.integer()?,
            "count" => histogram.count = reader.number()?,
            "sum" => histogram.sum = reader.number()?,
            "z_bucket" => histogram.zero_count = reader.number()?,
            "z_bucket_w" => histogram.zero_threshold = reader.number()?,
            "custom_values" => histogram.bounds = Arc::from(reader.numbers()?),
            "buckets" => self.positive.1 = reader.numbers()?,
            "offset" => self.positive.0 = reader.integer()?,
            "n_buckets" => self.negative.1 = reader.numbers()?,
            "n_offset" => self.negative.0 = reader.integer()?,
            "counter_reset_hint" => histogram.reset_hint = reader.hint()?,
            _ => {
                return Err(NotationError {
                    at: start,
                    problem: format!("unknown key `{key}` of a histogram"),
                });
            }
        }
        self.seen.push(key);
        Ok(())
    }

    fn build(self) -> Result<FloatHistogram, Invalid> {
        let mut histogram = self.histogram;
        histogram.positive = Buckets::run(self.positive.0, self.positive.1)?;
        histogram.negative = Buckets::run(self.negative.0, self.negative.1)?;
        histogram.check_layout()?;
        Ok(histogram)
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn wrong(&self, problem: impl Into<String>) -> NotationError {
        NotationError { at: self.at, problem: problem.into() }
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), NotationError> {
        if self.take(token) { Ok(()) } else { Err(self.wrong(format!("expected `{token}`"))) }
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    /// Letters and underscores.
    fn word(&mut self) -> &'t str {
        self.run(|c| c.is_ascii_alphabetic() || c == '_')
    }

    fn run(&mut self, of: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let run = &rest[..rest.find(|c| !of(c)).unwrap_or(rest.len())];
        self.at += run.len();
        run
    }

    fn integer(&mut self) -> Result<i32, NotationError> {
        let at = self.at;
        let text = self.run(|c| c.is_ascii_digit() || c == '-' || c == '+');
        text.parse().map_err(|_| NotationError { at, problem: "expected an integer".into() })
    }

    fn number(&mut self) -> Result<f64, NotationError> {
        let at = self.at;
        let text = self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
        number(text).ok_or_else(|| NotationError { at, problem: "expected a number".into() })
    }

    fn numbers(&mut self) -> Result<Vec<f64>, NotationError> {
        self.expect("[")?;
        let mut numbers = Vec::new();
        loop {
            self.skip_blanks();
            if self.take("]") {
                return Ok(numbers);
            }
            if numbers.len() == MAX_BUCKETS {
                return Err(self.wrong(Invalid::TooManyBuckets.to_string()));
            }
            numbers.push(self.number()?);
        }
    }

    fn hint(&mut self) -> Result<ResetHint, NotationError> {
        let at = self.at;
        match self.word() {
            "unknown" => Ok(ResetHint::Unknown),
            "reset" => Ok(ResetHint::Reset),
            "not_reset" => Ok(ResetHint::NotReset),
            "gauge" => Ok(ResetHint::Gauge),
            _ => Err(NotationError {
                at,
                problem: "expected `unknown`, `reset`, `not_reset` or `gauge`".into(),
            }),
        }
    }
}

/// A number of PromQL: decimal, hexadecimal, `Inf`, `NaN`.
fn number(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let value = match hex {
        Some(hex) => i64::from_str_radix(hex, 16).ok()? as f64,
        None if digits.starts_with(['+', '-']) => return None,
        None => digits.parse().ok()?,
    };
    Some(if negative { -value } else { value })
}
