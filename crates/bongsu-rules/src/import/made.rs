//! Documents of kind `RuleGroup`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::yaml::{self, Value};

/// A group.
#[derive(Default)]
pub(super) struct NativeGroup {
    pub(super) name: String,
    pub(super) interval: Option<Duration>,
    pub(super) datasource: Option<String>,
    /// What expressions are written in, if it is not PromQL.
    pub(super) language: Option<&'static str>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) limit: u64,
    pub(super) rules: Vec<NativeRule>,
}

/// A rule.
#[derive(Default)]
pub(super) struct NativeRule {
    pub(super) name: String,
    /// A recording instead of an alert.
    pub(super) records: bool,
    pub(super) condition: Condition,
    pub(super) hold: Option<Duration>,
    pub(super) keep_firing: Option<Duration>,
    pub(super) no_data: Option<&'static str>,
    pub(super) on_error: Option<&'static str>,
    /// A comparison that ends it.
    pub(super) recover: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// What is asked: the kind's key and what stands under it.
pub(super) struct Condition {
    kind: &'static str,
    value: Value,
}

impl Default for Condition {
    fn default() -> Self {
        Self::expr("")
    }
}

impl Condition {
    pub(super) fn expr(text: impl Into<String>) -> Self {
        Self { kind: "expr", value: Value::Text(text.into()) }
    }

    /// An empty one of a kind, to be filled.
    pub(super) fn of(kind: &'static str) -> Self {
        Self { kind, value: Value::Map(Vec::new()) }
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Value::Map(pairs) = &mut self.value {
            pairs.push((Value::from(key), value.into()));
        }
        self
    }

    /// As [`Condition::with`]; what is empty is left out.
    pub(super) fn with_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    pub(super) fn with_list(self, key: &str, items: &[String]) -> Self {
        if items.is_empty() {
            return self;
        }
        self.with(key, Value::List(items.iter().map(|item| Value::from(item.as_str())).collect()))
    }

    pub(super) fn with_length(self, key: &str, length: Option<Duration>) -> Self {
        self.with_some(key, length.map(duration::print))
    }

    pub(super) fn with_number(self, key: &str, number: Option<f64>) -> Self {
        self.with_some(key, number.map(crate::file::number))
    }
}

fn texts(map: &BTreeMap<String, String>) -> Value {
    let pairs = map.iter();
    Value::Map(pairs.map(|(k, v)| (Value::from(k.as_str()), Value::from(v.as_str()))).collect())
}

impl NativeRule {
    fn to_value(&self) -> Value {
        let mut pairs = Vec::new();
        let mut put = |key: &str, value: Value| pairs.push((Value::from(key), value));
        let key = if self.records { "record" } else { "alert" };
        put(key, Value::from(self.name.as_str()));
        put(self.condition.kind, self.condition.value.clone());
        for (key, length) in [("for", self.hold), ("keep_firing_for", self.keep_firing)] {
            if let Some(length) = length.filter(|length| !length.is_zero()) {
                put(key, Value::from(duration::print(length)));
            }
        }
        for (key, word) in [("no_data", self.no_data), ("on_error", self.on_error)] {
            if let Some(word) = word {
                put(key, Value::from(word));
            }
        }
        if let Some(recover) = &self.recover {
            put("recover", Value::from(recover.as_str()));
        }
        for (key, map) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !map.is_empty() {
                put(key, texts(map));
            }
        }
        Value::Map(pairs)
    }
}

impl NativeGroup {
    pub(super) fn to_yaml(&self) -> String {
        // What stands before a slash would be a namespace.
        let metadata = vec![(Value::from("name"), Value::from(self.name.replace('/', "-")))];
        let mut spec = Vec::new();
        let mut put = |key: &str, value: Value| spec.push((Value::from(key), value));
        if let Some(interval) = self.interval.filter(|interval| !interval.is_zero()) {
            put("interval", Value::from(duration::print(interval)));
        }
        if let Some(name) = &self.datasource {
            put("datasource", Value::from(name.as_str()));
        }
        if let Some(language) = self.language {
            put("type", Value::from(language));
        }
        if self.limit > 0 {
            put("limit", Value::Uint(self.limit));
        }
        if !self.labels.is_empty() {
            put("labels", texts(&self.labels));
        }
        put("rules", Value::List(self.rules.iter().map(NativeRule::to_value).collect()));
        yaml::emit(&Value::Map(vec![
            (Value::from("apiVersion"), Value::from("bongsu.io/v1")),
            (Value::from("kind"), Value::from("RuleGroup")),
            (Value::from("metadata"), Value::Map(metadata)),
            (Value::from("spec"), Value::Map(spec)),
        ]))
    }
}

/// Groups of one file are told apart by their names.
pub(super) fn unique_names(groups: &mut [NativeGroup]) {
    let mut seen = BTreeSet::new();
    for group in groups {
        let plain = group.name.clone();
        let mut number = 2;
        while !seen.insert(group.name.clone()) {
            group.name = format!("{plain}-{number}");
            number += 1;
        }
    }
}
