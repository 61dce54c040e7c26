//! Alarms of CloudWatch: imported, and evaluated as CloudWatch does.
//!
//! In: the answer of `describe-alarms`. Out: groups of rules over the series that the exporter for
//! CloudWatch writes; alarms that a composite names are in its group.

mod composite;
mod evaluate;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_lang::yaml::{Kind, Node};

use super::made::{Condition, NativeGroup, NativeRule};
use super::{alert_name, dsl, left_out, lost, near};
use crate::slo::document::Reader;
pub use composite::CompositeRule;
pub use evaluate::{Datapoint, State, TreatMissing, evaluate};

/// Most evaluations a rule looks back on.
const MAX_DATAPOINTS: f64 = 64.0;

/// An alarm that can be imported.
struct Alarm<'n> {
    name: String,
    node: &'n Node,
    kind: AlarmKind,
}

enum AlarmKind {
    Metric { expr: String, period: f64 },
    Composite { rule: CompositeRule },
}

/// Groups by period; composites and what they name are one group.
pub(super) fn groups(reader: &mut Reader, node: &Node) -> Vec<NativeGroup> {
    let mut alarms = Vec::new();
    let lists = ["MetricAlarms", "CompositeAlarms"].map(|key| reader.items(node.get(key)));
    let alone: &[_] = match &node.kind {
        Kind::Sequence(items) => items,
        _ => &[],
    };
    let single = node.get("AlarmName").is_some().then_some(node);
    let nodes = lists.into_iter().flatten().chain(alone).map(|item| &**item).chain(single);
    for item in nodes {
        let name = item.get("AlarmName").and_then(|name| name.text()).unwrap_or("alarm");
        let alarm = match item.get("AlarmRule").and_then(|rule| rule.text()) {
            Some(rule) => composite_alarm(rule),
            None => metric_alarm(reader, item, name),
        };
        match alarm {
            Ok(kind) => alarms.push(Alarm { name: name.to_owned(), node: item, kind }),
            Err(why) => left_out(reader, item, name, &why),
        }
    }
    grouped(reader, &alarms)
}

fn composite_alarm(rule: &str) -> Result<AlarmKind, String> {
    Ok(AlarmKind::Composite { rule: CompositeRule::parse(rule)? })
}

fn grouped(reader: &mut Reader, alarms: &[Alarm<'_>]) -> Vec<NativeGroup> {
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for alarm in alarms {
        if let AlarmKind::Composite { rule } = &alarm.kind {
            named.insert(&alarm.name);
            named.extend(rule.alarms());
        }
    }
    let known: BTreeSet<&str> = alarms.iter().map(|alarm| alarm.name.as_str()).collect();
    let period = |alarm: &Alarm<'_>| match &alarm.kind {
        AlarmKind::Metric { period, .. } => Some(*period),
        AlarmKind::Composite { .. } => None,
    };
    let together = alarms.iter().filter(|alarm| named.contains(&*alarm.name));
    let shortest = together.filter_map(period).fold(f64::INFINITY, f64::min);
    let shortest = if shortest.is_finite() { shortest } else { 60.0 };
    // Composites come after what they name, as rules of a group see each other in order.
    let mut metrics = Vec::new();
    let mut composites = Vec::new();
    let mut groups: BTreeMap<u64, Vec<NativeRule>> = BTreeMap::new();
    for alarm in alarms {
        match &alarm.kind {
            AlarmKind::Metric { expr, period } if named.contains(&*alarm.name) => {
                metrics.push(metric_rule(reader, alarm, expr, *period, shortest));
            }
            AlarmKind::Metric { expr, period } => {
                let rule = metric_rule(reader, alarm, expr, *period, *period);
                groups.entry(*period as u64).or_default().push(rule);
            }
            AlarmKind::Composite { rule } => match when(rule, &known) {
                Ok(when) => composites.push(composite_rule(reader, alarm, &when)),
                Err(why) => left_out(reader, alarm.node, &alarm.name, &why),
            },
        }
    }
    metrics.extend(composites);
    let group = |name: String, period: f64, rules| NativeGroup {
        name,
        interval: Duration::try_from_secs_f64(period).ok(),
        rules,
        ..NativeGroup::default()
    };
    let mut all = vec![group("cloudwatch-composite".to_owned(), shortest, metrics)];
    all.extend(
        groups
            .into_iter()
            .map(|(period, rules)| group(format!("cloudwatch-{period}s"), period as f64, rules)),
    );
    all
}

