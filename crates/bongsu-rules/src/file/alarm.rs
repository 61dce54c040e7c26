//! `alarm`: an alarm of CloudWatch under the names that `describe-alarms` and `put-metric-alarm` have.

use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};
use serde_json::{Value, json};

use super::items;
use super::reader::Reader;
use crate::codes;
use crate::condition::alarm::{CompositeRule, MetricAlarm, TreatMissing, single_query};
use crate::condition::{Alarm, Comparison, Operator};

/// What of an alarm is its condition.
pub(crate) const KEYS: &[&str] = &[
    "AlarmRule",
    "Namespace",
    "MetricName",
    "Dimensions",
    "Statistic",
    "ExtendedStatistic",
    "Unit",
    "Period",
    "Metrics",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ThresholdMetricId",
    "ComparisonOperator",
    "TreatMissingData",
];

/// Queries of one alarm.
const MOST_METRICS: usize = 30;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("GreaterThanThreshold", Operator::Greater),
    ("GreaterThanOrEqualToThreshold", Operator::GreaterOrEqual),
    ("LessThanThreshold", Operator::Less),
    ("LessThanOrEqualToThreshold", Operator::LessOrEqual),
];

const STATISTICS: &[&str] = &["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

/// Comparisons with a band of expected values.
const BANDS: &[&str] = &[
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];

/// What is said of alarms on such a band.
const BAND: &str = "its threshold is a band of expected values (anomaly detection), which \
                               cannot be evaluated here: CloudWatch does not give the model away";

/// Reads the value of `alarm`.
pub(super) fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Alarm> {
    let before = reader.faults();
    let mut written = Written::default();
    reader.fields(node, "alarm", KEYS, |key, value, reader| written.take(key, value, reader));
    if reader.faults() != before {
        return None;
    }
    match written.alarm() {
        Ok(alarm) => Some(alarm),
        Err(message) => {
            reader.fault(codes::RULE, node, format!("alarm: {message}"));
            None
        }
    }
}

#[derive(Default)]
struct Written {
    rule: Option<CompositeRule>,
    namespace: Option<String>,
    metric: Option<String>,
    dimensions: Vec<Value>,
    statistic: Option<String>,
    unit: Option<String>,
    period: Option<f64>,
    metrics: Vec<Value>,
    periods: Option<f64>,
    to_alarm: Option<f64>,
    threshold: Option<f64>,
    operator: Option<Operator>,
    missing: Option<TreatMissing>,
}

impl Written {
    fn take(&mut self, key: &str, value: &Arc<Node>, reader: &mut Reader) {
        let said = |reader: &mut Reader| reader.text(value).filter(|text| !text.is_empty());
        match key {
            "AlarmRule" => {
                let text = reader.text(value).unwrap_or_default();
                let rule = CompositeRule::parse(&text);
                self.rule = rule.map_err(|why| reader.fault(codes::RULE, value, why)).ok();
            }
            "Namespace" => self.namespace = said(reader),
            "MetricName" => self.metric = said(reader),
            "Dimensions" => self.dimensions = dimensions(value, reader),
            "Statistic" => {
                let words: Vec<(&str, &str)> =
                    STATISTICS.iter().map(|word| (*word, *word)).collect();
                self.statistic = reader.word(value, &words).map(str::to_owned);
            }
            "ExtendedStatistic" => self.statistic = said(reader),
            "Unit" => self.unit = said(reader),
            "Period" => self.period = reader.number(value),
            "Metrics" => self.metrics = metrics(value, reader),
            "EvaluationPeriods" => self.periods = reader.number(value),
            "DatapointsToAlarm" => self.to_alarm = reader.number(value),
            "Threshold" => self.threshold = reader.number(value),
            "ComparisonOperator" if BANDS.iter().any(|band| value.text() == Some(*band)) => {
                reader.fault(codes::RULE, value, format!("alarm: {BAND}"));
            }
            "ThresholdMetricId" => reader.fault(codes::RULE, value, format!("alarm: {BAND}")),
            "ComparisonOperator" => self.operator = reader.word(value, OPERATORS),
            _ => self.missing = reader.word(value, &TreatMissing::ALL),
        }
    }

    fn alarm(self) -> Result<Alarm, String> {
        if let Some(rule) = self.rule {
            if self.namespace.is_some() || !self.metrics.is_empty() {
                return Err("either AlarmRule or a metric must be set".to_owned());
            }
            return Ok(Alarm::Composite(rule));
        }
        let periods = self.periods.ok_or("EvaluationPeriods must be set")?;
        let value = self.threshold.ok_or("Threshold must be set")?;
        let op = self.operator.ok_or("ComparisonOperator must be set")?;
        let to_alarm = self.to_alarm.unwrap_or(periods);
        if !(1.0..=periods).contains(&to_alarm) || to_alarm.fract() != 0.0 || periods.fract() != 0.0
        {
            return Err("1 <= DatapointsToAlarm <= EvaluationPeriods is wanted".to_owned());
        }
        // CloudWatch treats these so whatever an alarm says.
        let is_table = self.namespace.as_deref() == Some("AWS/DynamoDB");
        let missing = if is_table { Some(TreatMissing::Ignore) } else { self.missing };
        let (queries, id, period) = if self.metrics.is_empty() {
            let period = self.period.ok_or("Period must be set")?;
            let metric = json!({
                "Namespace": self.namespace.ok_or("Namespace must be set")?,
                "MetricName": self.metric.ok_or("MetricName must be set")?,
                "Dimensions": self.dimensions,
            });
            let statistic = self.statistic.ok_or("Statistic or ExtendedStatistic must be set")?;
            let unit = self.unit.as_deref();
            (single_query(&metric, period as i64, &statistic, unit), "m1".to_owned(), period)
        } else if self.namespace.is_some() || self.metric.is_some() {
            return Err("either Metrics or MetricName must be set".to_owned());
        } else {
            let (id, period) = returned(&self.metrics)?;
            (Value::Array(self.metrics), id, period.or(self.period).ok_or("a Period must be set")?)
        };
        MetricAlarm::check_range(period, periods)?;
        Ok(Alarm::Metric(Box::new(MetricAlarm {
            queries,
            id,
            period: period as i64,
            periods: periods as usize,
            to_alarm: to_alarm as usize,
            threshold: Comparison { op, value },
            missing: missing.unwrap_or_default(),
        })))
    }
}

/// The one query that returns data, and its period.
fn returned(metrics: &[Value]) -> Result<(String, Option<f64>), String> {
    let returns = |query: &&Value| query["ReturnData"].as_bool().unwrap_or(true);
    let own = |query: &Value| query["Period"].as_f64().or(query["MetricStat"]["Period"].as_f64());
    let mut returning = metrics.iter().filter(returns);
    let (Some(query), None) = (returning.next(), returning.next()) else {
        return Err("one of Metrics must return data (ReturnData)".to_owned());
    };
    let longest = metrics.iter().filter_map(own).fold(None, |longest: Option<f64>, period| {
        Some(longest.map_or(period, |longest| longest.max(period)))
    });
    let id = query["Id"].as_str().ok_or("each of Metrics needs an Id")?;
    Ok((id.to_owned(), own(query).or(longest)))
}

/// `[{Name, Value}]`, as both take it.
fn dimensions(node: &Arc<Node>, reader: &mut Reader) -> Vec<Value> {
    let mut dimensions = Vec::new();
    for item in items(node, reader) {
        let (mut name, mut value) = (String::new(), String::new());
        reader.fields(item, "Dimensions", &["Name", "Value"], |key, node, reader| {
            let text = reader.text(node).unwrap_or_default();
            *(if key == "Name" { &mut name } else { &mut value }) = text;
        });
        dimensions.push(json!({"Name": name, "Value": value}));
    }
    dimensions
}

/// `MetricDataQueries` as they are given; CloudWatch judges them.
fn metrics(node: &Arc<Node>, reader: &mut Reader) -> Vec<Value> {
    let list = items(node, reader);
    if list.len() > MOST_METRICS {
        reader.fault(codes::RULE, node, format!("at most {MOST_METRICS} metrics in one alarm"));
        return Vec::new();
    }
    for item in list {
        if !matches!(item.kind, Kind::Mapping(_)) {
            reader.mistype(item, "a mapping");
        }
        let expression = item.get("Expression").and_then(|text| text.text()).unwrap_or_default();
        if expression.contains("ANOMALY_DETECTION_BAND") {
            reader.fault(codes::RULE, item, format!("alarm: {BAND}"));
        }
    }
    list.iter().map(|item| as_given(item, "")).collect()
}

/// As JSON, in which only these are no texts: a metric may be called `on`, a dimension have the value 1.
fn as_given(node: &Node, key: &str) -> Value {
    match &node.kind {
        Kind::Mapping(entries) => {
            let pairs = entries.iter().map(|entry| {
                let key = entry.key.text().unwrap_or_default();
                (key.to_owned(), as_given(&entry.value, key))
            });
            Value::Object(pairs.collect())
        }
        Kind::Sequence(items) => items.iter().map(|item| as_given(item, "")).collect(),
        Kind::Scalar { text, .. } if !matches!(key, "Period" | "ReturnData") && !node.is_null() => {
            Value::from(&**text)
        }
        Kind::Scalar { .. } => node.to_value().to_json(),
    }
}
