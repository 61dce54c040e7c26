//! Rows with their limits, and what all databases' values have in common.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Number, Value};

use super::{MAX_BYTES, MAX_ROWS, SqlAnswer};

/// Rows as they arrive.
pub(super) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    bytes: usize,
    truncated: bool,
}

impl Table {
    pub(super) fn new(columns: Vec<String>) -> Self {
        Self { columns, rows: Vec::new(), bytes: 0, truncated: false }
    }

    /// Whether another row fits; once one did not, none does.
    pub(super) fn is_open(&self) -> bool {
        !self.truncated
    }

    /// Adds a row, or notes that it did not fit.
    pub(super) fn push(&mut self, row: Vec<Value>) {
        let bytes = self.bytes + row.iter().map(size).sum::<usize>();
        if self.truncated || self.rows.len() >= MAX_ROWS || bytes > MAX_BYTES {
            self.truncated = true;
            return;
        }
        self.bytes = bytes;
        self.rows.push(row);
    }

    pub(super) fn answer(self) -> SqlAnswer {
        SqlAnswer::Rows { columns: self.columns, rows: self.rows, truncated: self.truncated }
    }
}

/// About how much memory a value takes, in bytes.
pub(super) fn size(value: &Value) -> usize {
    const OWN: usize = 16;
    OWN + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(entries) => entries.iter().map(|(key, value)| key.len() + size(value)).sum(),
    }
}

/// A decimal number: a JSON number when that says the same, else its text. Every decimal of at most
/// 15 digits survives the way through a double.
pub(super) fn decimal(text: &str) -> Value {
    const EXACT_DIGITS: usize = 15;
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    // Averages come with zeros that say nothing: 1.5000000000000000.
    let short = if text.contains('.') { text.trim_end_matches('0') } else { text };
    let digits = short.bytes().filter(u8::is_ascii_digit).count();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    match text.parse::<f64>() {
        Ok(number) if plain && digits <= EXACT_DIGITS => double(number, text),
        _ => text.into(),
    }
}

/// A double; infinities and NaN have no number in JSON and stay text.
pub(super) fn double(number: f64, text: &str) -> Value {
    Number::from_f64(number).map_or_else(|| text.into(), Value::Number)
}

/// Bytes as base64.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    BASE64_STANDARD.encode(bytes).into()
}

/// A JSON column; text that is not JSON stays text.
pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn decimals_are_numbers_only_when_exact() {
        for (text, expected) in [
            ("1", json!(1)),
            ("-12.50", json!(-12.5)),
            ("0.1", json!(0.1)),
            ("1.5000000000000000", json!(1.5)),
            ("100000000000000000000", json!("100000000000000000000")),
            ("9223372036854775807", json!(9_223_372_036_854_775_807_i64)),
            ("9223372036854775808", json!("9223372036854775808")),
            ("123456789012.345", json!(123_456_789_012.345)),
            ("1234567890123.4567", json!("1234567890123.4567")),
            ("NaN", json!("NaN")),
            ("Infinity", json!("Infinity")),
        ] {
            assert_eq!(decimal(text), expected, "{text}");
        }
    }

    #[test]
    fn rows_beyond_the_limits_are_left_out() {
        let mut table = Table::new(vec!["a".to_owned()]);
        for number in 0..=MAX_ROWS {
            table.push(vec![json!(number)]);
        }
        assert!(!table.is_open());
        let SqlAnswer::Rows { rows, truncated, .. } = table.answer() else { panic!("rows") };
        assert_eq!((rows.len(), truncated), (MAX_ROWS, true));

        let mut table = Table::new(vec!["a".to_owned()]);
        table.push(vec![json!("x".repeat(MAX_BYTES / 2))]);
        table.push(vec![json!("x".repeat(MAX_BYTES / 2))]);
        table.push(vec![json!("small")]);
        let SqlAnswer::Rows { rows, truncated, .. } = table.answer() else { panic!("rows") };
        assert_eq!((rows.len(), truncated), (1, true));
    }
}