/// The rule of a composite in the words of `composite.when`.
fn when(rule: &CompositeRule, known: &BTreeSet<&str>) -> Result<String, String> {
    let alarm = |name: &str| {
        // A name of an alarm may be the end of its ARN.
        let name = name.rsplit(":alarm:").next().unwrap_or(name);
        if known.contains(name) {
            Ok(alert_name(name))
        } else {
            Err(format!("the alarm {name} is not in this file, or could not be imported"))
        }
    };
    let join = |parts: &[CompositeRule], word: &str| {
        let parts: Result<Vec<String>, String> =
            parts.iter().map(|part| when(part, known)).collect();
        Ok::<_, String>(format!("({})", parts?.join(word)))
    };
    Ok(match rule {
        CompositeRule::Is(State::Alarm, name) => alarm(name)?,
        CompositeRule::Is(State::Ok, name) => format!("not {}", alarm(name)?),
        CompositeRule::Is(State::InsufficientData, _) | CompositeRule::Always(_) => {
            return Err("INSUFFICIENT_DATA, TRUE and FALSE have no counterpart".to_owned());
        }
        CompositeRule::Not(inner) => match when(inner, known)?.strip_prefix("not ") {
            Some(twice) => twice.to_owned(),
            None => format!("not {}", when(inner, known)?),
        },
        CompositeRule::All(parts) => join(parts, " and ")?,
        CompositeRule::Any(parts) => join(parts, " or ")?,
        CompositeRule::AtLeast { .. } => {
            return Err("AT_LEAST has no counterpart".to_owned());
        }
    })
}

fn composite_rule(reader: &mut Reader, alarm: &Alarm<'_>, when: &str) -> NativeRule {
    if let Some(suppressor) = alarm.node.get("ActionsSuppressor") {
        let help = "write an inhibit rule with the suppressor as its source";
        lost(reader, suppressor, &alarm.name, "the actions suppressor", help);
    }
    rule(reader, alarm, Condition::of("composite").with("when", dsl::unwrapped(when)))
}

fn metric_rule(
    reader: &mut Reader,
    alarm: &Alarm<'_>,
    expr: &str,
    period: f64,
    interval: f64,
) -> NativeRule {
    let node = alarm.node;
    let number = |reader: &mut Reader, key: &str| reader.number_at(node, key);
    let periods = number(reader, "EvaluationPeriods").unwrap_or(1.0).max(1.0);
    let to_alarm = number(reader, "DatapointsToAlarm").unwrap_or(periods).clamp(1.0, periods);
    let times = (period / interval).max(1.0).round();
    let (mut breaching, mut of) = (to_alarm * times, periods * times);
    if of > MAX_DATAPOINTS {
        near(reader, node, &alarm.name, "only the last 64 evaluations are looked at");
        breaching = (breaching * MAX_DATAPOINTS / of).ceil();
        of = MAX_DATAPOINTS;
    }
    let text = |key: &str| node.get(key).and_then(|node| node.text()).unwrap_or_default();
    let namespace = text("Namespace");
    let treat = TreatMissing::of(text("TreatMissingData")).unwrap_or_default();
    let treat = if namespace == "AWS/DynamoDB" { TreatMissing::Ignore } else { treat };
    let missing = match treat {
        TreatMissing::Missing | TreatMissing::Ignore => "ignore",
        TreatMissing::NotBreaching => "not_breaching",
        TreatMissing::Breaching => "breaching",
    };
    let told = !reader.items(node.get("InsufficientDataActions")).is_empty();
    let op = operator(text("ComparisonOperator")).unwrap_or(">");
    let threshold = number(reader, "Threshold");
    let mut condition = Condition::of("threshold")
        .with("expr", expr)
        .with("op", op)
        .with_number("value", threshold)
        .with("missing", missing);
    if of > 1.0 {
        use bongsu_lang::yaml::Value;
        let pair = |key: &str, value: f64| (Value::from(key), Value::Int(value as i64));
        let datapoints = Value::Map(vec![pair("breaching", breaching), pair("of", of)]);
        condition = condition.with("datapoints", datapoints);
    }
    if text("EvaluateLowSampleCountPercentile") == "ignore" {
        let help = "add a condition on the sample count to the expression";
        lost(reader, node, &alarm.name, "EvaluateLowSampleCountPercentile", help);
    }
    let mut rule = rule(reader, alarm, condition);
    rule.no_data = Some(match treat {
        TreatMissing::Missing if told => "no_data",
        TreatMissing::Missing | TreatMissing::NotBreaching => "ok",
        TreatMissing::Breaching => "firing",
        TreatMissing::Ignore => "keep",
    });
    rule
}

