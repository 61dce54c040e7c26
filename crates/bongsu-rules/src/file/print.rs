//! Groups back to the text they are read from, and in the one form of all that mean the same.
//!
//! In: a group. Out: YAML as ruler APIs take it. Reading it back gives the same group; keys without
//! effect and the places of everything are not kept. What is sent with questions may be a credential:
//! whoever shows a group takes it [`masked`].

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::time_interval::TimeInterval;
use bongsu_lang::yaml::{self, Value};
use bongsu_model::Secret;
use bongsu_promql::{Expr, ExprKind};

use super::alarm::OPERATORS;
use super::condition::{DIRECTIONS, MISSING, STATISTICS};
use super::group::{LANGUAGES, PARTIAL_RESPONSES};
use super::policy::{NO_DATA, ON_ERROR};
use crate::condition::alarm::{MetricAlarm, TreatMissing};
use crate::condition::{Alarm, Condition, Events, Statistic};
use crate::expression::split_comparison;
use crate::rule::{Group, Language, Policy, Recover, Rule, RuleKind};

/// A group as ruler APIs take it: a mapping with its name and its rules.
pub fn to_yaml(group: &Group) -> String {
    yaml::emit(&to_value(group))
}

/// As [`to_yaml`], before it is text.
pub fn to_value(group: &Group) -> Value {
    let options = &group.options;
    let mut out = Mapping::default();
    out.text("name", &group.name);
    out.some("interval", group.interval.map(duration::print));
    out.some("query_offset", group.query_offset.map(duration::print));
    out.some("limit", (group.limit > 0).then_some(Value::Uint(group.limit as u64)));
    out.texts("labels", &group.labels);
    out.some("datasource", group.datasource.as_deref());
    if options.language != Language::default() {
        out.some("type", word(LANGUAGES, options.language));
    }
    let partial = options.partial_response;
    out.some("partial_response_strategy", partial.and_then(|_| word(PARTIAL_RESPONSES, partial)));
    out.list("source_tenants", &options.source_tenants);
    out.some("tenant", options.tenant.as_deref());
    out.some("align_evaluation_time_on_interval", options.align.then_some(true));
    out.some("eval_offset", options.eval_offset.map(signed));
    out.some("params", params(&options.params));
    let headers: Vec<String> =
        options.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose())).collect();
    out.list("headers", &headers);
    out.put("rules", Value::List(group.rules.iter().map(rule).collect()));
    out.into()
}

/// The group with `<secret>` for whatever is sent with its questions.
#[must_use]
pub fn masked(mut group: Group) -> Group {
    let options = &mut group.options;
    for (_, value) in options.params.iter_mut().chain(&mut options.headers) {
        *value = Secret::new(value.to_string());
    }
    group
}

/// The [`masked`] form that all groups have that mean the same: expressions as PromQL prints them, comparisons
/// with the number on their right, labels of the group in its rules.
#[must_use]
pub fn canonical(group: &Group) -> Group {
    let mut group = masked(Group { labels: BTreeMap::new(), place: None, ..group.clone() });
    let plain = group.options.language == Language::PromQl;
    for rule in &mut group.rules {
        (rule.place, rule.expr_place) = (None, None);
        if plain {
            rule.expr = canonical_expr(&rule.expr);
            if let Some(Condition::Threshold { expr, .. }) = &mut rule.condition {
                *expr = canonical_expr(expr);
            }
        }
        if let Some(Recover::Expr(text)) = &mut rule.policy.recover {
            *text = canonical_expr(text);
        }
    }
    group
}

/// Text that is no PromQL stays as it is.
fn canonical_expr(text: &str) -> String {
    let Ok(expr) = bongsu_promql::parse(text) else { return text.to_owned() };
    let Some(split) = split_comparison(&expr) else { return expr.inner().to_string() };
    format!("{} {}", operand(split.value), split.comparison)
}

fn operand(expr: &Expr) -> String {
    let inner = expr.inner();
    match inner.kind {
        ExprKind::Binary { .. } | ExprKind::Unary { .. } => format!("({inner})"),
        _ => inner.to_string(),
    }
}

/// What a group says that other programs of the family do not read: names of keys, each once.
pub fn beyond_family(group: &Group) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut note = |key: &str| {
        if !found.iter().any(|known| known == key) {
            found.push(key.to_owned());
        }
    };
    let Value::Map(pairs) = to_value(group) else { return Vec::new() };
    const GROUP: &[&str] = &[
        "name",
        "interval",
        "query_offset",
        "limit",
        "labels",
        "type",
        "source_tenants",
        "align_evaluation_time_on_interval",
        "rules",
    ];
    const RULE: &[&str] =
        &["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
    let keys = |pairs: &[(Value, Value)]| -> Vec<String> {
        pairs.iter().filter_map(|(key, _)| Some(key.as_str()?.to_owned())).collect()
    };
    for key in keys(&pairs).iter().filter(|key| !GROUP.contains(&key.as_str())) {
        note(key);
    }
    for one in &group.rules {
        let Value::Map(pairs) = rule(one) else { continue };
        for key in keys(&pairs).iter().filter(|key| !RULE.contains(&key.as_str())) {
            note(key);
        }
    }
    found
}

