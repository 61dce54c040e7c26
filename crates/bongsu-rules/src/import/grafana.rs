//! Alert rules of Grafana, as its provisioning files and exports have them.
//!
//! In: groups of rules whose `data` is a small graph: queries, then reductions, mathematics and
//! thresholds over them. Out: one expression, if the graph is a chain.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::yaml::{Kind, Node};

use super::loki::length;
use super::made::{Condition, NativeGroup, NativeRule};
use super::{alert_name, left_out, lost, near};
use crate::slo::document::Reader;

/// Steps from the condition back to its queries.
const MAX_DEPTH: usize = 20;

/// The groups of a file; rules alone are a group of their own.
pub(super) fn groups(reader: &mut Reader, node: &Node) -> Vec<NativeGroup> {
    let items = match (&node.kind, node.get("groups")) {
        (_, Some(groups)) => reader.items(Some(groups)),
        (Kind::Sequence(items), None) => items,
        _ => {
            let mut group = NativeGroup { name: "grafana".to_owned(), ..NativeGroup::default() };
            add(reader, node, &mut group);
            return vec![group];
        }
    };
    let mut groups = Vec::new();
    for item in items {
        let name = item.get("name").or_else(|| item.get("ruleGroup")).and_then(|n| n.text());
        let mut group = NativeGroup {
            name: name.unwrap_or("grafana").to_owned(),
            interval: reader.duration_at(item, "interval"),
            ..NativeGroup::default()
        };
        match item.get("rules") {
            Some(rules) => {
                for rule in reader.items(Some(rules)) {
                    add(reader, rule, &mut group);
                }
            }
            // The API lists rules without their groups.
            None => add(reader, item, &mut group),
        }
        groups.push(group);
    }
    groups
}

/// Adds a rule; its group's data source is that of the first.
fn add(reader: &mut Reader, node: &Node, group: &mut NativeGroup) {
    let title = node.get("title").or_else(|| node.get("record"));
    let title = title.and_then(|title| title.text()).unwrap_or("rule").to_owned();
    if reader.flag_at(node, "isPaused") == Some(true) {
        left_out(reader, node, &title, "the rule is paused");
        return;
    }
    let mut graph =
        Graph { reader, node, title: title.clone(), source: None, logql: false, recover: None };
    match graph.rule() {
        Ok(rule) => {
            let (source, logql) = (graph.source, graph.logql);
            let language = logql.then_some("loki");
            if group.rules.is_empty() {
                group.datasource = source;
                group.language = language;
            } else if group.datasource != source {
                let why = "the other rules of its group ask another data source";
                left_out(reader, node, &title, why);
                return;
            }
            group.rules.push(rule);
        }
        Err(why) => left_out(reader, node, &title, &why),
    }
}

struct Graph<'a> {
    reader: &'a mut Reader,
    node: &'a Node,
    title: String,
    /// The data source that is asked.
    source: Option<String>,
    logql: bool,
    /// What ends the alert.
    recover: Option<String>,
}

/// The comparison of a recovery threshold.
fn recovery(reader: &mut Reader, evaluator: &Node) -> Option<String> {
    let op = match evaluator.get("type").and_then(|kind| kind.text())? {
        "gt" => ">",
        "lt" => "<",
        "gte" => ">=",
        "lte" => "<=",
        _ => return None,
    };
    let params = reader.items(evaluator.get("params"));
    let number = params.first().and_then(|number| reader.number(number))?;
    Some(format!("{op} {number}"))
}

/// `$values.B.Value` and `$values.B` as `$value`.
fn without_steps(text: &str) -> String {
    let mut parts = text.split("$values");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("$value");
        let id = part.strip_prefix('.').map_or(part, |part| {
            part.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
        });
        out.push_str(id.strip_prefix(".Value").unwrap_or(id));
    }
    out
}

impl<'a> Graph<'a> {
    fn rule(&mut self) -> Result<NativeRule, String> {
        let record = self.node.get("record").filter(|node| !node.is_null());
        let condition = match record {
            Some(record) => self.reader.text_at(record, "from"),
            None => self.reader.text_at(self.node, "condition"),
        };
        let condition = condition.ok_or("the rule has no condition")?;
        let expr = self.expr(&condition, 0)?;
        let name = match record {
            Some(record) => self.reader.text_at(record, "metric").unwrap_or(self.title.clone()),
            None => alert_name(&self.title),
        };
        let mut annotations = self.map("annotations");
        for key in ["__dashboardUid__", "__panelId__"] {
            annotations.remove(key);
        }
        if record.is_none() && name != self.title {
            annotations.insert("title".to_owned(), self.title.clone());
        }
        let mut steps = false;
        for text in annotations.values_mut() {
            let plain = without_steps(text);
            steps |= plain != *text;
            *text = plain;
        }
        if steps {
            self.near("values of steps in texts become the value of the expression");
        }
        self.losses();
        Ok(NativeRule {
            name,
            records: record.is_some(),
            condition: Condition::expr(expr),
            hold: length(self.reader, self.node, "for"),
            keep_firing: length(self.reader, self.node, "keepFiringFor")
                .or_else(|| length(self.reader, self.node, "keep_firing_for")),
            no_data: self.state("noDataState").map(|state| match state {
                "Alerting" => "firing",
                "OK" | "Ok" => "ok",
                "KeepLast" => "keep",
                _ => "no_data",
            }),
            on_error: self.state("execErrState").map(|state| match state {
                "Alerting" => "firing",
                "KeepLast" => "keep",
                "OK" | "Ok" => "keep",
                _ => "error",
            }),
            recover: self.recover.take(),
            labels: self.map("labels"),
            annotations,
        })
    }

