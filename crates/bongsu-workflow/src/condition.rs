//! Keep's `condition` list: `threshold`, `assert`, `stddev`.
//!
//! In: the entries of a step and the values of a run. Out: whether each holds and what it compared,
//! kept under `steps.NAME.conditions`.

use serde_json::{Value, json};

use crate::expr::{Fault, Scope};
use crate::form::{self, Form};
use crate::value::{number, shown};

/// One entry.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Name in `conditions` and in `if`.
    pub name: String,
    /// Another name for `if`.
    pub alias: Option<String>,
    /// What is looked at.
    pub kind: Kind,
}

/// Kinds of entries.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A value against limits.
    Threshold {
        /// The value.
        value: Form,
        /// One limit or several, separated by commas.
        compare_to: Form,
        /// Below instead of above.
        less: bool,
        /// Names of the limits.
        levels: Vec<String>,
    },
    /// An expression.
    Assert(form::Condition),
    /// How far numbers are from each other.
    Deviation {
        /// A list of numbers, or of rows.
        value: Form,
        /// Deviations from the mean.
        compare_to: Form,
        /// Field of the rows.
        column: Option<String>,
    },
}

impl Condition {
    /// What it compared and with what result.
    pub(crate) fn check(&self, scope: &Scope<'_>) -> Result<Value, Fault> {
        let text = |form: &Form| form.plain(scope);
        match &self.kind {
            Kind::Assert(condition) => {
                Ok(json!({"value": condition.text(), "result": condition.holds(scope)?}))
            }
            Kind::Threshold { value, compare_to, less, levels } => {
                let value = text(value)?;
                let limits = shown(&text(compare_to)?);
                for (at, limit) in limits.split(',').map(str::trim).enumerate() {
                    let exceeded = exceeds(&shown(&value), limit, *less);
                    if exceeded {
                        let level = levels.get(at);
                        return Ok(json!({"value": value, "compare_value": limit,
                            "compare_to": limit, "result": true, "level": level}));
                    }
                }
                Ok(
                    json!({"value": value, "compare_value": limits, "compare_to": limits, "result": false}),
                )
            }
            Kind::Deviation { value, compare_to, column } => {
                let rows = match text(value)? {
                    Value::Array(rows) => rows,
                    Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
                    _ => Vec::new(),
                };
                let cell = |row: &Value| match column {
                    Some(column) => row.get(column).and_then(number),
                    None => number(row),
                };
                let numbers: Vec<f64> = rows.iter().filter_map(cell).collect();
                let limit = number(&text(compare_to)?)
                    .ok_or_else(|| Fault(format!("{}: compare_to is a number", self.name)))?;
                let count = numbers.len().max(1) as f64;
                let mean = numbers.iter().sum::<f64>() / count;
                let spread =
                    (numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / count).sqrt();
                let far = numbers.iter().any(|n| (n - mean).abs() > limit * spread && spread > 0.0);
                Ok(
                    json!({"value": numbers, "compare_to": limit, "mean": mean, "stddev": spread, "result": far}),
                )
            }
        }
    }
}

/// Percentages on both sides, numbers as numbers, anything else as text.
fn exceeds(value: &str, limit: &str, less: bool) -> bool {
    let plain = |text: &str| {
        let text = text.trim();
        text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok()
    };
    let order = match (plain(value), plain(limit)) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        _ => Some(value.trim().cmp(limit)),
    };
    order.is_some_and(|order| if less { order.is_lt() } else { order.is_gt() })
}
