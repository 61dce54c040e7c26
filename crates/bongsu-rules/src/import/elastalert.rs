//! ElastAlert2's rules.

use std::time::Duration;

use bongsu_lang::yaml::{Kind, Node};

use super::made::{Condition, NativeGroup, NativeRule};
use super::{alert_name, dsl, left_out, lost, near, timedelta};
use crate::slo::document::{Reader, key_place};

/// What ElastAlert's global configuration usually says.
const USUAL_BUFFER: Duration = Duration::from_secs(15 * 60);
const USUAL_RUN: Duration = Duration::from_secs(60);

/// Keys that are read below, or that have no meaning for a rule that is evaluated here.
const READ: &[&str] = &[
    "name",
    "type",
    "index",
    "filter",
    "query_key",
    "timeframe",
    "num_events",
    "run_every",
    "buffer_time",
    "query_delay",
    "description",
    "priority",
    "is_enabled",
    "blacklist",
    "whitelist",
    "compare_key",
    "ignore_null",
    "spike_height",
    "spike_type",
    "threshold_ref",
    "threshold_cur",
    "threshold",
    "forget_keys",
    "fields",
    "terms_window_size",
    "cardinality_field",
    "max_cardinality",
    "min_cardinality",
    "metric_agg_key",
    "metric_agg_type",
    "max_threshold",
    "min_threshold",
    "min_doc_count",
    "bucket_interval",
    "percentile_range",
    "match_bucket_filter",
    "min_percentage",
    "max_percentage",
    "min_denominator",
    "alert_subject",
    "alert_subject_args",
    "alert_text",
    "alert_text_args",
    "alert_text_type",
    "alertmanager_labels",
    "alertmanager_annotations",
    "use_count_query",
    "use_terms_query",
    "terms_size",
    "doc_type",
    "es_host",
    "es_port",
    "use_strftime_index",
    "timestamp_field",
    "alertmanager_hosts",
    "alertmanager_api_version",
    "alertmanager_alertname",
    "use_ssl",
    "verify_certs",
    "owner",
    "category",
    "window_step_size",
];

/// A rule file is a group of one rule; what both directions limit becomes two.
pub(super) fn groups(reader: &mut Reader, node: &Node) -> Vec<NativeGroup> {
    if !matches!(node.kind, Kind::Mapping(_)) {
        reader.mistyped(node, "a mapping");
        return Vec::new();
    }
    let Some(name) = reader.need_text(node, "name") else { return Vec::new() };
    let Some(kind) = reader.need_text(node, "type") else { return Vec::new() };
    if reader.flag_at(node, "is_enabled") == Some(false) {
        left_out(reader, node, &name, "is_enabled is false");
        return Vec::new();
    }
    let mut rule = Rule { reader, node, name, query: String::new() };
    let conditions = match rule.conditions(&kind) {
        Ok(conditions) => conditions,
        // What is refused needs no second word.
        Err(_) if rule.reader.has_errors() => return Vec::new(),
        Err(why) => {
            left_out(rule.reader, node, &rule.name, &why);
            return Vec::new();
        }
    };
    rule.losses();
    let mut rules: Vec<NativeRule> =
        conditions.into_iter().map(|condition| rule.native(condition)).collect();
    if let [above, below] = rules.as_mut_slice() {
        above.name.push_str("Above");
        below.name.push_str("Below");
    }
    let interval = timedelta(rule.reader, node, "run_every");
    vec![NativeGroup {
        name: rule.name.clone(),
        interval: interval.or(Some(USUAL_RUN)),
        datasource: Some("elasticsearch".to_owned()),
        rules,
        ..NativeGroup::default()
    }]
}

struct Rule<'a> {
    reader: &'a mut Reader,
    node: &'a Node,
    name: String,
    query: String,
}