    fn state(&self, key: &str) -> Option<&'a str> {
        self.node.get(key).and_then(|node| node.text())
    }

    fn map(&mut self, key: &str) -> BTreeMap<String, String> {
        self.reader.map_at(self.node, key)
    }

    fn near(&mut self, message: &str) {
        near(self.reader, self.node, &self.title, message);
    }

    fn losses(&mut self) {
        let told = [
            ("notification_settings", "receivers are chosen by routes: match the labels"),
            ("notificationSettings", "receivers are chosen by routes: match the labels"),
            ("missing_series_evals_to_resolve", "series that are gone resolve at once"),
        ];
        for (key, help) in told {
            if let Some(value) = self.node.get(key).filter(|node| !node.is_null()) {
                lost(self.reader, value, &self.title, key, help);
            }
        }
        if self.state("execErrState").is_some_and(|state| state.eq_ignore_ascii_case("ok")) {
            self.near("an error was OK; here the state stays as it is");
        }
    }

    fn step(&mut self, id: &str) -> Result<&'a Node, String> {
        let steps = self.reader.items(self.node.get("data"));
        let step = steps.iter().find(|s| s.get("refId").and_then(|id| id.text()) == Some(id));
        step.map(|step| &**step).ok_or_else(|| format!("there is no step {id}"))
    }

    /// A step as an expression.
    fn expr(&mut self, id: &str, depth: usize) -> Result<String, String> {
        if depth > MAX_DEPTH {
            return Err("the steps go in a circle".to_owned());
        }
        let step = self.step(id)?;
        let model = step.get("model").ok_or_else(|| format!("the step {id} has no model"))?;
        let source = step.get("datasourceUid").and_then(|uid| uid.text()).unwrap_or_default();
        if source != "__expr__" && source != "-100" {
            return self.query(id, step, model, source);
        }
        let text = |key: &str| model.get(key).and_then(|node| node.text());
        let input = text("expression").unwrap_or_default().trim_start_matches('$');
        match text("type").unwrap_or_default() {
            "reduce" => self.reduce(input, model, depth),
            "threshold" => {
                let inner = self.expr(input, depth + 1)?;
                let conditions = self.reader.items(model.get("conditions"));
                let evaluator = conditions.first().and_then(|first| first.get("evaluator"));
                if let Some(unload) = conditions.first().and_then(|c| c.get("unloadEvaluator")) {
                    self.recover = recovery(self.reader, unload);
                    if self.recover.is_none() {
                        let help = "write recover of the rule";
                        lost(self.reader, step, &self.title, "the recovery threshold", help);
                    }
                }
                self.compared(&inner, evaluator.ok_or("the threshold has no evaluator")?)
            }
            "math" => self.math(text("expression").unwrap_or_default(), depth),
            "classic_conditions" => self.classic(model, depth),
            other => Err(format!("steps of type {other:?} have no counterpart")),
        }
    }

    fn query(
        &mut self,
        id: &str,
        step: &Node,
        model: &Node,
        source: &str,
    ) -> Result<String, String> {
        let kind = model.get("datasource").and_then(|d| d.get("type")).and_then(|t| t.text());
        let logql = kind == Some("loki");
        if let Some(kind) = kind
            && !logql
            && !kind.contains("prometheus")
        {
            return Err(format!("queries of {kind} have no counterpart"));
        }
        let expr = model.get("expr").and_then(|expr| expr.text());
        let expr = expr.ok_or_else(|| format!("the query {id} has no expr"))?.trim();
        if expr.contains("$__") {
            return Err(format!("the query {id} has a variable of dashboards"));
        }
        if self.source.as_deref().is_some_and(|known| known != source) {
            return Err("queries of several data sources have no counterpart".to_owned());
        }
        self.source = Some(source.to_owned());
        self.logql |= logql;
        let range = step.get("relativeTimeRange").and_then(|range| range.get("to"));
        let back = range.and_then(|to| self.reader.number(to)).unwrap_or(0.0);
        if back > 0.0 {
            let what = "an end of the range before now";
            lost(self.reader, step, &self.title, what, "write offset in the expression");
        }
        Ok(expr.to_owned())
    }

    /// How far back a query's range goes.
    fn range(&mut self, id: &str) -> Option<Duration> {
        let step = self.step(id).ok()?;
        let from = step.get("relativeTimeRange").and_then(|range| range.get("from"))?;
        let seconds = self.reader.number(from)?;
        Duration::try_from_secs_f64(seconds).ok().filter(|length| !length.is_zero())
    }

    fn reduce(&mut self, input: &str, model: &Node, depth: usize) -> Result<String, String> {
        let reducer = model.get("reducer").and_then(|node| node.text()).unwrap_or("last");
        self.reduced(input, reducer, depth)
    }

    /// A query's range as one value: for `last` the value now.
    fn reduced(&mut self, input: &str, reducer: &str, depth: usize) -> Result<String, String> {
        let inner = self.expr(input, depth + 1)?;
        let function = match reducer {
            "last" => return Ok(inner),
            "mean" | "avg" => "avg_over_time",
            "min" => "min_over_time",
            "max" => "max_over_time",
            "sum" => "sum_over_time",
            "count" => "count_over_time",
            other => return Err(format!("the reducer {other} has no counterpart")),
        };
        let instant = self
            .step(input)?
            .get("model")
            .and_then(|model| model.get("instant"))
            .is_some_and(|flag| flag.text() == Some("true"));
        if instant {
            return Ok(inner);
        }
        if self.logql {
            return Err("the reduction of a LogQL range has no counterpart".to_owned());
        }
        let range = self.range(input).unwrap_or(Duration::from_secs(600));
        self.near("the range is looked at every minute, in Grafana at the query's own step");
        Ok(format!("{function}(({inner})[{}:1m])", duration::print(range)))
    }

    fn compared(&mut self, inner: &str, evaluator: &Node) -> Result<String, String> {
        let kind = evaluator.get("type").and_then(|kind| kind.text()).unwrap_or_default();
        let params = self.reader.items(evaluator.get("params"));
        let numbers: Vec<f64> = params.iter().filter_map(|n| self.reader.number(n)).collect();
        let inner = format!("({inner})");
        let within = |low: f64, high: f64| format!("({inner} > {low} and {inner} < {high})");
        Ok(match (kind, numbers.as_slice()) {
            ("gt", [n, ..]) => format!("{inner} > {n}"),
            ("lt", [n, ..]) => format!("{inner} < {n}"),
            ("gte", [n, ..]) => format!("{inner} >= {n}"),
            ("lte", [n, ..]) => format!("{inner} <= {n}"),
            ("eq", [n, ..]) => format!("{inner} == {n}"),
            ("ne", [n, ..]) => format!("{inner} != {n}"),
            ("within_range", [low, high, ..]) => within(*low, *high),
            ("outside_range", [low, high, ..]) => {
                format!("({inner} < {low} or {inner} > {high})")
            }
            ("no_value", _) => format!("absent{inner}"),
            (other, _) => return Err(format!("the threshold {other:?} has no counterpart")),
        })
    }

    /// `$A > 5 && $B < 1` with the steps in place. A bare number or truth value is compared with 0,
    /// as Grafana does.
    fn math(&mut self, text: &str, depth: usize) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = rest[at + 1..].strip_prefix('{').unwrap_or(&rest[at + 1..]);
            let end = after.find(|c: char| !c.is_alphanumeric() && c != '_');
            let (id, tail) = after.split_at(end.unwrap_or(after.len()));
            out.push_str(&format!("({})", self.expr(id, depth + 1)?));
            rest = tail.strip_prefix('}').unwrap_or(tail);
        }
        out.push_str(rest);
        if out.contains('!') && !out.contains("!=") && !out.contains("!~") {
            return Err("a negation in mathematics has no counterpart".to_owned());
        }
        let out = out.replace("&&", " and ").replace("||", " or ");
        let compares = text.contains(['<', '>']) || text.contains("==") || text.contains("!=");
        Ok(if compares { out } else { format!("({out}) != 0") })
    }

    fn classic(&mut self, model: &Node, depth: usize) -> Result<String, String> {
        let mut out = String::new();
        for condition in self.reader.items(model.get("conditions")) {
            let query = condition.get("query").and_then(|query| query.get("params"));
            let id = self.reader.items(query).first().and_then(|id| id.text());
            let id = id.ok_or("a condition has no query")?;
            let reducer = condition.get("reducer").and_then(|reducer| reducer.get("type"));
            let reducer = reducer.and_then(|kind| kind.text()).unwrap_or("last");
            let inner = self.reduced(id, reducer, depth)?;
            let evaluator = condition.get("evaluator").ok_or("a condition has no evaluator")?;
            let compared = self.compared(&inner, evaluator)?;
            let operator = condition.get("operator").and_then(|operator| operator.get("type"));
            match operator.and_then(|kind| kind.text()).unwrap_or("and") {
                _ if out.is_empty() => {}
                "or" => out.push_str(" or "),
                _ => out.push_str(" and "),
            }
            out.push_str(&compared);
        }
        if out.is_empty() {
            return Err("the classic condition is empty".to_owned());
        }
        self.near("a classic condition was one alert; here every series is one");
        Ok(out)
    }
}
