//! Monitors of OpenSearch Alerting.

mod message;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::yaml::{Kind, Node};

use super::elastalert::label;
use super::made::{Condition, NativeGroup, NativeRule};
use super::painless::{self, Comparison, Operand};
use super::{alert_name, dsl, left_out, lost, near};
use crate::slo::document::Reader;

/// The groups of monitors: one each.
pub(super) fn groups(reader: &mut Reader, node: &Node) -> Vec<NativeGroup> {
    let mut groups = Vec::new();
    for monitor in monitors(node) {
        let name = monitor.get("name").and_then(|name| name.text()).unwrap_or("monitor");
        let name = name.to_owned();
        if reader.flag_at(monitor, "enabled") == Some(false) {
            left_out(reader, monitor, &name, "the monitor is disabled");
            continue;
        }
        groups.extend(Monitor { reader: &mut *reader, node: monitor, name }.group());
    }
    groups
}

/// A monitor, a list of them, an answer to a search, or one wrapped as the API shows it.
fn monitors(node: &Node) -> Vec<&Node> {
    let list = match &node.kind {
        Kind::Sequence(items) => Some(items),
        _ => match node.get("hits").and_then(|hits| hits.get("hits")).map(|hits| &hits.kind) {
            Some(Kind::Sequence(items)) => Some(items),
            _ => None,
        },
    };
    let Some(list) = list else { return vec![unwrapped(node)] };
    list.iter().map(|item| unwrapped(item)).collect()
}

fn unwrapped(node: &Node) -> &Node {
    let node = node.get("_source").map_or(node, |inner| inner);
    node.get("monitor").map_or(node, |inner| inner)
}

struct Monitor<'a> {
    reader: &'a mut Reader,
    node: &'a Node,
    name: String,
}

/// What a monitor searches.
struct Search<'n> {
    index: String,
    query: String,
    window: Duration,
    aggregations: Option<&'n Arc<Node>>,
}

/// What is computed of the events found.
enum Value {
    Count,
    Statistic { field: String, statistic: &'static str, percentile: Option<f64> },
    Cardinality { field: String },
}

impl<'a> Monitor<'a> {
    fn group(mut self) -> Option<NativeGroup> {
        let interval = self.interval();
        let kind = self.text("monitor_type").unwrap_or("query_level_monitor").to_owned();
        let rules = match kind.as_str() {
            "query_level_monitor" => self.by_search(interval, false),
            "bucket_level_monitor" => self.by_search(interval, true),
            "doc_level_monitor" => self.by_document(interval),
            other => Err(format!("monitors of type {other} have no counterpart")),
        };
        let rules = match rules {
            Ok(rules) => rules,
            Err(why) => {
                left_out(self.reader, self.node, &self.name, &why);
                return None;
            }
        };
        Some(NativeGroup {
            name: self.name,
            interval: Some(interval),
            datasource: Some("opensearch".to_owned()),
            rules,
            ..NativeGroup::default()
        })
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.node.get(key).and_then(|node| node.text())
    }

    fn near(&mut self, message: &str) {
        near(self.reader, self.node, &self.name, message);
    }

    fn interval(&mut self) -> Duration {
        let minute = Duration::from_secs(60);
        let schedule = self.node.get("schedule");
        if let Some(cron) = schedule.and_then(|schedule| schedule.get("cron")) {
            let help = "the group is evaluated every minute; set its interval";
            lost(self.reader, cron, &self.name, "the cron schedule", help);
            return minute;
        }
        let Some(period) = schedule.and_then(|schedule| schedule.get("period")) else {
            return minute;
        };
        let number = self.reader.number_at(period, "interval").unwrap_or(1.0);
        let unit = match period.get("unit").and_then(|unit| unit.text()) {
            Some("HOURS") => 3600.0,
            Some("DAYS") => 86_400.0,
            _ => 60.0,
        };
        Duration::try_from_secs_f64(number * unit).unwrap_or(minute).max(minute)
    }

    fn input(&mut self, key: &str) -> Result<&'a Node, String> {
        let inputs = self.reader.items(self.node.get("inputs"));
        let [input] = inputs else {
            return Err("a monitor with one input has a counterpart, this has not".to_owned());
        };
        input.get(key).map(|node| &**node).ok_or_else(|| format!("the input is no {key}"))
    }

