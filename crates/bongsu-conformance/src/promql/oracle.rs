//! Answers of a Prometheus server: each query at an instant and over a range, with its remarks.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use bongsu_model::Labels;
use bongsu_promql::eval::Annotation;
use bongsu_promql::notation::parse_series;
use bongsu_promql::{
    EvalError, Evaluated, Features, MemorySource, Number, Options, Value, eval_instant, eval_range,
    parse_with,
};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::report::Report;

/// Time of the first sample.
const START_MS: i64 = 1_750_000_000_000;
/// Time between samples.
const STEP_MS: i64 = 15_000;
/// Relative error allowed.
const EPSILON: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    id: u64,
    query: String,
    ordered: bool,
    instant: Instant,
    range: Range,
}

#[derive(Deserialize)]
struct Instant {
    time: f64,
    expect: Answer,
}

#[derive(Deserialize)]
struct Range {
    start: f64,
    end: f64,
    step: f64,
    expect: Answer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    #[serde(default)]
    result_type: String,
    #[serde(default)]
    result: Json,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
    #[serde(default)]
    error_type: String,
}

/// Judges every query of the folder.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let source = load(&folder.join("data.load"))?;
    let path = folder.join("queries.jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    for line in text.lines() {
        let case: Case = serde_json::from_str(line).context("a query")?;
        let options = Options::default();
        let at = millis(case.instant.time);
        let instant = |expr: &_| eval_instant(expr, &source, at, &options);
        let Range { start, end, step, .. } = case.range;
        let range = |expr: &_| {
            eval_range(expr, &source, millis(start), millis(end), millis(step), &options)
        };
        for (part, answer, eval) in [
            ("instant", &case.instant.expect, &instant as &Eval<'_>),
            ("range", &case.range.expect, &range as &Eval<'_>),
        ] {
            let name = format!("{}-{part}", case.id);
            if report.wants("oracle", &name) {
                let verdict =
                    judge(&case, answer, eval).map_err(|why| format!("{}: {why}", case.query));
                report.add("oracle", &name, verdict.into());
            }
        }
    }
    Ok(())
}

type Eval<'e> = dyn Fn(&bongsu_promql::Expr) -> Result<Evaluated, EvalError> + 'e;

fn load(path: &Path) -> Result<MemorySource> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut source = MemorySource::new();
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let series = parse_series(line).map_err(|error| anyhow!("{}: {error}", error.at))?;
        for (number, value) in series.values.into_iter().enumerate() {
            if let Some(value) = value {
                source.append(&series.labels, START_MS + number as i64 * STEP_MS, value)?;
            }
        }
    }
    Ok(source)
}

fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

fn judge(case: &Case, answer: &Answer, eval: &Eval<'_>) -> Result<(), String> {
    let features = Features { experimental_functions: true, ..Features::default() };
    let (kind, said) = match parse_with(&case.query, &features) {
        Err(errors) => ("bad_data", errors.iter().map(ToString::to_string).collect::<String>()),
        Ok(expr) => match eval(&expr) {
            Ok(evaluated) => return compare(case, answer, &evaluated),
            Err(error @ EvalError::Unfit(_)) => ("bad_data", error.to_string()),
            Err(error) => ("execution", error.to_string()),
        },
    };
    if answer.status == "error" && answer.error_type == kind {
        return Ok(());
    }
    Err(format!("wanted {} {}, failed with {kind}: {said}", answer.status, answer.error_type))
}

fn compare(case: &Case, answer: &Answer, found: &Evaluated) -> Result<(), String> {
    if answer.status != "success" {
        return Err(format!("wanted error {}, got {:?}", answer.error_type, found.value));
    }
    remarks(&case.query, &answer.warnings, &found.annotations.warnings)?;
    remarks(&case.query, &answer.infos, &found.annotations.infos)?;
    let (kind, found) = read(&found.value);
    if kind != answer.result_type {
        return Err(format!("wanted a {}, got a {kind}", answer.result_type));
    }
    let mut wanted = wanted(answer)?;
    let mut found = found;
    if !(case.ordered && kind == "vector") {
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        found.sort_by(|a, b| a.0.cmp(&b.0));
    }
    if wanted.len() != found.len() {
        return Err(format!("wanted {} series, got {}: {found:?}", wanted.len(), found.len()));
    }
    for ((labels, wanted), (other, found)) in wanted.iter().zip(&found) {
        let same = labels == other
            && wanted.len() == found.len()
            && wanted.iter().zip(found).all(|(a, b)| a.0 == b.0 && close(a.1, b.1));
        if !same {
            return Err(format!("wanted {labels} {wanted:?}, got {other} {found:?}"));
        }
    }
    Ok(())
}

fn remarks(query: &str, wanted: &[String], found: &[Annotation]) -> Result<(), String> {
    let mut found: Vec<String> = found.iter().map(|remark| remark.in_query(query)).collect();
    let mut wanted = wanted.to_vec();
    found.sort();
    wanted.sort();
    if wanted == found { Ok(()) } else { Err(format!("wanted remarks {wanted:?}, got {found:?}")) }
}

type Series = (Labels, Vec<(i64, f64)>);

/// Type and series of a value; what is no series has no labels.
fn read(value: &Value) -> (&'static str, Vec<Series>) {
    let float = |number: &Number| match number {
        Number::Float(value) => *value,
        Number::Histogram(_) => f64::NAN,
    };
    match value {
        Value::Scalar(time, value) => ("scalar", vec![(Labels::default(), vec![(*time, *value)])]),
        Value::Text(..) => ("string", Vec::new()),
        Value::Vector(samples) => {
            let samples = samples.iter();
            let series = samples.map(|s| (s.labels.clone(), vec![(s.time, float(&s.value))]));
            ("vector", series.collect())
        }
        Value::Matrix(series) => {
            let series = series.iter().map(|series| {
                let points = series.points.iter().map(|(time, value)| (*time, float(value)));
                (series.labels.clone(), points.collect())
            });
            ("matrix", series.collect())
        }
    }
}

fn wanted(answer: &Answer) -> Result<Vec<Series>, String> {
    let list = || answer.result.as_array().ok_or("no result");
    match answer.result_type.as_str() {
        "scalar" => Ok(vec![(Labels::default(), vec![point(&answer.result)?])]),
        "string" => Ok(Vec::new()),
        _ => list()?
            .iter()
            .map(|series| {
                let labels: Labels = serde_json::from_value(series["metric"].clone())
                    .map_err(|error| error.to_string())?;
                let points = match series.get("values").and_then(Json::as_array) {
                    Some(values) => values.iter().map(point).collect::<Result<_, _>>()?,
                    None => vec![point(&series["value"])?],
                };
                Ok((labels, points))
            })
            .collect(),
    }
}

/// `[seconds, "value"]`.
fn point(pair: &Json) -> Result<(i64, f64), String> {
    let time = pair[0].as_f64().ok_or("no time")?;
    let text = pair[1].as_str().ok_or("no value")?;
    let value = match text {
        "+Inf" => f64::INFINITY,
        other => other.parse().map_err(|_| format!("value {other}"))?,
    };
    Ok((millis(time), value))
}

fn close(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= EPSILON * a.abs().max(b.abs())
}