/// A mapping while it is filled; what is left open or empty is left out.
#[derive(Default)]
struct Mapping(Vec<(Value, Value)>);

impl Mapping {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.push((Value::from(key), value.into()));
    }

    fn some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.put(key, text);
        }
    }

    fn length(&mut self, key: &str, length: Duration) {
        if !length.is_zero() {
            self.put(key, duration::print(length));
        }
    }

    fn texts(&mut self, key: &str, texts: &BTreeMap<String, String>) {
        if !texts.is_empty() {
            let pairs = texts.iter().map(|(k, v)| (Value::from(&**k), Value::from(&**v)));
            self.put(key, Value::Map(pairs.collect()));
        }
    }

    fn list(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            let items = texts.iter().map(|text| Value::from(text.as_str()));
            self.put(key, Value::List(items.collect()));
        }
    }

    fn events(&mut self, events: &Events) {
        self.text("index", &events.index);
        self.text("query", &events.query);
        self.length("window", events.window);
        self.length("delay", events.delay);
        self.list("group_by", &events.group_by);
    }
}

impl From<Mapping> for Value {
    fn from(mapping: Mapping) -> Self {
        Self::Map(mapping.0)
    }
}

/// A whole number as one.
pub(crate) fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        Value::Int(number as i64)
    } else {
        Value::Float(number)
    }
}

/// The word of a value, of several the first.
fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> Option<&'static str> {
    words.iter().find(|(_, known)| *known == value).map(|(word, _)| *word)
}

fn signed(nanoseconds: i64) -> String {
    let length = duration::print(Duration::from_nanos(nanoseconds.unsigned_abs()));
    if nanoseconds < 0 { format!("-{length}") } else { length }
}

fn params(params: &[(String, Secret)]) -> Option<Value> {
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    for (name, text) in params {
        let text = Value::from(text.expose());
        match pairs.iter_mut().find(|(key, _)| key.as_str() == Some(name)) {
            Some((_, Value::List(texts))) => texts.push(text),
            _ => pairs.push((Value::from(name.as_str()), Value::List(vec![text]))),
        }
    }
    (!pairs.is_empty()).then_some(Value::Map(pairs))
}

fn rule(rule: &Rule) -> Value {
    let mut out = Mapping::default();
    out.put(if rule.kind.is_alerting() { "alert" } else { "record" }, rule.name.as_str());
    match &rule.condition {
        Some(condition) => out.put(name(condition), parts(condition)),
        None => out.put("expr", rule.expr.as_str()),
    }
    if let RuleKind::Alerting { hold, keep_firing, .. } = &rule.kind {
        out.length("for", *hold);
        out.length("keep_firing_for", *keep_firing);
    }
    policy(&rule.policy, &mut out);
    out.texts("labels", &rule.labels);
    if let RuleKind::Alerting { annotations, .. } = &rule.kind {
        out.texts("annotations", annotations);
    }
    out.into()
}

fn policy(policy: &Policy, out: &mut Mapping) {
    let Policy { no_data, on_error, datapoints, recover, active_times, disabled } = policy;
    if *no_data != Default::default() {
        out.some("no_data", word(NO_DATA, *no_data));
    }
    if *on_error != Default::default() {
        out.some("on_error", word(ON_ERROR, *on_error));
    }
    if let Some(datapoints) = datapoints {
        let mut pair = Mapping::default();
        pair.put("breaching", Value::Uint(datapoints.breaching.into()));
        pair.put("of", Value::Uint(datapoints.of.into()));
        out.put("datapoints", pair);
    }
    match recover {
        None => {}
        Some(Recover::When(comparison)) => out.put("recover", comparison.to_string()),
        Some(Recover::Expr(text)) => out.put("recover", text.as_str()),
    }
    if !active_times.is_empty() {
        out.put("active_times", Value::List(active_times.iter().map(interval).collect()));
    }
    out.some("enabled", disabled.then_some(false));
}

