//! The file: `rule_files`, `evaluation_interval`, `tests`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{self, Limits, Node, Scalar};
use bongsu_model::{Diagnostic, Labels, Source, Time, Timestamp};

use crate::codes;
use crate::file::{Reader, items};

const COST: Limits = Limits { bytes: 16 << 20, depth: 40, nodes: 1_000_000 };

/// A test file.
#[derive(Clone, Debug, PartialEq)]
pub struct TestFile {
    /// Patterns of rule files.
    pub rule_files: Vec<String>,
    /// How often groups are evaluated.
    pub evaluation_interval: Duration,
    /// Groups that come before others, in this order.
    pub group_eval_order: Vec<String>,
    /// Floats that are neighbours count as equal.
    pub fuzzy_compare: bool,
    /// Written for vmalert-tool: what rules make has external labels, `ALERTS` the label
    /// `alertgroup`, and every alert case names its group.
    pub vmalert: bool,
    /// The tests.
    pub tests: Vec<TestGroup>,
}

/// One test: series and what is expected of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestGroup {
    /// Its name, may be empty.
    pub name: String,
    /// Time between values of the series.
    pub interval: Duration,
    /// Series in promtool's notation: labels and values.
    pub input_series: Vec<(String, String)>,
    /// Alerts expected.
    pub alerts: Vec<AlertCase>,
    /// Values expected.
    pub exprs: Vec<ExprCase>,
    /// They stand under vmalert-tool's name for them.
    pub metricsql: bool,
    /// For templates; `None`: those of the run.
    pub external_labels: Option<Labels>,
    /// For templates; `None`: that of the run.
    pub external_url: Option<String>,
    /// The first instant.
    pub start: Timestamp,
}

/// What alerts of a name are expected at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertCase {
    /// After the start.
    pub eval_time: Duration,
    /// Of one group only, as vmalert-tool has it.
    pub group: Option<String>,
    /// The alert's name.
    pub name: String,
    /// Those that fire.
    pub firing: Vec<ExpectedAlert>,
    /// Those that are pending; `None`: not looked at.
    pub pending: Option<Vec<ExpectedAlert>>,
}

/// An alert that is expected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedAlert {
    /// Without `alertname`.
    pub labels: BTreeMap<String, String>,
    /// All.
    pub annotations: BTreeMap<String, String>,
    /// Who is told; `None`: not looked at.
    pub receivers: Option<Vec<String>>,
}

/// What an expression is expected to answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExprCase {
    /// The expression.
    pub expr: String,
    /// After the start.
    pub eval_time: Duration,
    /// The samples.
    pub samples: Vec<ExpectedSample>,
}

/// A sample that is expected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedSample {
    /// In promtool's notation.
    pub labels: String,
    /// A float, 0 if a histogram is meant.
    pub value: f64,
    /// In promtool's notation; empty if a float is meant.
    pub histogram: String,
}

/// Reads a test file.
///
/// # Errors
/// Every mistake.
pub fn read(source: &Arc<Source>, ignore_unknown: bool) -> Result<TestFile, Vec<Diagnostic>> {
    let mut reader = Reader::new(Arc::clone(source), ignore_unknown);
    let mut file = TestFile {
        rule_files: Vec::new(),
        evaluation_interval: Duration::ZERO,
        group_eval_order: Vec::new(),
        fuzzy_compare: false,
        vmalert: false,
        tests: Vec::new(),
    };
    let document = match yaml::parse(&source.text, &COST) {
        Ok(document) => document,
        Err(error) => return Err(vec![reader.syntax(&error)]),
    };
    const KEYS: &[&str] =
        &["rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"];
    if let Some(document) = &document {
        reader.fields(document, "main.unitTestFile", KEYS, |key, value, reader| match key {
            "rule_files" => file.rule_files = reader.texts(value),
            "evaluation_interval" => {
                file.evaluation_interval = reader.duration(value).unwrap_or_default();
            }
            "group_eval_order" => {
                file.group_eval_order = reader.texts(value);
                let mut seen = std::collections::HashSet::new();
                for name in file.group_eval_order.iter().filter(|name| !seen.insert(*name)) {
                    let message = format!("group name repeated in evaluation order: {name}");
                    reader.fault(codes::UNIT_TEST, value, message);
                }
            }
            "fuzzy_compare" => file.fuzzy_compare = reader.boolean(value).unwrap_or(false),
            _ => {
                let list = items(value, reader).iter();
                file.tests = list.map(|item| test_group(item, reader)).collect();
            }
        });
    }
    if file.evaluation_interval.is_zero() {
        file.evaluation_interval = Duration::from_secs(60);
    }
    let grouped = |test: &TestGroup| test.alerts.iter().any(|case| case.group.is_some());
    file.vmalert = file.tests.iter().any(|test| test.metricsql || grouped(test));
    for test in file.tests.iter_mut().filter(|test| test.interval.is_zero()) {
        test.interval = file.evaluation_interval;
    }
    let (errors, _) = reader.finish();
    if errors.is_empty() { Ok(file) } else { Err(errors) }
}

