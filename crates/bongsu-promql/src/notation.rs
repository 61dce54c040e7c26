//! The notation of series in promtool's unit tests and in `.test` scripts.
//!
//! `metric{a="b"} 1+2x3 _ _x4 stale 5-1x2 {{schema:0 sum:1}}x2`: a label set, then values: `_` for
//! none, `stale`, numbers, histograms; `VxN` repeats a value N times more, `V+DxN` goes on in N steps
//! of D.

use std::sync::Arc;

use bongsu_model::{Labels, MatchOp};

use crate::histogram::parse_notation;
use crate::{FloatHistogram, Number, STALE_NAN, parse_selector};

/// Most values one line may expand to.
pub const MAX_VALUES: usize = 1_000_000;

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotationError {
    /// Byte of the line it was found at.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

/// A series with its values, one for each interval; `None` where it has none.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesLine {
    /// Its labels, `__name__` among them.
    pub labels: Labels,
    /// Its values.
    pub values: Vec<Option<Number>>,
}

/// Reads a series with its values.
pub fn parse_series(line: &str) -> Result<SeriesLine, NotationError> {
    let end = end_of_metric(line);
    let labels = parse_metric(&line[..end])?;
    let values = parse_values(&line[end..])
        .map_err(|error| NotationError { at: error.at + end, ..error })?;
    Ok(SeriesLine { labels, values })
}

/// Reads `metric{a="b"}`.
pub fn parse_metric(text: &str) -> Result<Labels, NotationError> {
    let wrong = |at, message| NotationError { at, message };
    if text.trim() == "{}" {
        return Ok(Labels::default());
    }
    let matchers = parse_selector(text).map_err(|errors| {
        let first = errors.into_iter().next();
        first.map_or_else(
            || wrong(0, "not a series".to_owned()),
            |error| wrong(error.span.start as usize, error.message),
        )
    })?;
    let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(matchers.len());
    for matcher in &matchers {
        if matcher.op() != MatchOp::Equal {
            return Err(wrong(0, format!("unexpected {} in a series", matcher.op().as_str())));
        }
        pairs.push((matcher.name(), matcher.value()));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    Ok(Labels::from_pairs(pairs))
}

/// Where the label set ends: behind its closing brace, or at the first blank.
fn end_of_metric(line: &str) -> usize {
    let (mut quote, mut escaped, mut inside) = (None, false, false);
    let start = line.len() - line.trim_start().len();
    for (at, c) in line.char_indices().skip_while(|(at, _)| *at < start) {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => inside = true,
            (None, '}') => return at + 1,
            (None, c)
                if c.is_whitespace() && !inside && !line[at..].trim_start().starts_with('{') =>
            {
                return at;
            }
            _ => {}
        }
        // Values begin with two braces.
        if quote.is_none() && line[at..].starts_with("{{") {
            return at;
        }
    }
    line.len()
}

/// Reads the values of a series.
pub fn parse_values(text: &str) -> Result<Vec<Option<Number>>, NotationError> {
    let mut reader = Reader { text, at: 0 };
    let mut values = Vec::new();
    while reader.skip_blanks() {
        reader.item(&mut values)?;
        let rest = reader.rest();
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return Err(reader.wrong(format!("unexpected {:?} after a value", reader.word())));
        }
    }
    Ok(values)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