    fn search(&mut self, interval: Duration) -> Result<Search<'a>, String> {
        let search = self.input("search")?;
        let index = self.reader.texts_at(search, "indices").join(",");
        let body = search.get("query").ok_or("the search has no query")?;
        let found = match body.get("query") {
            Some(query) => dsl::query(query)?,
            None => dsl::Query::default(),
        };
        let window = match found.window {
            Some(window) => window,
            None => {
                let text = duration::print(interval);
                self.near(&format!("the query has no range of time; a window of {text} is taken"));
                interval
            }
        };
        let aggregations = body.get("aggregations").or_else(|| body.get("aggs"));
        Ok(Search { index, query: found.text, window, aggregations })
    }

    fn by_search(&mut self, interval: Duration, buckets: bool) -> Result<Vec<NativeRule>, String> {
        let search = self.search(interval)?;
        let key = if buckets { "bucket_level_trigger" } else { "query_level_trigger" };
        let mut rules = Vec::new();
        for item in self.reader.items(self.node.get("triggers")) {
            // Monitors of early versions have the trigger itself here.
            let trigger = item.get(key).map_or(&**item, |inner| inner);
            match self.conditions(trigger, &search, buckets) {
                Ok(conditions) => {
                    let several = conditions.len() > 1;
                    for (at, condition) in conditions.into_iter().enumerate() {
                        let mut rule = self.rule(trigger, condition);
                        if several {
                            rule.name = format!("{}{}", rule.name, at + 1);
                        }
                        rules.push(rule);
                    }
                }
                Err(why) => left_out(self.reader, trigger, &self.trigger_name(trigger), &why),
            }
        }
        Ok(rules)
    }

    fn trigger_name(&self, trigger: &Node) -> String {
        let own = trigger.get("name").and_then(|name| name.text());
        own.map_or_else(|| self.name.clone(), |own| format!("{} {own}", self.name))
    }

    fn conditions(
        &mut self,
        trigger: &Node,
        search: &Search<'a>,
        buckets: bool,
    ) -> Result<Vec<Condition>, String> {
        let condition = trigger.get("condition").ok_or("the trigger has no condition")?;
        let source = condition.get("script").and_then(|script| script.get("source"));
        let source = source.and_then(|source| source.text()).ok_or("the script has no source")?;
        let comparisons = painless::any(source)?;
        let aggregations = search.aggregations;
        let (groups, inner) = if buckets {
            let parent = condition.get("parent_bucket_path").and_then(|path| path.text());
            let parent = parent.ok_or("the condition has no parent_bucket_path")?;
            let composite = aggregations
                .and_then(|all| all.get(parent))
                .ok_or_else(|| format!("there is no aggregation {parent}"))?;
            if condition.get("composite_agg_filter").is_some() {
                return Err("a composite_agg_filter has no counterpart".to_owned());
            }
            let inner = composite.get("aggregations").or_else(|| composite.get("aggs"));
            (self.sources(composite)?, inner)
        } else {
            (Vec::new(), aggregations)
        };
        let paths = condition.get("buckets_path");
        comparisons
            .into_iter()
            .map(|comparison| {
                let value = value(&comparison.operand, inner, paths)?;
                Ok(build(search, &groups, &value, &comparison))
            })
            .collect()
    }

    /// The fields of a composite aggregation.
    fn sources(&mut self, composite: &Node) -> Result<Vec<String>, String> {
        let sources = composite.get("composite").and_then(|inner| inner.get("sources"));
        let mut fields = Vec::new();
        for source in self.reader.items(sources) {
            let Kind::Mapping(entries) = &source.kind else { continue };
            for entry in entries {
                let field = entry.value.get("terms").and_then(|terms| terms.get("field"));
                let field = field.and_then(|field| field.text());
                let field = field.ok_or("a source that is no terms has no counterpart")?;
                fields.push(field.to_owned());
                let name = entry.key.text().unwrap_or_default();
                if label(name) != label(field) {
                    self.near(&format!("the bucket key {name} is the label {}", label(field)));
                }
            }
        }
        if fields.is_empty() {
            Err("the aggregation has no sources".to_owned())
        } else {
            Ok(fields)
        }
    }

    /// Queries of documents, and triggers over which of them a document matched.
    fn by_document(&mut self, interval: Duration) -> Result<Vec<NativeRule>, String> {
        let input = self.input("doc_level_input")?;
        let index = self.reader.texts_at(input, "indices").join(",");
        let mut queries = Vec::new();
        for query in self.reader.items(input.get("queries")) {
            let name = self.reader.text_at(query, "name").unwrap_or_default();
            let text = self.reader.text_at(query, "query").unwrap_or_default();
            let tags = self.reader.texts_at(query, "tags");
            queries.push((name, text, tags));
        }
        let mut rules = Vec::new();
        for item in self.reader.items(self.node.get("triggers")) {
            let trigger = item.get("document_level_trigger").map_or(&**item, |inner| inner);
            let condition = trigger.get("condition").and_then(|condition| condition.get("script"));
            let source = condition.and_then(|script| script.get("source")).and_then(|s| s.text());
            let query = match source.map(str::trim) {
                None | Some("" | "return true" | "true") => {
                    let all = queries.iter().map(|(_, text, _)| text.clone()).collect();
                    Ok(dsl::join(all, " OR "))
                }
                Some(source) => matched(source, &queries),
            };
            match query {
                Ok(query) => {
                    let condition = Condition::of("frequency")
                        .with("index", index.as_str())
                        .with("query", query)
                        .with_length("window", Some(interval))
                        .with("threshold", ">= 1");
                    rules.push(self.rule(trigger, condition));
                }
                Err(why) => left_out(self.reader, trigger, &self.trigger_name(trigger), &why),
            }
        }
        if !rules.is_empty() {
            self.near("each document was an alert; here documents of one interval are one alert");
        }
        Ok(rules)
    }

    fn rule(&mut self, trigger: &Node, condition: Condition) -> NativeRule {
        let name = self.trigger_name(trigger);
        let severity = trigger.get("severity").and_then(|node| node.text());
        let mut labels = BTreeMap::new();
        if let Some(severity) = severity {
            let word = match severity {
                "1" => "critical",
                "2" => "high",
                "3" => "warning",
                "4" => "low",
                "5" => "info",
                other => other,
            };
            labels.insert("severity".to_owned(), word.to_owned());
        }
        let mut annotations = BTreeMap::new();
        let known = message::Known {
            monitor: &self.name,
            trigger: trigger.get("name").and_then(|name| name.text()).unwrap_or_default(),
            severity: severity.unwrap_or_default(),
        };
        let mut destinations = Vec::new();
        let mut unknown = Vec::new();
        for action in self.reader.items(trigger.get("actions")) {
            destinations.extend(self.reader.text_at(action, "destination_id"));
            for (annotation, key) in
                [("summary", "subject_template"), ("description", "message_template")]
            {
                let template = action.get(key).and_then(|template| template.get("source"));
                let Some(text) = template.and_then(|source| source.text()) else { continue };
                if annotations.contains_key(annotation) || text.is_empty() {
                    continue;
                }
                let (text, lost) = message::converted(text, &known);
                annotations.insert(annotation.to_owned(), text);
                unknown.extend(lost);
            }
            if self.reader.flag_at(action, "throttle_enabled") == Some(true) {
                let help = "set repeat_interval of the route";
                lost(self.reader, action, &name, "the throttle", help);
            }
            if let Some(policy) = action.get("action_execution_policy") {
                let help = "set group_by of the route";
                lost(self.reader, policy, &name, "the execution policy of an action", help);
            }
        }
        if !unknown.is_empty() {
            let what = unknown.join(", ");
            let help = "texts have {{ $value }} and {{ $labels.name }}";
            lost(self.reader, trigger, &name, &what, help);
        }
        if !destinations.is_empty() {
            labels.insert("opensearch_destination".to_owned(), destinations.join(","));
            let message =
                "destinations become the label opensearch_destination; match it in a route";
            near(self.reader, trigger, &name, message);
        }
        let alert = alert_name(&name);
        if alert != name {
            annotations.insert("title".to_owned(), name);
        }
        NativeRule { name: alert, condition, labels, annotations, ..NativeRule::default() }
    }
}