fn interval(interval: &TimeInterval) -> Value {
    fn ranges<T: ToString>(key: &str, ranges: &Option<Vec<T>>, out: &mut Mapping) {
        let texts = |ranges: &Vec<T>| ranges.iter().map(|r| Value::from(r.to_string())).collect();
        out.some(key, ranges.as_ref().map(|ranges| Value::List(texts(ranges))));
    }
    let mut out = Mapping::default();
    let times = interval.times.as_ref().map(|times| {
        let pair = |time: &bongsu_lang::time_interval::TimeRange| {
            let mut pair = Mapping::default();
            pair.put("start_time", time.start_text());
            pair.put("end_time", time.end_text());
            pair.into()
        };
        Value::List(times.iter().map(pair).collect())
    });
    out.some("times", times);
    ranges("weekdays", &interval.weekdays, &mut out);
    ranges("days_of_month", &interval.days_of_month, &mut out);
    ranges("months", &interval.months, &mut out);
    ranges("years", &interval.years, &mut out);
    out.some("location", interval.location.as_ref().map(ToString::to_string));
    out.into()
}

/// The key of a condition.
fn name(condition: &Condition) -> &'static str {
    match condition {
        Condition::Frequency { .. } => "frequency",
        Condition::Spike { .. } => "spike",
        Condition::Flatline { .. } => "flatline",
        Condition::NewTerm { .. } => "new_term",
        Condition::Cardinality { .. } => "cardinality",
        Condition::Metric { .. } => "metric",
        Condition::Percentage { .. } => "percentage",
        Condition::Threshold { .. } => "threshold",
        Condition::Composite { .. } => "composite",
        Condition::Alarm(_) => "alarm",
    }
}

/// What stands under the key of a condition.
fn parts(condition: &Condition) -> Value {
    let mut out = Mapping::default();
    let at_least = |out: &mut Mapping, key: &str, least: f64| {
        out.some(key, (least != 0.0).then(|| number(least)));
    };
    match condition {
        Condition::Frequency { events, threshold } => {
            out.events(events);
            out.put("threshold", threshold.to_string());
        }
        Condition::Spike { events, reference, factor, direction, min_reference, min_current } => {
            out.events(events);
            out.put("reference", duration::print(*reference));
            out.put("factor", number(*factor));
            out.some("direction", word(DIRECTIONS, *direction));
            at_least(&mut out, "min_reference", *min_reference);
            at_least(&mut out, "min_current", *min_current);
        }
        Condition::Flatline { events, below, forget_after } => {
            out.events(events);
            out.put("below", number(*below));
            out.some("forget_after", forget_after.map(duration::print));
        }
        Condition::NewTerm { events, fields, history } => {
            out.events(events);
            out.list("fields", fields);
            out.put("history", duration::print(*history));
        }
        Condition::Cardinality { events, field, threshold } => {
            out.events(events);
            out.text("field", field);
            out.put("threshold", threshold.to_string());
        }
        Condition::Metric { events, field, statistic, threshold, min_events } => {
            out.events(events);
            out.text("field", field);
            match statistic {
                Statistic::Percentile(percent) => {
                    out.put("statistic", "percentile");
                    out.put("percentile", number(*percent));
                }
                other => out.some("statistic", word(STATISTICS, *other)),
            }
            out.put("threshold", threshold.to_string());
            at_least(&mut out, "min_events", *min_events);
        }
        Condition::Percentage { events, matching, threshold, min_events } => {
            out.events(events);
            out.text("matching", matching);
            out.put("threshold", threshold.to_string());
            at_least(&mut out, "min_events", *min_events);
        }
        Condition::Threshold { expr, threshold, missing } => {
            out.text("expr", expr);
            out.put("op", threshold.op.as_str());
            out.put("value", number(threshold.value));
            out.some("missing", word(MISSING, *missing));
        }
        Condition::Composite { when } => out.put("when", when.to_string()),
        Condition::Alarm(Alarm::Composite(rule)) => out.put("AlarmRule", rule.to_string()),
        Condition::Alarm(Alarm::Metric(alarm)) => metric_alarm(alarm, &mut out),
    }
    out.into()
}

/// An alarm over a metric, in the form that all of them can be written in.
fn metric_alarm(alarm: &MetricAlarm, out: &mut Mapping) {
    let MetricAlarm { queries, id: _, period, periods, to_alarm, threshold, missing } = alarm;
    out.put("Metrics", Value::from_json(queries));
    out.put("Period", Value::Int(*period));
    out.put("EvaluationPeriods", Value::Uint(*periods as u64));
    out.put("DatapointsToAlarm", Value::Uint(*to_alarm as u64));
    out.put("Threshold", number(threshold.value));
    out.some("ComparisonOperator", word(OPERATORS, threshold.op));
    out.some("TreatMissingData", word(&TreatMissing::ALL, *missing));
}
