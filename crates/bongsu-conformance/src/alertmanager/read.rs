//! Reading of the shapes that many fixture files share, and comparison of the answer.

use std::sync::Arc;

use bongsu_config::alertmanager::{self, Config};
use bongsu_lang::Mode;
use bongsu_model::{Labels, MatchOp, Matcher, Matchers, Source, Timestamp};
use jiff::SignedDuration;
use serde_json::Value;

use crate::report::Verdict;

/// Passed if both are equal as JSON data.
pub(super) fn equal(expected: &Value, got: &Value) -> Verdict {
    if expected == got {
        Verdict::Passed
    } else {
        Verdict::Failed(format!("want {expected}, got {got}"))
    }
}

/// An object of strings.
pub(super) fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    Labels::from_pairs(pairs.map(|(name, value)| (name, value.as_str().unwrap_or_default())))
}

/// A list of strings.
pub(super) fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// `=`, `!=`, `=~`, `!~`.
pub(super) fn op(value: &Value) -> Result<MatchOp, String> {
    [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]
        .into_iter()
        .find(|op| value == op.as_str())
        .ok_or_else(|| format!("unknown matcher type {value}"))
}

/// `{name, op, value}`.
pub(super) fn matcher(value: &Value) -> Result<Matcher, String> {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    Matcher::new(text("name"), op(&value["op"])?, text("value")).map_err(|e| e.to_string())
}

/// A list of `{name, op, value}`.
pub(super) fn matchers(value: &Value) -> Result<Matchers, String> {
    value.as_array().into_iter().flatten().map(matcher).collect::<Result<_, _>>().map(Matchers)
}

/// Seconds from an arbitrary whole second.
pub(super) fn seconds(value: &Value) -> Option<Timestamp> {
    let origin = Timestamp::from_second(1_700_000_000).ok()?;
    origin.checked_add(SignedDuration::try_from_secs_f64(value.as_f64()?).ok()?).ok()
}

/// RFC 3339.
pub(super) fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// A configuration and what it says about routing.
pub(super) fn config(text: &str) -> Result<Config, String> {
    let source = Source { name: "alertmanager.yml".to_owned(), text: text.to_owned() };
    alertmanager::load(Arc::new(source), None, Mode::Fallback)
        .map(|(config, _)| config)
        .map_err(|found| found.into_iter().next().map(|first| first.message).unwrap_or_default())
}

/// A configuration with one receiver, `r`, and these top-level parts.
pub(super) fn config_with(parts: &str) -> Result<Config, String> {
    config(&format!("route:\n  receiver: r\nreceivers:\n- name: r\n{parts}"))
}

/// A YAML text, put below a key that stands `columns` further left.
pub(super) fn indented(yaml: &str, columns: usize) -> String {
    let lines = yaml.lines().filter(|line| *line != "---");
    lines.map(|line| format!("{}{line}\n", " ".repeat(columns))).collect()
}
