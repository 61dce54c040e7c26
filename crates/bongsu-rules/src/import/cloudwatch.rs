//! Alarms of CloudWatch.
//!
//! In: the answer of `describe-alarms`. Out: groups of rules of the kind `alarm`, by how often they are
//! looked at: composite alarms ask nothing and have a group of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::Source;

use super::made::{Condition, NativeGroup, NativeRule};
use super::{left_out, lost, near};
use crate::condition::alarm::CompositeRule;
use crate::file;
use crate::slo::document::Reader;

/// The data source the groups name.
const SOURCE: &str = "cloudwatch";

/// An alarm that can be imported.
struct Alarm<'n> {
    name: &'n str,
    node: &'n Node,
    rule: NativeRule,
}

pub(super) fn groups(reader: &mut Reader, node: &Node) -> Vec<NativeGroup> {
    let lists = ["MetricAlarms", "CompositeAlarms"].map(|key| reader.items(node.get(key)));
    let alone: &[_] = match &node.kind {
        Kind::Sequence(items) => items,
        _ => &[],
    };
    let single = node.get("AlarmName").is_some().then_some(node);
    let nodes: Vec<&Node> =
        lists.into_iter().flatten().chain(alone).map(|item| &**item).chain(single).collect();
    let mut alarms = Vec::new();
    for item in &nodes {
        let name = name(item);
        match checked(rule(reader, item, name)) {
            Ok(rule) => alarms.push(Alarm { name, node: item, rule }),
            Err(why) => left_out(reader, item, name, &why),
        }
    }
    let there: BTreeSet<&str> = nodes.iter().map(|item| name(item)).collect();
    grouped(reader, alarms, &there)
}

fn name(node: &Node) -> &str {
    node.get("AlarmName").and_then(|name| name.text()).unwrap_or("alarm")
}

/// Composites only where everything they name is imported, too, or was never in the file.
fn grouped(
    reader: &mut Reader,
    alarms: Vec<Alarm<'_>>,
    there: &BTreeSet<&str>,
) -> Vec<NativeGroup> {
    let known: BTreeSet<&str> = alarms.iter().map(|alarm| alarm.name).collect();
    let mut by_interval: BTreeMap<u64, Vec<NativeRule>> = BTreeMap::new();
    let mut composites = Vec::new();
    for alarm in alarms {
        let Some(text) = alarm.node.get("AlarmRule").and_then(|rule| rule.text()) else {
            by_interval.entry(interval(alarm.node)).or_default().push(alarm.rule);
            continue;
        };
        let rule = CompositeRule::parse(text);
        let named: BTreeSet<&str> =
            rule.as_ref().map(CompositeRule::alarms).into_iter().flatten().collect();
        let unknown: Vec<&str> = named.into_iter().filter(|name| !known.contains(name)).collect();
        match unknown.iter().find(|name| there.contains(**name)) {
            Some(name) => {
                let why = format!("the alarm {name} is not imported");
                left_out(reader, alarm.node, alarm.name, &why);
            }
            None => {
                for name in unknown {
                    let message = format!(
                        "the alarm {name} is not in this file: it counts as INSUFFICIENT_DATA until \
                         a rule has its name"
                    );
                    near(reader, alarm.node, alarm.name, &message);
                }
                composites.push(alarm.rule);
            }
        }
    }
    let group = |name: String, seconds: u64, asks: bool, rules| NativeGroup {
        name,
        interval: Some(Duration::from_secs(seconds)),
        datasource: asks.then(|| SOURCE.to_owned()),
        rules,
        ..NativeGroup::default()
    };
    let mut all: Vec<NativeGroup> = by_interval
        .into_iter()
        .map(|(seconds, rules)| group(format!("cloudwatch-{seconds}s"), seconds, true, rules))
        .collect();
    all.push(group("cloudwatch-composite".to_owned(), 10, false, composites));
    all
}