fn rule(reader: &mut Reader, alarm: &Alarm<'_>, condition: Condition) -> NativeRule {
    let node = alarm.node;
    let mut annotations = BTreeMap::new();
    if let Some(text) = reader.text_at(node, "AlarmDescription") {
        // A template of ours in a description is only text.
        annotations.insert("description".to_owned(), text.replace("{{", "{ {"));
    }
    let name = alert_name(&alarm.name);
    if name != alarm.name {
        annotations.insert("title".to_owned(), alarm.name.clone());
    }
    let mut labels = BTreeMap::new();
    let actions = reader.texts_at(node, "AlarmActions");
    let topics: Vec<&str> =
        actions.iter().map(|arn| arn.rsplit(':').next().unwrap_or(arn)).collect();
    if !topics.is_empty() {
        labels.insert("alarm_actions".to_owned(), topics.join(","));
        let message = "actions become the label alarm_actions; match it in a route";
        near(reader, node, &alarm.name, message);
    }
    if reader.flag_at(node, "ActionsEnabled") == Some(false) {
        labels.insert("actions_enabled".to_owned(), "false".to_owned());
    }
    NativeRule { name, condition, labels, annotations, ..NativeRule::default() }
}

fn operator(name: &str) -> Option<&'static str> {
    Some(match name {
        "GreaterThanThreshold" => ">",
        "GreaterThanOrEqualToThreshold" => ">=",
        "LessThanThreshold" => "<",
        "LessThanOrEqualToThreshold" => "<=",
        _ => return None,
    })
}

fn metric_alarm(reader: &mut Reader, node: &Node, name: &str) -> Result<AlarmKind, String> {
    let text = |key: &str| node.get(key).and_then(|node| node.text());
    if node.get("ThresholdMetricId").is_some_and(|id| !id.is_null()) {
        return Err("its threshold is a band of expected values (anomaly detection)".to_owned());
    }
    let comparison = text("ComparisonOperator").unwrap_or_default();
    if operator(comparison).is_none() {
        return Err(format!("the comparison {comparison:?} has no counterpart"));
    }
    if reader.number_at(node, "Threshold").is_none() {
        return Err("it has no threshold".to_owned());
    }
    let metrics = reader.items(node.get("Metrics"));
    let (expr, period) = if metrics.is_empty() {
        let statistic = text("ExtendedStatistic").or(text("Statistic"));
        let statistic = statistic.ok_or("it has no statistic")?;
        let period = reader.number_at(node, "Period").unwrap_or(60.0);
        (series(reader, node, statistic)?, period)
    } else {
        mathematics(reader, metrics)?
    };
    if !(1.0..=86_400.0).contains(&period) {
        return Err(format!("a period of {period} seconds has no counterpart"));
    }
    let message = "asks for the series that the exporter for CloudWatch writes";
    near(reader, node, name, message);
    Ok(AlarmKind::Metric { expr, period })
}