fn value(
    operand: &Operand,
    aggregations: Option<&Arc<Node>>,
    paths: Option<&Arc<Node>>,
) -> Result<Value, String> {
    let name = match operand {
        Operand::Hits => return Ok(Value::Count),
        Operand::Aggregation(name) => name.clone(),
        Operand::Parameter(name) => {
            let path = paths.and_then(|paths| paths.get(name)).and_then(|path| path.text());
            let path = path.ok_or_else(|| format!("buckets_path has no {name}"))?;
            if path == "_count" {
                return Ok(Value::Count);
            }
            path.to_owned()
        }
    };
    let (name, key) = match name.split_once('.') {
        Some((name, key)) => (name.to_owned(), Some(key.to_owned())),
        None => (name, None),
    };
    let aggregation = aggregations.and_then(|all| all.get(&name));
    let aggregation = aggregation.ok_or_else(|| format!("there is no aggregation {name}"))?;
    let Kind::Mapping(entries) = &aggregation.kind else {
        return Err(format!("the aggregation {name} is no mapping"));
    };
    let entry = entries.first().ok_or_else(|| format!("the aggregation {name} is empty"))?;
    let field = entry.value.get("field").and_then(|field| field.text());
    let field = field.ok_or_else(|| format!("the aggregation {name} has no field"))?.to_owned();
    let statistic = match entry.key.text().unwrap_or_default() {
        "avg" => "avg",
        "sum" => "sum",
        "min" => "min",
        "max" => "max",
        "value_count" => "count",
        "cardinality" => return Ok(Value::Cardinality { field }),
        "percentiles" => {
            let percent = key.and_then(|key| key.parse().ok());
            let percent = percent.ok_or_else(|| format!("{name} names no percentile"))?;
            return Ok(Value::Statistic {
                field,
                statistic: "percentile",
                percentile: Some(percent),
            });
        }
        other => return Err(format!("the aggregation {other} has no counterpart")),
    };
    Ok(Value::Statistic { field, statistic, percentile: None })
}