/// How often CloudWatch looks at an alarm: each minute, more often where periods are shorter, each
/// hour where the range is longer than a day.
fn interval(node: &Node) -> u64 {
    let number = |node: &Node, key: &str| {
        node.get(key).and_then(|node| node.text()?.trim().parse::<f64>().ok())
    };
    let of_metric = |item: &Arc<Node>| {
        number(item, "Period").or_else(|| number(item.get("MetricStat")?, "Period"))
    };
    let metrics = node.get("Metrics").map(|metrics| match &metrics.kind {
        Kind::Sequence(items) => items.iter().filter_map(of_metric).fold(0.0, f64::max),
        _ => 0.0,
    });
    let period = number(node, "Period").or(metrics).unwrap_or(60.0);
    let range = period * number(node, "EvaluationPeriods").unwrap_or(1.0);
    match () {
        () if range > 86_400.0 => 3600,
        () if period < 60.0 => 10,
        () => 60,
    }
}

/// A rule the server takes.
fn checked(rule: NativeRule) -> Result<NativeRule, String> {
    let group =
        NativeGroup { name: "alarm".to_owned(), rules: vec![rule], ..NativeGroup::default() };
    let source = Source { name: String::new(), text: group.to_yaml() };
    let read = file::read(&Arc::new(source), &file::Options::default());
    match (read, group.rules.into_iter().next()) {
        (Ok(_), Some(rule)) => Ok(rule),
        (Err(found), _) => {
            let first = found.first().map_or("", |found| &*found.message);
            Err(first.strip_prefix("alarm: ").unwrap_or(first).to_owned())
        }
        (Ok(_), None) => Err("it is empty".to_owned()),
    }
}

fn rule(reader: &mut Reader, node: &Node, name: &str) -> NativeRule {
    let mut condition = Condition::of("alarm");
    for key in file::ALARM_KEYS {
        let empty = |node: &Node| match &node.kind {
            Kind::Sequence(items) => items.is_empty(),
            _ => node.is_null(),
        };
        if let Some(value) = node.get(key).filter(|value| !empty(value)) {
            condition = condition.with(key, value.to_value());
        }
    }
    let mut annotations = BTreeMap::new();
    if let Some(text) = reader.text_at(node, "AlarmDescription") {
        annotations.insert("description".to_owned(), plain(&text));
    }
    if node.get("EvaluateLowSampleCountPercentile").is_some_and(|how| how.text() == Some("ignore"))
    {
        let help = "make it an alarm of Metrics with a condition on the SampleCount";
        lost(reader, node, name, "EvaluateLowSampleCountPercentile", help);
    }
    if let Some(suppressor) =
        node.get("ActionsSuppressor").filter(|suppressor| !suppressor.is_null())
    {
        let help = "write an inhibit rule with the suppressor as its source";
        lost(reader, suppressor, name, "the actions suppressor", help);
    }
    let told = !reader.items(node.get("InsufficientDataActions")).is_empty();
    let labels = labels(reader, node, name);
    let no_data = told.then_some("no_data");
    NativeRule {
        name: name.to_owned(),
        condition,
        no_data,
        labels,
        annotations,
        ..NativeRule::default()
    }
}

/// Dimensions, and whom CloudWatch tells.
fn labels(reader: &mut Reader, node: &Node, name: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for dimension in reader.items(node.get("Dimensions")) {
        let part = |key: &str| dimension.get(key).and_then(|node| node.text());
        if let (Some(name), Some(value)) = (part("Name"), part("Value")) {
            labels.insert(snake(name), plain(value));
        }
    }
    let actions = reader.texts_at(node, "AlarmActions");
    let topics: Vec<&str> =
        actions.iter().map(|arn| arn.rsplit(':').next().unwrap_or(arn)).collect();
    if !topics.is_empty() {
        labels.insert("alarm_actions".to_owned(), topics.join(","));
        let message = "actions become the label alarm_actions; match it in a route";
        near(reader, node, name, message);
    }
    if reader.flag_at(node, "ActionsEnabled") == Some(false) {
        labels.insert("actions_enabled".to_owned(), "false".to_owned());
    }
    labels
}

/// A template of ours in a text of theirs is only text.
fn plain(text: &str) -> String {
    text.replace("{{", "{ {")
}

/// `QueueName` is `queue_name`.
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
