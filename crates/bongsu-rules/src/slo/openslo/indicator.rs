//! Metrics of an SLI, as the ratio of errors over a window.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::yaml::{Node, Place};
use bongsu_model::Diagnostic;

use super::{Method, shorthand_duration, text};
use crate::slo::codes;
use crate::slo::document::Reader;
use crate::slo::number::go_float;
use crate::slo::objective::Indicator;
use crate::slo::query::{checked, has_window, with_window};
use crate::slo::selector;

/// How often a query without a range of its own is looked at within a window.
const STEP: &str = "1m";

/// An indicator.
#[derive(Clone)]
pub(super) struct Sli {
    metric: Metric,
    pub(super) datasource: Option<String>,
    place: Place,
}

#[derive(Clone)]
enum Metric {
    /// Compared with the `value` of an objective.
    Threshold(String),
    Good {
        good: String,
        total: String,
        counter: bool,
    },
    Bad {
        bad: String,
        total: String,
        counter: bool,
    },
    /// A ratio that is stored already.
    Raw {
        ratio: String,
        success: bool,
    },
}

/// A query and the data source it is for.
struct Query {
    text: String,
    datasource: Option<String>,
}

impl Sli {
    /// `thresholdMetric` or `ratioMetric`.
    pub(super) fn read(
        reader: &mut Reader,
        spec: &Node,
        sources: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let known = ["description", "thresholdMetric", "ratioMetric", "ratioMetrics", "metadata"];
        if !reader.keys(spec, &known) {
            return None;
        }
        let ratio = spec.get("ratioMetric").or_else(|| spec.get("ratioMetrics"));
        match (spec.get("thresholdMetric"), ratio) {
            (Some(metric), None) => {
                let query = query(reader, metric, sources)?;
                let metric = Metric::Threshold(query.text);
                Some(Self { metric, datasource: query.datasource, place: spec.place })
            }
            (None, Some(metrics)) => Self::of_ratio(reader, metrics, sources),
            _ => {
                let message = "an indicator has either thresholdMetric or ratioMetric";
                reader.refuse(codes::MISSING, spec.place, message);
                None
            }
        }
    }

    pub(super) fn of_ratio(
        reader: &mut Reader,
        node: &Node,
        sources: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let known = ["counter", "incremental", "good", "bad", "total", "raw", "rawType"];
        if !reader.keys(node, &known) {
            return None;
        }
        let flag = reader.flag_at(node, "counter").or(reader.flag_at(node, "incremental"));
        let counter = flag.unwrap_or(false);
        let mut of = |key: &str| node.get(key).map(|metric| query(reader, metric, sources));
        let (good, bad, total, raw) = (of("good"), of("bad"), of("total"), of("raw"));
        let (metric, datasource) = match (good, bad, total, raw) {
            (Some(good), None, Some(total), None) => {
                let (good, total) = (good?, total?);
                let metric = Metric::Good { good: good.text, total: total.text, counter };
                (metric, total.datasource.or(good.datasource))
            }
            (None, Some(bad), Some(total), None) => {
                let (bad, total) = (bad?, total?);
                let metric = Metric::Bad { bad: bad.text, total: total.text, counter };
                (metric, total.datasource.or(bad.datasource))
            }
            (None, None, None, Some(raw)) => {
                let raw = raw?;
                let success = match text(node, "rawType") {
                    "success" => true,
                    "failure" => false,
                    _ => {
                        reader.refuse(codes::MISSING, node.place, "rawType is success or failure");
                        return None;
                    }
                };
                (Metric::Raw { ratio: raw.text, success }, raw.datasource)
            }
            _ => {
                let message = "a ratio has good and total, bad and total, or raw";
                reader.refuse(codes::MISSING, node.place, message);
                return None;
            }
        };
        Some(Self { metric, datasource, place: node.place })
    }