fn build(
    search: &Search<'_>,
    groups: &[String],
    value: &Value,
    comparison: &Comparison,
) -> Condition {
    let kind = match value {
        Value::Count => "frequency",
        Value::Statistic { .. } => "metric",
        Value::Cardinality { .. } => "cardinality",
    };
    let query = Some(search.query.as_str()).filter(|query| !query.is_empty());
    let condition = Condition::of(kind)
        .with("index", search.index.as_str())
        .with_some("query", query)
        .with_length("window", Some(search.window))
        .with_list("group_by", groups);
    let condition = match value {
        Value::Count => condition,
        Value::Statistic { field, statistic, percentile } => condition
            .with("field", field.as_str())
            .with("statistic", *statistic)
            .with_number("percentile", *percentile),
        Value::Cardinality { field } => condition.with("field", field.as_str()),
    };
    condition.with("threshold", format!("{} {}", comparison.op, comparison.number))
}

/// `query[name=a] && !query[tag=b]` as a query.
fn matched(source: &str, queries: &[(String, String, Vec<String>)]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = source.trim().trim_end_matches(';').trim_start_matches("return ").trim();
    let wrong = || format!("the script {source:?} is more than a choice of queries");
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("query[") {
            let end = after.find(']').ok_or_else(wrong)?;
            let (key, name) = after[..end].split_once('=').ok_or_else(wrong)?;
            let name = name.trim();
            let texts: Vec<String> = queries
                .iter()
                .filter(|(own, _, tags)| match key.trim() {
                    "name" => own == name,
                    "tag" => tags.iter().any(|tag| tag == name),
                    _ => false,
                })
                .map(|(_, text, _)| text.clone())
                .collect();
            if texts.is_empty() {
                return Err(format!("no query has the {key} {name}"));
            }
            out.push_str(&format!("({})", dsl::join(texts, " OR ")));
            rest = &after[end + 1..];
        } else if let Some(after) = rest.strip_prefix("&&") {
            out.push_str(" AND ");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("||") {
            out.push_str(" OR ");
            rest = after;
        } else if let Some(after) = rest.strip_prefix('!') {
            out.push_str("NOT ");
            rest = after;
        } else if matches!(first, '(' | ')') {
            out.push(first);
            rest = &rest[1..];
        } else if first.is_whitespace() {
            rest = rest.trim_start();
        } else {
            return Err(wrong());
        }
    }
    if out.is_empty() { Err(wrong()) } else { Ok(out) }
}