/// A value, or a difference of two.
enum Item {
    Float(f64),
    Histogram(FloatHistogram),
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn word(&self) -> &'t str {
        self.rest().split_whitespace().next().unwrap_or("")
    }

    fn wrong(&self, message: impl Into<String>) -> NotationError {
        NotationError { at: self.at, message: message.into() }
    }

    /// Whether anything follows.
    fn skip_blanks(&mut self) -> bool {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at < self.text.len()
    }

    fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn item(&mut self, values: &mut Vec<Option<Number>>) -> Result<(), NotationError> {
        if self.take("_") {
            let times = if self.rest().starts_with('x') { self.times()? } else { 1 };
            return self.push(values, times, |_| None);
        }
        if self.word() == "stale" {
            self.at += "stale".len();
            return self.push(values, 1, |_| Some(Number::Float(STALE_NAN)));
        }
        let first = self.value()?;
        let sign = match self.rest().as_bytes().first() {
            Some(b'x') => None,
            Some(b'+') => Some(1.0),
            Some(b'-') => Some(-1.0),
            _ => {
                let value = Some(number(first));
                return self.push(values, 1, |_| value.clone());
            }
        };
        let Some(sign) = sign else {
            let times = self.times()?;
            let value = Some(number(first));
            return self.push(values, times + 1, |_| value.clone());
        };
        self.at += 1;
        let step = self.value()?;
        let times = self.times()?;
        match (first, step) {
            (Item::Float(first), Item::Float(step)) => {
                let mut next = first;
                self.push(values, times + 1, |number| {
                    if number > 0 {
                        next += sign * step;
                    }
                    Some(Number::Float(next))
                })
            }
            (Item::Histogram(first), Item::Histogram(step)) => {
                self.growing(values, times, first, &step, sign > 0.0)
            }
            _ => Err(self.wrong("a float and a histogram have no sum")),
        }
    }

    fn growing(
        &self,
        values: &mut Vec<Option<Number>>,
        times: usize,
        mut next: FloatHistogram,
        step: &FloatHistogram,
        add: bool,
    ) -> Result<(), NotationError> {
        let mut all = vec![Arc::new(next.clone())];
        for _ in 0..times {
            let moved = if add { next.add(step) } else { next.sub(step) };
            moved.map_err(|error| self.wrong(error.to_string()))?;
            all.push(Arc::new(next.clone()));
        }
        self.push(values, all.len(), |n| Some(Number::Histogram(Arc::clone(&all[n]))))
    }

    fn push(
        &self,
        values: &mut Vec<Option<Number>>,
        times: usize,
        value: impl FnMut(usize) -> Option<Number>,
    ) -> Result<(), NotationError> {
        if times > MAX_VALUES - values.len().min(MAX_VALUES) {
            return Err(self.wrong(format!("a series may have at most {MAX_VALUES} values")));
        }
        values.extend((0..times).map(value));
        Ok(())
    }

    /// `xN`.
    fn times(&mut self) -> Result<usize, NotationError> {
        if !self.take("x") {
            return Err(self.wrong("expected x and how often"));
        }
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let times = self.rest()[..digits].parse::<usize>();
        let times = times.ok().filter(|times| *times <= MAX_VALUES);
        let times = times.ok_or_else(|| self.wrong(format!("not a number up to {MAX_VALUES}")))?;
        self.at += digits;
        Ok(times)
    }

    fn value(&mut self) -> Result<Item, NotationError> {
        if self.rest().starts_with("{{") {
            let (histogram, rest) = parse_notation(self.rest()).map_err(|error| NotationError {
                at: self.at + error.at,
                message: error.problem,
            })?;
            self.at = self.text.len() - rest.len();
            return Ok(Item::Histogram(histogram));
        }
        self.float().map(Item::Float)
    }

    fn float(&mut self) -> Result<f64, NotationError> {
        let rest = self.rest();
        let signed = usize::from(rest.starts_with(['+', '-']));
        let unsigned = &rest[signed..];
        let named = ["inf", "nan"]
            .iter()
            .any(|name| unsigned.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(name)));
        let length = if named { 3 } else { float_length(unsigned) };
        let text = &rest[..signed + length];
        let text = text.strip_prefix('+').unwrap_or(text);
        let value = text.parse::<f64>().ok().filter(|_| length > 0);
        let value = value.ok_or_else(|| self.wrong(format!("bad number {:?}", self.word())))?;
        self.at += signed + length;
        Ok(value)
    }
}

fn number(item: Item) -> Number {
    match item {
        Item::Float(value) => Number::Float(value),
        Item::Histogram(histogram) => Number::Histogram(Arc::new(histogram)),
    }
}

/// Bytes of the decimal number at the start.
fn float_length(text: &str) -> usize {
    let digits = |from: usize| {
        let text = text.as_bytes().get(from..).unwrap_or_default();
        from + text.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = digits(0);
    if text.as_bytes().get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if end > 0 && matches!(text.as_bytes().get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.as_bytes().get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        match parse_series(line) {
            Err(error) => format!("{}: {error}", error.at),
            Ok(series) => {
                let values = series.values.iter().map(|value| match value {
                    None => "_".to_owned(),
                    Some(Number::Float(value)) if crate::is_stale(*value) => "stale".to_owned(),
                    Some(Number::Float(value)) => value.to_string(),
                    Some(Number::Histogram(histogram)) => histogram.to_string(),
                });
                format!("{} {}", series.labels, values.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn reads_values() {
        let cases = [
            ("a 1 -2.5 +3e2 .5", r#"{__name__="a"} 1 -2.5 300 0.5"#),
            (
                "a{b=\"c d}\", e='f'}\t1+2x2 5-1x2 -1x1",
                r#"{__name__="a", b="c d}", e="f"} 1 3 5 5 4 3 -1 -1"#,
            ),
            ("{} _ _x2 stale 7", "{} _ _ _ stale 7"),
            ("a 0x3", r#"{__name__="a"} 0 0 0 0"#),
            ("a 1e-1+1e+1x1", r#"{__name__="a"} 0.1 10.1"#),
            ("a NaN Inf -Inf +inf", r#"{__name__="a"} NaN inf -inf inf"#),
            ("a{} {{count:1 sum:2}}x1", r#"{__name__="a"} {count:1, sum:2} {count:1, sum:2}"#),
            (
                "a {{count:1 sum:2}}+{{count:2}}x2",
                r#"{__name__="a"} {count:1, sum:2} {count:3, sum:2} {count:5, sum:2}"#,
            ),
            ("a", r#"{__name__="a"} "#),
        ];
        for (line, want) in cases {
            assert_eq!(shown(line), want, "{line}");
        }
    }

    #[test]
    fn refuses_with_a_place() {
        let cases = [
            ("a 1 b", 4),
            ("a 1+2", 5),
            ("a 1x", 4),
            ("a 1x99999999", 4),
            ("a _x999999 _x999999", 19),
            ("a 1y", 3),
            ("a 1+{{count:1}}x2", 17),
            ("a {{count}}", 9),
            ("a{b=~\"c\"} 1", 0),
        ];
        for (line, at) in cases {
            let error = parse_series(line).expect_err(line);
            assert_eq!(error.at, at, "{line}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(line in r#"[ab{}="'`\\, x0-9+_.e-]{0,40}"#) {
            let _ = parse_series(&line);
        }
    }
}