    /// The ratio of errors for one objective.
    pub(super) fn indicator(
        &self,
        reader: &mut Reader,
        objective: &Node,
        method: Method,
        guarded: bool,
    ) -> Option<Indicator> {
        let error_ratio = match method {
            Method::Occurrences => self.occurrences(reader, objective, guarded)?,
            Method::Timeslices => {
                let slice = slice(reader, objective)?;
                let target = target(reader, objective)?;
                let good = self.good_over(reader, objective, &slice)?;
                // A slice without events has no ratio (NaN) and is neither good nor bad.
                let kept = format!("(({good}) >= 0) >= bool {}", go_float(target));
                format!("1 - avg_over_time(({kept})[{{{{.window}}}}:{slice}])")
            }
            Method::RatioTimeslices => {
                let slice = slice(reader, objective)?;
                let good = self.good_over(reader, objective, &slice)?;
                format!("1 - avg_over_time((({good}) >= 0)[{{{{.window}}}}:{slice}])")
            }
        };
        Some(Indicator::Raw { error_ratio })
    }

    /// `guarded`: a window without events has no ratio, rather than 0/0.
    fn occurrences(&self, reader: &mut Reader, objective: &Node, guarded: bool) -> Option<String> {
        const WINDOW: &str = "{{.window}}";
        let whole = |total: &str, counter: bool| {
            let total = over(total, WINDOW, counter);
            if guarded { format!("({total}) > 0") } else { total }
        };
        Some(match &self.metric {
            Metric::Threshold(_) => {
                format!("1 - ({})", self.good_over(reader, objective, WINDOW)?)
            }
            // Sloth's text, down to its line breaks.
            Metric::Good { good, total, counter } => {
                let (good, total) = (over(good, WINDOW, *counter), whole(total, *counter));
                format!(
                    "\n  1 - (\n    (\n      {good}\n    )\n    /\n    (\n      {total}\n    )\n  )\n"
                )
            }
            Metric::Bad { bad, total, counter } => {
                let (bad, total) = (over(bad, WINDOW, *counter), whole(total, *counter));
                format!("\n  (\n    {bad}\n  )\n  /\n  (\n    {total}\n  )\n")
            }
            Metric::Raw { ratio, success } => {
                let mean = averaged(ratio, WINDOW);
                if *success { format!("1 - ({mean})") } else { mean }
            }
        })
    }

    /// The ratio of good events in a window.
    fn good_over(&self, reader: &mut Reader, objective: &Node, window: &str) -> Option<String> {
        Some(match &self.metric {
            Metric::Threshold(query) => {
                let (op, value) = comparison(reader, objective, self.place)?;
                let query = over_step(query, window);
                let step = if window == STEP { "15s" } else { STEP };
                format!("avg_over_time((({query}) {op} bool {value})[{window}:{step}])")
            }
            Metric::Good { good, total, counter } => {
                let (good, total) = (over(good, window, *counter), over(total, window, *counter));
                format!("({good}) / ({total})")
            }
            Metric::Bad { bad, total, counter } => {
                let (bad, total) = (over(bad, window, *counter), over(total, window, *counter));
                format!("1 - ({bad}) / ({total})")
            }
            Metric::Raw { ratio, success } => {
                let mean = averaged(ratio, window);
                if *success { mean } else { format!("1 - ({mean})") }
            }
        })
    }
}

/// A query of a metric source.
fn query(reader: &mut Reader, metric: &Node, sources: &BTreeMap<String, String>) -> Option<Query> {
    // Version v1 wraps the source, v1alpha does not.
    let Some(source) = metric.get("metricSource") else {
        reader.keys(metric, &["source", "queryType", "query", "metadata"]);
        let kind = reader.text_at(metric, "source").unwrap_or_default();
        let language = reader.text_at(metric, "queryType").unwrap_or_default();
        if !language.is_empty() && !language.eq_ignore_ascii_case("promql") {
            let message = format!("queries of type {language} are not evaluated");
            let finding = Diagnostic::error(codes::QUERY, message);
            reader.note(finding.help("write the query in PromQL"), metric.place);
        }
        warn_of_type(reader, metric, &kind);
        let text = text_of(reader, metric, "query")?;
        return Some(Query { text, datasource: None });
    };
    if !reader.keys(source, &["metricSourceRef", "type", "spec"]) {
        return None;
    }
    let datasource = reader.text_at(source, "metricSourceRef");
    let own = reader.text_at(source, "type");
    let kind = own.or_else(|| datasource.as_ref().and_then(|name| sources.get(name).cloned()));
    warn_of_type(reader, source, &kind.unwrap_or_default());
    let Some(spec) = source.get("spec") else {
        reader.missing(source, "spec");
        return None;
    };
    let key = ["query", "promql", "expr"].into_iter().find(|key| spec.get(key).is_some());
    let Some(key) = key else {
        let finding = Diagnostic::error(codes::QUERY, "the metric source has no query");
        reader.note(finding.help("write the PromQL under spec.query"), spec.place);
        return None;
    };
    Some(Query { text: text_of(reader, spec, key)?, datasource })
}