fn test_group(node: &Arc<Node>, reader: &mut Reader) -> TestGroup {
    const KEYS: &[&str] = &[
        "interval",
        "input_series",
        "alert_rule_test",
        "promql_expr_test",
        "metricsql_expr_test",
        "external_labels",
        "external_url",
        "name",
        "start_timestamp",
    ];
    let mut group = TestGroup { start: Timestamp::UNIX_EPOCH, ..TestGroup::default() };
    reader.fields(node, "main.testGroup", KEYS, |key, value, reader| match key {
        "interval" => group.interval = reader.duration(value).unwrap_or_default(),
        "input_series" => {
            let list = items(value, reader).iter();
            group.input_series = list.map(|item| series(item, reader)).collect();
        }
        "alert_rule_test" => {
            let list = items(value, reader).iter();
            group.alerts = list.map(|item| alert_case(item, reader)).collect();
        }
        "promql_expr_test" | "metricsql_expr_test" => {
            let list = items(value, reader).iter();
            group.metricsql |= key == "metricsql_expr_test";
            group.exprs.extend(list.map(|item| expr_case(item, reader)));
        }
        "external_labels" => {
            let pairs = reader.pairs(value);
            let pairs = pairs.iter().map(|(name, (value, _))| (name.as_str(), value.as_str()));
            group.external_labels = Some(Labels::from_pairs(pairs));
        }
        "external_url" => group.external_url = reader.text(value),
        "name" => group.name = reader.text(value).unwrap_or_default(),
        _ => group.start = start(value, reader),
    });
    group
}

/// RFC 3339, or seconds since 1970.
fn start(node: &Node, reader: &mut Reader) -> Timestamp {
    let at = match node.scalar() {
        Some(Scalar::Int(seconds)) => Timestamp::from_second(seconds).ok(),
        Some(Scalar::Float(seconds)) => Timestamp::from_millisecond((seconds * 1e3) as i64).ok(),
        _ => node.text().and_then(|text| Time::parse_rfc3339(text).map(|time| time.at)),
    };
    at.unwrap_or_else(|| {
        reader.fault(codes::UNIT_TEST, node, "a time in RFC 3339 or seconds since 1970 is needed");
        Timestamp::UNIX_EPOCH
    })
}

fn series(node: &Arc<Node>, reader: &mut Reader) -> (String, String) {
    let (mut labels, mut values) = (String::new(), String::new());
    reader.fields(node, "main.series", &["series", "values"], |key, value, reader| {
        let text = reader.text(value).unwrap_or_default();
        *(if key == "series" { &mut labels } else { &mut values }) = text;
    });
    (labels, values)
}

fn alert_case(node: &Arc<Node>, reader: &mut Reader) -> AlertCase {
    const KEYS: &[&str] = &["eval_time", "groupname", "alertname", "exp_alerts", "exp_pending"];
    let mut case = AlertCase::default();
    let expected = |node: &Node, reader: &mut Reader| {
        items(node, reader).iter().map(|item| expected_alert(item, reader)).collect()
    };
    reader.fields(node, "main.alertTestCase", KEYS, |key, value, reader| match key {
        "eval_time" => case.eval_time = reader.duration(value).unwrap_or_default(),
        "groupname" => case.group = reader.text(value).filter(|name| !name.is_empty()),
        "alertname" => case.name = reader.text(value).unwrap_or_default(),
        "exp_alerts" => case.firing = expected(value, reader),
        _ => case.pending = Some(expected(value, reader)),
    });
    case
}

fn expected_alert(node: &Arc<Node>, reader: &mut Reader) -> ExpectedAlert {
    const KEYS: &[&str] = &["exp_labels", "exp_annotations", "exp_receivers"];
    let mut alert = ExpectedAlert::default();
    let texts = |node: &Node, reader: &mut Reader| {
        reader.pairs(node).into_iter().map(|(name, (value, _))| (name, value)).collect()
    };
    reader.fields(node, "main.alert", KEYS, |key, value, reader| match key {
        "exp_labels" => alert.labels = texts(value, reader),
        "exp_annotations" => alert.annotations = texts(value, reader),
        _ => alert.receivers = Some(reader.texts(value)),
    });
    alert
}

fn expr_case(node: &Arc<Node>, reader: &mut Reader) -> ExprCase {
    let mut case = ExprCase::default();
    let known = ["expr", "eval_time", "exp_samples"];
    reader.fields(node, "main.promqlTestCase", &known, |key, value, reader| match key {
        "expr" => case.expr = reader.text(value).unwrap_or_default(),
        "eval_time" => case.eval_time = reader.duration(value).unwrap_or_default(),
        _ => {
            let list = items(value, reader).iter();
            case.samples = list.map(|item| expected_sample(item, reader)).collect();
        }
    });
    case
}

fn expected_sample(node: &Arc<Node>, reader: &mut Reader) -> ExpectedSample {
    let mut sample = ExpectedSample::default();
    let known = ["labels", "value", "histogram"];
    reader.fields(node, "main.sample", &known, |key, value, reader| match key {
        "labels" => sample.labels = reader.text(value).unwrap_or_default(),
        "value" => sample.value = float(value, reader),
        _ => sample.histogram = reader.text(value).unwrap_or_default(),
    });
    sample
}

fn float(node: &Node, reader: &mut Reader) -> f64 {
    match node.scalar() {
        Some(Scalar::Int(value)) => value as f64,
        Some(Scalar::Uint(value)) => value as f64,
        Some(Scalar::Float(value)) => value,
        Some(Scalar::Null) => 0.0,
        _ => {
            reader.mistype(node, "a number");
            0.0
        }
    }
}