/// The selector of a metric as the exporter names it: `aws_sqs_…_maximum{queue_name="q"}`.
fn series(reader: &mut Reader, node: &Node, statistic: &str) -> Result<String, String> {
    let text = |key: &str| node.get(key).and_then(|node| node.text());
    let namespace = text("Namespace").ok_or("it has no namespace")?;
    let metric = text("MetricName").ok_or("it has no metric")?;
    let statistic = match statistic {
        "SampleCount" => "sample_count".to_owned(),
        other => snake(other),
    };
    let namespace = snake(&namespace.to_lowercase());
    let name = format!("{namespace}_{}_{statistic}", snake(metric));
    let mut matchers = Vec::new();
    for dimension in reader.items(node.get("Dimensions")) {
        let part = |key: &str| dimension.get(key).and_then(|node| node.text());
        if let (Some(name), Some(value)) = (part("Name"), part("Value")) {
            let mut quoted = String::new();
            let _ = bongsu_model::go_quote(value, &mut quoted);
            matchers.push(format!("{}={quoted}", snake(name)));
        }
    }
    Ok(match matchers.is_empty() {
        true => name,
        false => format!("{name}{{{}}}", matchers.join(",")),
    })
}

/// `QueueName` is `queue_name`, `p99.9` is `p99_9`.
fn snake(text: &str) -> String {
    let mut out = String::new();
    let mut before = '_';
    for c in text.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        before = c;
    }
    out
}

/// One metric, or sums, differences, products and quotients of several.
fn mathematics(
    reader: &mut Reader,
    metrics: &[std::sync::Arc<Node>],
) -> Result<(String, f64), String> {
    let mut parts: BTreeMap<String, String> = BTreeMap::new();
    let mut result = None;
    let mut period = None;
    for item in metrics {
        let id = item.get("Id").and_then(|id| id.text()).unwrap_or_default().to_owned();
        let returned = reader.flag_at(item, "ReturnData").unwrap_or(true);
        match item.get("MetricStat") {
            Some(stat) => {
                let statistic = stat.get("Stat").and_then(|stat| stat.text());
                let statistic = statistic.ok_or("a metric has no statistic")?;
                let metric = stat.get("Metric").ok_or("a MetricStat has no metric")?;
                let own = reader.number_at(stat, "Period").unwrap_or(60.0);
                period = Some(period.map_or(own, |known: f64| known.max(own)));
                let expr = series(reader, metric, statistic)?;
                if returned {
                    result = Some(expr.clone());
                }
                parts.insert(id, expr);
            }
            None if returned => {
                let expression = item.get("Expression").and_then(|text| text.text());
                let expression = expression.ok_or("a metric has no expression")?;
                result = Some(format!("\u{0}{expression}"));
            }
            None => return Err("an expression of an expression has no counterpart".to_owned()),
        }
    }
    let result = result.ok_or("no metric returns data")?;
    let period = period.ok_or("no metric has a period")?;
    // What begins with a NUL is an expression, as no selector does.
    match result.strip_prefix('\u{0}') {
        Some(expression) => Ok((arithmetic(expression, &parts)?, period)),
        None => Ok((result, period)),
    }
}

fn arithmetic(text: &str, parts: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
        let word = &rest[..end.unwrap_or(rest.len())];
        if word.is_empty() {
            if !matches!(first, '+' | '-' | '*' | '/' | '(' | ')' | ' ') {
                return Err(format!("the expression {text:?} is more than arithmetic"));
            }
            out.push(first);
            rest = &rest[1..];
            continue;
        }
        match parts.get(word) {
            // Metrics differ in their labels; a sum has none.
            Some(expr) => out.push_str(&format!("sum({expr})")),
            None if word.parse::<f64>().is_ok_and(f64::is_finite) => out.push_str(word),
            None => return Err(format!("{word} in the expression {text:?} has no counterpart")),
        }
        rest = &rest[word.len()..];
    }
    Ok(out)
}