impl Rule<'_> {
    fn length(&mut self, key: &str) -> Option<Duration> {
        timedelta(self.reader, self.node, key)
    }

    fn need_length(&mut self, key: &str) -> Result<Duration, String> {
        self.length(key).ok_or_else(|| format!("{key} is missing"))
    }

    fn number(&mut self, key: &str) -> Option<f64> {
        self.reader.number_at(self.node, key)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        self.reader.text_at(self.node, key)
    }

    fn need_text(&mut self, key: &str) -> Result<String, String> {
        self.text(key).ok_or_else(|| format!("{key} is missing"))
    }

    fn near(&mut self, message: &str) {
        near(self.reader, self.node, &self.name, message);
    }

    /// What every kind of condition has: index, query, window, delay, groups.
    fn events(&mut self, kind: &'static str, window: Duration) -> Condition {
        let index = self.text("index").unwrap_or_default();
        let groups = self.reader.texts_at(self.node, "query_key");
        let query = Some(self.query.clone()).filter(|query| !query.is_empty());
        let delay = self.length("query_delay");
        Condition::of(kind)
            .with("index", index)
            .with_some("query", query)
            .with_length("window", Some(window).filter(|window| !window.is_zero()))
            .with_length("delay", delay)
            .with_list("group_by", &groups)
    }

    fn narrowed(&mut self, more: String) {
        let query = std::mem::take(&mut self.query);
        self.query = dsl::join(vec![query, more], " AND ");
    }

    /// How far back kinds without a timeframe look.
    fn buffer(&mut self) -> Duration {
        self.length("buffer_time").unwrap_or_else(|| {
            self.near("the rule has no buffer_time; a window of 15m is taken");
            USUAL_BUFFER
        })
    }

    fn conditions(&mut self, kind: &str) -> Result<Vec<Condition>, String> {
        let filters = self.reader.items(self.node.get("filter"));
        self.query = dsl::all(filters)?.text;
        Ok(match kind {
            "any" => {
                let window = self.length("run_every").unwrap_or(USUAL_RUN);
                self.near("each hit was an alert; here hits of one window are one alert");
                vec![self.events("frequency", window).with("threshold", ">= 1")]
            }
            "blacklist" | "whitelist" => vec![self.listed(kind)?],
            "frequency" => {
                let events = self.number("num_events").ok_or("num_events is missing")?;
                let window = self.need_length("timeframe")?;
                vec![self.events("frequency", window).with("threshold", format!(">= {events}"))]
            }
            "change" => vec![self.change()?],
            "spike" => vec![self.spike()?],
            "flatline" => {
                let below = self.number("threshold").ok_or("threshold is missing")?;
                let window = self.need_length("timeframe")?;
                let forgets = self.reader.flag_at(self.node, "forget_keys") == Some(true);
                let condition = self.events("flatline", window).with_number("below", Some(below));
                vec![condition.with_length("forget_after", forgets.then_some(window))]
            }
            "new_term" => vec![self.new_term()?],
            "cardinality" => {
                let field = self.need_text("cardinality_field")?;
                let window = self.need_length("timeframe")?;
                let limits = self.limits("max_cardinality", "min_cardinality")?;
                let base = |rule: &mut Self| {
                    rule.events("cardinality", window).with("field", field.as_str())
                };
                limits.into_iter().map(|limit| base(self).with("threshold", limit)).collect()
            }
            "metric_aggregation" => self.metric()?,
            "percentage_match" => self.percentage()?,
            other => return Err(format!("rules of type {other} have no counterpart")),
        })
    }

    /// A comparison for each of the two limits that is there.
    fn limits(&mut self, max: &str, min: &str) -> Result<Vec<String>, String> {
        let above = self.number(max).map(|limit| format!("> {limit}"));
        let below = self.number(min).map(|limit| format!("< {limit}"));
        let limits: Vec<String> = above.into_iter().chain(below).collect();
        if limits.is_empty() { Err(format!("neither {max} nor {min}")) } else { Ok(limits) }
    }

    fn listed(&mut self, kind: &str) -> Result<Condition, String> {
        let key = self.need_text("compare_key")?;
        let values = self.reader.texts_at(self.node, kind);
        if values.is_empty() {
            return Err(format!("{kind} is empty"));
        }
        if values.iter().any(|value| value.starts_with("!file")) {
            return Err("values in a file of ElastAlert's machine are not read".to_owned());
        }
        let among = dsl::any_of(&key, &values);
        if kind == "blacklist" {
            self.narrowed(among);
        } else {
            self.narrowed(format!("NOT {among}"));
            if self.reader.flag_at(self.node, "ignore_null") == Some(true) {
                self.narrowed(format!("_exists_:{key}"));
            }
        }
        let window = self.length("run_every").unwrap_or(USUAL_RUN);
        Ok(self.events("frequency", window).with("threshold", ">= 1"))
    }

    fn change(&mut self) -> Result<Condition, String> {
        let keys = self.reader.texts_at(self.node, "compare_key");
        let [key] = keys.as_slice() else {
            return Err("a change of several fields together has no counterpart".to_owned());
        };
        let window = self.length("timeframe").unwrap_or_else(|| self.buffer());
        self.near("a change is seen as more than one value within the window");
        if self.reader.flag_at(self.node, "ignore_null") == Some(true) {
            self.narrowed(format!("_exists_:{key}"));
        }
        let condition = self.events("cardinality", window).with("field", key.as_str());
        Ok(condition.with("threshold", "> 1"))
    }

    fn spike(&mut self) -> Result<Condition, String> {
        if self.node.get("field_value").is_some() {
            return Err("spikes of a field's value have no counterpart".to_owned());
        }
        let window = self.need_length("timeframe")?;
        let factor = self.number("spike_height").ok_or("spike_height is missing")?;
        let direction = self.need_text("spike_type")?;
        if !["up", "down", "both"].contains(&direction.as_str()) {
            return Err(format!("there is no spike_type {direction}"));
        }
        let (reference, current) = (self.number("threshold_ref"), self.number("threshold_cur"));
        Ok(self
            .events("spike", window)
            .with_length("reference", Some(window))
            .with_number("factor", Some(factor))
            .with("direction", direction)
            .with_number("min_reference", reference)
            .with_number("min_current", current))
    }

    fn new_term(&mut self) -> Result<Condition, String> {
        let items = match self.node.get("fields") {
            Some(node) if node.text().is_some() => std::slice::from_ref(node),
            node => self.reader.items(node),
        };
        let mut fields = Vec::new();
        for item in items {
            match &item.kind {
                // A list in the list is a combination of fields.
                Kind::Sequence(inner) if items.len() == 1 => {
                    fields.extend(inner.iter().filter_map(|field| self.reader.text(field)));
                }
                Kind::Sequence(_) => {
                    return Err("several combinations of fields are several rules".to_owned());
                }
                _ => fields.extend(self.reader.text(item)),
            }
        }
        if fields.is_empty() {
            fields = self.reader.texts_at(self.node, "query_key");
        }
        if fields.is_empty() {
            return Err("fields is missing".to_owned());
        }
        if fields.len() > 1 && items.iter().all(|item| item.text().is_some()) {
            self.near("new values of each field become new combinations of all of them");
        }
        let history = self.length("terms_window_size");
        let history = history.unwrap_or(Duration::from_secs(30 * 86_400));
        let index = self.text("index").unwrap_or_default();
        let query = Some(self.query.clone()).filter(|query| !query.is_empty());
        Ok(Condition::of("new_term")
            .with("index", index)
            .with_some("query", query)
            .with_list("fields", &fields)
            .with_length("history", Some(history)))
    }

    fn metric(&mut self) -> Result<Vec<Condition>, String> {
        let field = self.need_text("metric_agg_key")?;
        let statistic = self.need_text("metric_agg_type")?;
        let limits = self.limits("max_threshold", "min_threshold")?;
        let window = self.length("bucket_interval").unwrap_or_else(|| self.buffer());
        let percentile = self.number("percentile_range");
        let least = self.number("min_doc_count");
        if statistic == "cardinality" {
            let base =
                |rule: &mut Self| rule.events("cardinality", window).with("field", field.as_str());
            return Ok(limits.into_iter().map(|l| base(self).with("threshold", l)).collect());
        }
        let statistic = match statistic.as_str() {
            "min" | "max" | "avg" | "sum" => statistic,
            "value_count" => "count".to_owned(),
            "percentiles" => {
                percentile.ok_or("percentile_range is missing")?;
                "percentile".to_owned()
            }
            other => return Err(format!("the aggregation {other} has no counterpart")),
        };
        let condition = |rule: &mut Self, limit: String| {
            rule.events("metric", window)
                .with("field", field.as_str())
                .with("statistic", statistic.as_str())
                .with_number("percentile", percentile.filter(|_| statistic == "percentile"))
                .with("threshold", limit)
                .with_number("min_events", least)
        };
        Ok(limits.into_iter().map(|limit| condition(self, limit)).collect())
    }

    fn percentage(&mut self) -> Result<Vec<Condition>, String> {
        let filters = self.reader.items(self.node.get("match_bucket_filter"));
        let matching = dsl::all(filters)?.text;
        if matching.is_empty() {
            return Err("match_bucket_filter is empty".to_owned());
        }
        let limits = self.limits("max_percentage", "min_percentage")?;
        let window = self.length("bucket_interval").unwrap_or_else(|| self.buffer());
        let least = self.number("min_denominator");
        let condition = |rule: &mut Self, limit: String| {
            rule.events("percentage", window)
                .with("matching", matching.as_str())
                .with("threshold", limit)
                .with_number("min_events", least)
        };
        Ok(limits.into_iter().map(|limit| condition(self, limit)).collect())
    }

    fn native(&mut self, condition: Condition) -> NativeRule {
        let mut labels = self.reader.labels_at(self.node, "alertmanager_labels");
        let mut annotations = self.reader.labels_at(self.node, "alertmanager_annotations");
        if let Some(priority) = self.text("priority") {
            let severity = match priority.as_str() {
                "5" => "critical",
                "4" => "high",
                "3" => "warning",
                "2" => "low",
                "1" => "info",
                other => other,
            };
            labels.entry("severity".to_owned()).or_insert_with(|| severity.to_owned());
        }
        for (key, label) in [("owner", "owner"), ("category", "category")] {
            if let Some(value) = self.text(key) {
                labels.entry(label.to_owned()).or_insert(value);
            }
        }
        let texts = [
            ("summary", "alert_subject", "alert_subject_args"),
            ("description", "alert_text", "alert_text_args"),
        ];
        for (annotation, key, arguments) in texts {
            let Some(text) = self.text(key) else { continue };
            let arguments = self.reader.texts_at(self.node, arguments);
            let text = self.formatted(&text, &arguments);
            annotations.entry(annotation.to_owned()).or_insert(text);
        }
        if let Some(text) = self.text("description") {
            annotations.entry("description".to_owned()).or_insert(text);
        }
        let name = self.text("alertmanager_alertname").unwrap_or_else(|| self.name.clone());
        let alert = alert_name(&name);
        if alert != name {
            annotations.entry("title".to_owned()).or_insert(name);
        }
        NativeRule { name: alert, condition, labels, annotations, ..NativeRule::default() }
    }

    /// Python's `{0}` as labels. Only fields that series are told apart by are labels.
    fn formatted(&mut self, text: &str, arguments: &[String]) -> String {
        let groups = self.reader.texts_at(self.node, "query_key");
        let mut out = text.to_owned();
        for (index, argument) in arguments.iter().enumerate() {
            let value = match argument.as_str() {
                "num_hits" | "num_matches" => "{{ $value }}".to_owned(),
                field if groups.iter().any(|group| group == field) => {
                    format!("{{{{ $labels.{} }}}}", label(field))
                }
                field => {
                    let what = format!("{field} in a text");
                    let help = "add it to group_by to have it as a label";
                    lost(self.reader, self.node, &self.name, &what, help);
                    format!("<{field}>")
                }
            };
            out = out.replace(&format!("{{{index}}}"), &value).replacen("{}", &value, 1);
        }
        out
    }

    /// What the rule says beyond its condition.
    fn losses(&mut self) {
        let Kind::Mapping(entries) = &self.node.kind else { return };
        let told = [
            ("realert", "set repeat_interval of the route"),
            ("exponential_realert", "set repeat_interval of the route"),
            ("aggregation", "set group_wait and group_interval of the route"),
            ("limit_execution", "use active_times of the rule or mute times of the route"),
            ("alert", "receivers are chosen by routes: match the labels of this rule"),
        ];
        let mut other = Vec::new();
        for entry in entries {
            let key = entry.key.text().unwrap_or_default();
            if let Some((_, help)) = told.iter().find(|(known, _)| *known == key) {
                lost(self.reader, &entry.key, &self.name, key, help);
            } else if !READ.contains(&key) {
                other.push(key);
            }
        }
        if let Some(first) = other.first() {
            let place = key_place(self.node, first);
            let message = format!("{}: {} are lost", self.name, other.join(", "));
            self.reader.warn(crate::slo::codes::LOST, place, message);
        }
    }
}

/// The label of a field: `kubernetes.pod.name` is `kubernetes_pod_name`.
pub(super) fn label(field: &str) -> String {
    field.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
