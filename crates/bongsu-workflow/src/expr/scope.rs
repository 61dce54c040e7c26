//! The values a text or expression may use.
//!
//! In: JSON under names. Out: what stands under a path. Aliases of Keep are known: `event` is
//! `alert`, `actions` is `steps`, `steps.this` the step that ran last, `item` is `foreach.value`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bongsu_model::Timestamp;
use serde_json::Value;

use super::{Found, Path};

/// What functions may ask beyond the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The instant of the step.
    pub now: Timestamp,
    /// When the alert of the run fired before, if it did: `keep.is_first_time`.
    pub fired_before: Option<Timestamp>,
}

#[derive(Clone, Debug)]
enum Frame<'a> {
    Named(&'a str, Cow<'a, Value>),
    /// The fields of a map, or the value itself under `.`: inside a section.
    Open(Cow<'a, Value>),
}

/// Names with values; later ones hide earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Scope<'a> {
    frames: Vec<Frame<'a>>,
    latest: Option<&'a str>,
    /// What functions may ask.
    pub facts: Facts,
}

impl<'a> Scope<'a> {
    /// Nothing but facts.
    pub fn new(facts: Facts) -> Self {
        Self { frames: Vec::new(), latest: None, facts }
    }

    /// Names a value.
    pub fn set(&mut self, name: &'a str, value: &'a Value) {
        self.frames.push(Frame::Named(name, Cow::Borrowed(value)));
    }

    /// Names a value that was made for this scope.
    pub fn give(&mut self, name: &'a str, value: Value) {
        self.frames.push(Frame::Named(name, Cow::Owned(value)));
    }

    /// Names the step that ran last.
    pub fn latest(&mut self, step: &'a str) {
        self.latest = Some(step);
    }

    pub(crate) fn open(&mut self, value: Cow<'a, Value>) {
        self.frames.push(Frame::Open(value));
    }

    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(crate) fn cut(&mut self, len: usize) {
        self.frames.truncate(len);
    }

    /// What a name stands for, before aliases.
    fn named(&self, name: &str) -> Option<&Value> {
        self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Named(known, value) => (*known == name).then_some(&**value),
            Frame::Open(value) if name == "." => Some(&**value),
            Frame::Open(value) => value.get(name),
        })
    }

    fn root(&self, name: &str) -> Option<&Value> {
        self.named(name).or_else(|| match name {
            "event" => self.named("alert"),
            "actions" => self.named("steps"),
            "item" => self.named("foreach")?.get("value"),
            _ => None,
        })
    }

    /// The value under a path. Below a step that was skipped everything is nothing.
    pub(crate) fn find(&self, path: &Path) -> Found<'_> {
        static NULL: Value = Value::Null;
        let Some(mut at) = self.root(&path.root) else { return Found::Missing(path.text()) };
        let of_steps = matches!(&*path.root, "steps" | "actions");
        let mut skipped = false;
        for (depth, key) in path.keys.iter().enumerate() {
            let key = match self.latest {
                Some(latest) if of_steps && depth == 0 && &**key == "this" => latest,
                _ => key,
            };
            match child(at, key) {
                Some(next) => at = next,
                // A key with dots in it, as labels of Kubernetes have.
                None if at.get(path.keys[depth..].join(".")).is_some() => {
                    let dotted = at.get(path.keys[depth..].join("."));
                    return Found::Value(Cow::Borrowed(dotted.unwrap_or(&NULL)));
                }
                None if skipped => return Found::Value(Cow::Borrowed(&NULL)),
                None => return Found::Missing(path.text()),
            }
            if of_steps && depth == 0 {
                skipped = at.get("skipped") == Some(&Value::Bool(true));
            }
        }
        Found::Value(Cow::Borrowed(at))
    }

    /// Names nearest to the last known part of a path, for messages.
    pub(crate) fn near(&self, path: &str) -> Option<String> {
        let mut at = None;
        let mut known = String::new();
        for key in path.split('.') {
            let next = match at {
                None => self.root(key),
                Some(value) => child(value, key),
            };
            let Some(next) = next else {
                let Some(Value::Object(map)) = at else { return None };
                let near = bongsu_lang::suggest::nearest(key, map.keys().map(String::as_str))?;
                return Some(format!("{known}.{near}"));
            };
            if !known.is_empty() {
                known.push('.');
            }
            known.push_str(key);
            at = Some(next);
        }
        None
    }

    /// All names at the top, for texts with blocks.
    pub(crate) fn all(&self) -> BTreeMap<&str, Cow<'_, Value>> {
        let mut all: BTreeMap<&str, Cow<'_, Value>> = BTreeMap::new();
        for frame in &self.frames {
            match frame {
                Frame::Named(name, value) => {
                    all.insert(name, Cow::Borrowed(&**value));
                }
                Frame::Open(value) => {
                    if let Value::Object(map) = &**value {
                        all.extend(map.iter().map(|(k, v)| (k.as_str(), Cow::Borrowed(v))));
                    }
                }
            }
        }
        for (alias, name) in [("event", "alert"), ("actions", "steps")] {
            if let Some(value) = all.get(name).cloned() {
                all.entry(alias).or_insert(value);
            }
        }
        if let Some(value) = all.get("foreach").and_then(|each| each.get("value")).cloned() {
            all.entry("item").or_insert(Cow::Owned(value));
        }
        all
    }
}

/// One step down: a key of a map; an index of a list, from its end if negative, or the name of a metric
/// among the series in it.
pub(super) fn child<'v>(of: &'v Value, key: &str) -> Option<&'v Value> {
    match of {
        Value::Object(map) => map.get(key),
        Value::Array(items) => match key.parse::<i64>() {
            Ok(at) => {
                let length = i64::try_from(items.len()).ok()?;
                items.get(usize::try_from(if at < 0 { at + length } else { at }).ok()?)
            }
            Err(_) => items.iter().find_map(|item| sample(item, key)),
        },
        _ => None,
    }
}

/// The last value of a series as Prometheus answers it, if it is that of a metric.
fn sample<'v>(series: &'v Value, metric: &str) -> Option<&'v Value> {
    if series.get("metric")?.get("__name__")?.as_str()? != metric {
        return None;
    }
    let last = || series.get("values")?.as_array()?.last();
    series.get("value").or_else(last)?.get(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::child;

    #[test]
    fn lists_know_their_metrics() {
        let series = json!([
            {"metric": {"__name__": "other"}, "value": [1, "7"]},
            {"metric": {"__name__": "up", "job": "a"}, "value": [1, "0"]},
            {"metric": {"__name__": "up", "job": "b"}, "value": [1, "1"]},
            {"metric": {"__name__": "load"}, "values": [[1, "2"], [2, "3"]]},
            {"metric": {"__name__": "none"}, "values": []},
            {"up": 1}, null,
        ]);
        assert_eq!(child(&series, "up"), Some(&json!("0")));
        assert_eq!(child(&series, "load"), Some(&json!("3")));
        assert_eq!(child(&series, "none"), None);
        assert_eq!(child(&series, "-2"), Some(&json!({"up": 1})));
        assert_eq!(child(&series, "job"), None);
    }
}
