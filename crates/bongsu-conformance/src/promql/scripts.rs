//! Upstream's engine scripts: `load`, `clear` and `eval` commands. Every `eval` is a case.
//!
//! An instant evaluation is also made as the middle of a range of three steps, as upstream does.

mod read;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use bongsu_model::Labels;
use bongsu_promql::eval::{Annotation, Annotations};
use bongsu_promql::histogram::convert_classic;
use bongsu_promql::{
    Evaluated, Expr, Features, MemorySource, Number, Options, Value, eval_instant, eval_range,
    is_stale, parse_with,
};

use self::read::{Command, Eval, Expect, Expected, Load, Text, When};
use crate::report::Report;

/// Relative error upstream allows.
const EPSILON: f64 = 0.000_001;

/// Judges every script of the folder.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        script(&name, &text, report).with_context(|| name.clone())?;
    }
    Ok(())
}

fn script(file: &str, text: &str, report: &mut Report) -> Result<()> {
    let mut source = MemorySource::new();
    for command in read::commands(text)? {
        match command {
            Command::Clear => source = MemorySource::new(),
            Command::Load(load) => fill(&mut source, &load)?,
            Command::Eval(eval) => {
                let case = eval.line.to_string();
                if report.wants(file, &case) {
                    report.add(file, &case, judge(&eval, &source).into());
                }
            }
        }
    }
    Ok(())
}

fn fill(source: &mut MemorySource, load: &Load) -> Result<()> {
    for series in &load.series {
        for (number, value) in series.values.iter().enumerate() {
            if let Some(value) = value {
                source.append(&series.labels, number as i64 * load.step, value.clone())?;
            }
        }
    }
    if !load.with_custom_buckets {
        return Ok(());
    }
    let floats: Vec<(&Labels, Vec<(i64, f64)>)> = load
        .series
        .iter()
        .map(|series| {
            let numbered = series.values.iter().enumerate();
            let samples = numbered.filter_map(|(number, value)| match value {
                Some(Number::Float(value)) => Some((number as i64 * load.step, *value)),
                _ => None,
            });
            (&series.labels, samples.collect())
        })
        .collect();
    let views = floats.iter().map(|(labels, samples)| (*labels, samples.as_slice()));
    for (labels, samples) in convert_classic(views)? {
        for (time, histogram) in samples {
            source.append(&labels, time, Number::Histogram(histogram.into()))?;
        }
    }
    Ok(())
}

fn judge(eval: &Eval, source: &MemorySource) -> Result<(), String> {
    let options = Options { delayed_name_removal: true, ..Options::default() };
    let expr = match parse_with(&eval.expr, &Features::all()) {
        Ok(expr) => expr,
        Err(errors) => {
            let said: Vec<String> = errors.into_iter().map(|error| error.message).collect();
            return failed_as_expected(eval, &said);
        }
    };
    let outcome = match eval.when {
        When::Instant(at) => eval_instant(&expr, source, at, &options),
        When::Range { start, end, step } => eval_range(&expr, source, start, end, step, &options),
    };
    let evaluated = match outcome {
        Ok(evaluated) => evaluated,
        Err(error) => return failed_as_expected(eval, &[error.to_string()]),
    };
    if eval.fails() {
        return Err(format!("wanted a failure, got {:?}", evaluated.value));
    }
    annotations(eval, &evaluated.annotations)?;
    value(eval, &evaluated.value)?;
    if let When::Instant(at) = eval.when {
        as_range(eval, &expr, source, at, &options)?;
    }
    Ok(())
}

fn failed_as_expected(eval: &Eval, said: &[String]) -> Result<(), String> {
    if !eval.fails() {
        return Err(format!("failed: {}", said.join("; ")));
    }
    let wanted = eval.expects.iter().filter(|(expect, _)| *expect == Expect::Fail);
    for (_, text) in wanted {
        if !said.iter().any(|said| text.matches(said)) {
            return Err(format!("wanted failure {text:?}, failed: {}", said.join("; ")));
        }
    }
    Ok(())
}

fn annotations(eval: &Eval, found: &Annotations) -> Result<(), String> {
    kind(eval, Expect::Warn, Expect::NoWarn, &found.warnings)?;
    kind(eval, Expect::Info, Expect::NoInfo, &found.infos)
}