fn text_of(reader: &mut Reader, node: &Node, key: &str) -> Option<String> {
    let text = reader.need_text(node, key)?;
    let value = node.get(key).map_or(node, |value| value);
    checked(reader, value, &text, true).then_some(text)
}

fn warn_of_type(reader: &mut Reader, node: &Node, kind: &str) {
    let known = ["", "prometheus", "sloth", "thanos", "mimir", "cortex", "victoriametrics"];
    if !known.contains(&kind.to_ascii_lowercase().as_str()) {
        let message = format!("the metric source is of type {kind}; its query is taken as PromQL");
        reader.warn(codes::APPROXIMATED, node.place, message);
    }
}

/// `lt` and its value.
fn comparison(
    reader: &mut Reader,
    objective: &Node,
    indicator: Place,
) -> Option<(&'static str, String)> {
    let op = match text(objective, "op") {
        "lt" => "<",
        "lte" => "<=",
        "gt" => ">",
        "gte" => ">=",
        other => {
            let message = match other {
                "" => "an objective of a thresholdMetric needs an op".to_owned(),
                other => format!("there is no op {other:?}"),
            };
            let finding = Diagnostic::error(codes::REFUSED, message);
            let help = format!("lt, lte, gt or gte; the metric is on line {}", indicator.line);
            reader.note(finding.help(help), objective.place);
            return None;
        }
    };
    if objective.get("value").is_none() {
        reader.missing(objective, "value");
    }
    let value = reader.number_at(objective, "value")?;
    Some((op, go_float(value)))
}

/// The length of a slice. A number alone is minutes.
fn slice(reader: &mut Reader, objective: &Node) -> Option<String> {
    let Some(node) = objective.get("timeSliceWindow") else {
        reader.missing(objective, "timeSliceWindow");
        return None;
    };
    let minutes = node.text().and_then(|text| text.trim().parse::<u32>().ok());
    let length = match minutes {
        Some(minutes) => Some(Duration::from_secs(60 * u64::from(minutes))),
        None => shorthand_duration(reader, node),
    };
    match length {
        Some(length) if !length.is_zero() => Some(duration::print(length)),
        Some(_) => {
            reader.refuse(codes::REFUSED, node.place, "a slice is longer than nothing");
            None
        }
        None => None,
    }
}

fn target(reader: &mut Reader, objective: &Node) -> Option<f64> {
    let Some(node) = objective.get("timeSliceTarget") else {
        reader.missing(objective, "timeSliceTarget");
        return None;
    };
    let target = reader.number(node)?;
    if (0.0..=1.0).contains(&target) {
        return Some(target);
    }
    reader.refuse(codes::REFUSED, node.place, "timeSliceTarget is a ratio from 0 to 1");
    None
}

/// How much a query counted in a window. Series of a selector are added up: good ones and all ones
/// differ in their labels, so that they could not be divided one by one.
fn over(query: &str, window: &str, counter: bool) -> String {
    if has_window(query) {
        return with_window(query, window);
    }
    let function = if counter { "increase" } else { "sum_over_time" };
    match selector::is_selector(query) {
        true => format!("sum({function}({}[{window}]))", query.trim()),
        false => format!("{function}(({query})[{window}:{STEP}])"),
    }
}

/// The mean of a ratio in a window.
fn averaged(query: &str, window: &str) -> String {
    if has_window(query) {
        return with_window(query, window);
    }
    format!("avg_over_time(({query})[{window}:{STEP}])")
}

/// A threshold's query at one instant: a range in it is the step between looks.
fn over_step(query: &str, window: &str) -> String {
    let range = if has_window(query) && window == "{{.window}}" { "5m" } else { window };
    with_window(query, range)
}
