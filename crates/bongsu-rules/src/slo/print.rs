//! Rules of service levels as a rule file.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::yaml::{self, Value};

use super::Slos;
use crate::rule::{Group, Rule, RuleKind};

impl Slos {
    /// The groups as a rule file of Prometheus; a data source is written as Bongsu reads it.
    pub fn to_yaml(&self) -> String {
        let groups = self.groups.iter().map(group).collect();
        yaml::emit(&map([("groups", Some(Value::List(groups)))]))
    }
}

fn map<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Value {
    let pairs = pairs.into_iter().filter_map(|(key, value)| Some((Value::from(key), value?)));
    Value::Map(pairs.collect())
}

fn group(group: &Group) -> Value {
    map([
        ("name", Some(Value::from(&*group.name))),
        ("interval", group.interval.and_then(length)),
        ("limit", (group.limit > 0).then_some(Value::Uint(group.limit as u64))),
        ("datasource", group.datasource.as_deref().map(Value::from)),
        ("rules", Some(Value::List(group.rules.iter().map(rule).collect()))),
    ])
}

fn rule(rule: &Rule) -> Value {
    let name = Some(Value::from(&*rule.name));
    let expr = Some(Value::from(&*rule.expr));
    match &rule.kind {
        RuleKind::Recording => {
            map([("record", name), ("expr", expr), ("labels", texts(&rule.labels))])
        }
        RuleKind::Alerting { hold, keep_firing, annotations } => map([
            ("alert", name),
            ("expr", expr),
            ("for", length(*hold)),
            ("keep_firing_for", length(*keep_firing)),
            ("labels", texts(&rule.labels)),
            ("annotations", texts(annotations)),
        ]),
    }
}

fn length(length: Duration) -> Option<Value> {
    (!length.is_zero()).then(|| Value::from(duration::print(length)))
}

fn texts(texts: &BTreeMap<String, String>) -> Option<Value> {
    let pairs = texts.iter().map(|(key, text)| (Value::from(&**key), Value::from(&**text)));
    (!texts.is_empty()).then(|| Value::Map(pairs.collect()))
}