/// Expected remarks must be there and no others; without any word about them, in the old form of
/// `eval`, there must be none.
fn kind(eval: &Eval, some: Expect, none: Expect, found: &[Annotation]) -> Result<(), String> {
    let said: Vec<&str> = found.iter().map(|annotation| annotation.message.as_str()).collect();
    let wanted: Vec<&Text> =
        eval.expects.iter().filter(|(expect, _)| *expect == some).map(|(_, text)| text).collect();
    let unwanted = eval.expects.iter().any(|(expect, _)| *expect == none)
        || (eval.expects.is_empty() && wanted.is_empty());
    if unwanted && !said.is_empty() {
        return Err(format!("wanted no {some:?}, got {said:?}"));
    }
    for text in &wanted {
        if !said.iter().any(|said| text.matches(said)) {
            return Err(format!("wanted {some:?} {text:?}, got {said:?}"));
        }
    }
    let stray = said.iter().find(|said| !wanted.iter().any(|text| text.matches(said)));
    match stray {
        Some(stray) if !wanted.is_empty() => Err(format!("unexpected {some:?} {stray}")),
        _ => Ok(()),
    }
}

fn value(eval: &Eval, found: &Value) -> Result<(), String> {
    match (&eval.expected, found) {
        (Expected::Scalar(wanted), Value::Scalar(_, found)) if close(*wanted, *found) => Ok(()),
        (Expected::Text(wanted), Value::Text(_, found)) if wanted == found => Ok(()),
        (Expected::Series(wanted), Value::Vector(samples)) => {
            let found: Vec<_> =
                samples.iter().map(|s| (&s.labels, vec![(s.time, s.value.clone())])).collect();
            if eval.is_ordered() {
                let order = found.iter().map(|(labels, _)| *labels);
                if !order.eq(wanted.iter().map(|series| &series.labels)) {
                    return Err(format!("another order: {:?}", found));
                }
            }
            series(eval, &found)
        }
        (Expected::Series(_), Value::Matrix(matrix)) => {
            let found: Vec<_> = matrix.iter().map(|s| (&s.labels, s.points.clone())).collect();
            series(eval, &found)
        }
        (wanted, found) => Err(format!("wanted {wanted:?}, got {found:?}")),
    }
}

type Found<'f> = (&'f Labels, Vec<(i64, Number)>);

fn series(eval: &Eval, found: &[Found<'_>]) -> Result<(), String> {
    let Expected::Series(wanted) = &eval.expected else { return Err("wanted series".into()) };
    let (start, step) = match eval.when {
        When::Instant(at) => (at, 1),
        When::Range { start, step, .. } => (start, step),
    };
    for (labels, points) in found {
        let Some(wanted) = wanted.iter().find(|series| series.labels == **labels) else {
            return Err(format!("unexpected series {labels} {}", shown(points)));
        };
        let numbered = wanted.values.iter().enumerate();
        let want: Vec<(i64, Number)> = numbered
            .filter_map(|(number, value)| Some((start + number as i64 * step, value.clone()?)))
            .collect();
        let same = want.len() == points.len()
            && want.iter().zip(points).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1));
        if !same {
            return Err(format!("{labels}: wanted {}, got {}", shown(&want), shown(points)));
        }
    }
    match wanted.iter().find(|series| !found.iter().any(|(labels, _)| **labels == series.labels)) {
        Some(missing) => Err(format!("missing series {}", missing.labels)),
        None => Ok(()),
    }
}

/// The same expression as the second of three steps of a range, a minute apart.
fn as_range(
    eval: &Eval,
    expr: &Expr,
    source: &MemorySource,
    at: i64,
    options: &Options<'_>,
) -> Result<(), String> {
    if eval.is_ordered() || matches!(eval.expected, Expected::Text(_)) {
        return Ok(());
    }
    let steps = eval_range(expr, source, at - 60_000, at + 60_000, 60_000, options);
    let Ok(Evaluated { value: Value::Matrix(matrix), .. }) = steps else {
        return Err(format!("as a range: {steps:?}"));
    };
    let mut found: Vec<Found<'_>> = Vec::new();
    for series in &matrix {
        let points = series.points.iter().filter(|(time, _)| *time == at);
        let points: Vec<(i64, Number)> = points.cloned().collect();
        if !points.is_empty() {
            found.push((&series.labels, points));
        }
    }
    if let Expected::Scalar(wanted) = &eval.expected {
        return match found.first() {
            Some((_, points)) if same(&points[0].1, &Number::Float(*wanted)) => Ok(()),
            other => Err(format!("as a range: wanted {wanted}, got {other:?}")),
        };
    }
    series(eval, &found).map_err(|why| format!("as a range: {why}"))
}

fn shown(points: &[(i64, Number)]) -> String {
    let values = points.iter().map(|(time, value)| match value {
        Number::Float(value) => format!("{value}@{time}"),
        Number::Histogram(histogram) => format!("{}@{time}", histogram.notation()),
    });
    values.collect::<Vec<_>>().join(" ")
}

fn same(wanted: &Number, found: &Number) -> bool {
    match (wanted, found) {
        (Number::Float(wanted), Number::Float(found)) => close(*wanted, *found),
        (Number::Histogram(wanted), Number::Histogram(found)) => wanted.close_to(found, EPSILON),
        _ => false,
    }
}

fn close(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() {
        return is_stale(a) == is_stale(b);
    }
    if a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}
