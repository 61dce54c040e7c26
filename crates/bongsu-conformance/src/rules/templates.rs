//! `templates/`: expansions by Prometheus' own tests and by a server.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use bongsu_lang::gotmpl::Value as Data;
use bongsu_model::{Labels, Timestamp};
use bongsu_promql::{FloatHistogram, Number, Sample};
use bongsu_rules::template::{
    Answers, Expansion, External, Scope, expand, expand_html, expand_text,
};
use serde_json::Value;

use super::{read_json, read_lines};
use crate::report::{Report, Verdict};

/// Turns an expansion may take to have its queries answered.
const MOST_QUERIES: usize = 20;

pub(super) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let folder = folder.join("templates");
    for case in read_json(&folder.join("upstream_cases.json"))?.as_array().into_iter().flatten() {
        let name = case["id"].to_string();
        if report.wants("templates/upstream", &name) {
            report.add("templates/upstream", &name, upstream(case));
        }
    }
    let context = read_json(&folder.join("context.json"))?;
    for (at, line) in read_lines(&folder.join("real_world.jsonl"))?.iter().enumerate() {
        let name = (at + 1).to_string();
        if report.wants("templates/real_world", &name) {
            report.add("templates/real_world", &name, real_world(&context, line).into());
        }
    }
    for (at, line) in read_lines(&folder.join("numeric_sweep.jsonl"))?.iter().enumerate() {
        let name = (at + 1).to_string();
        if report.wants("templates/numeric_sweep", &name) {
            report.add("templates/numeric_sweep", &name, numeric(line).into());
        }
    }
    Ok(())
}

fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    Labels::from_pairs(pairs.map(|(name, value)| (name, value.as_str().unwrap_or_default())))
}

fn number(text: &Value) -> Result<f64, String> {
    let text = text.as_str().ok_or("a value is text")?;
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn real_world(context: &Value, line: &Value) -> Result<(), String> {
    let template = line["template"].as_str().ok_or("no template")?;
    let base = &context["labels"][line["labels"].as_str().unwrap_or("full")];
    let external = External {
        labels: labels(&context["external_labels"]),
        url: Arc::from(context["external_url"].as_str().unwrap_or_default()),
    };
    for case in line["cases"].as_array().into_iter().flatten() {
        let mut full = base.clone();
        full["case_id"] = case["case_id"].clone();
        let value = Number::Float(number(&case["value"])?);
        let result = with_queries(&[], |answers| {
            let scope =
                Scope::new(&labels(&full), &value, &external, answers, Timestamp::UNIX_EPOCH);
            expand("TM", template, &scope)
        });
        same(&case["expected"], &result)?;
    }
    Ok(())
}

fn numeric(line: &Value) -> Result<(), String> {
    let template = line["template"].as_str().ok_or("no template")?;
    let value = Number::Float(number(&line["value"])?);
    let result = with_queries(&[], |answers| {
        let external = External::default();
        let scope =
            Scope::new(&Labels::default(), &value, &external, answers, Timestamp::UNIX_EPOCH);
        expand("SW", template, &scope)
    });
    same(&line["expected"], &result)
}

fn same(expected: &Value, expansion: &Expansion) -> Result<(), String> {
    let got = expansion.clone().shown().map_err(|query| format!("asks {query:?} again"))?;
    if *expected == *got { Ok(()) } else { Err(format!("want {expected}, got {got:?}")) }
}

/// Answers every query with the same samples.
fn with_queries(
    samples: &[Sample],
    mut expand: impl FnMut(&Arc<Answers>) -> Expansion,
) -> Expansion {
    let mut answers = Answers::default();
    for _ in 0..MOST_QUERIES {
        match expand(&Arc::new(answers.clone())) {
            Expansion::Needs(query) => answers.insert(query, Ok(samples)),
            done => return done,
        }
    }
    Expansion::Failed("asks too often".to_owned())
}

fn upstream(case: &Value) -> Verdict {
    let options = case["options"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let template = case["template"].as_str().unwrap_or_default();
    if options.iter().any(|option| option == "missingkey=error") {
        return Verdict::NotRun("rules expand with missingkey=zero".to_owned());
    }
    if template.contains("tmpl ") {
        return Verdict::NotRun("tmpl is for console pages, rules do not have it".to_owned());
    }
    judge(case, template).into()
}

fn judge(case: &Value, template: &str) -> Result<(), String> {
    let samples: Vec<Sample> = case["query_result"]
        .as_array()
        .into_iter()
        .flatten()
        .map(sample)
        .collect::<Result<_, _>>()?;
    let data = input(&case["input"])?;
    let external =
        External { labels: Labels::default(), url: Arc::from("http://testhost:9090/path/prefix") };
    let html = case["html"] == true;
    let expansion = with_queries(&samples, |answers| {
        let scope = Scope::of(data.clone(), &external, answers, Timestamp::UNIX_EPOCH);
        if html {
            return match expand_html(template, &scope) {
                Ok(text) => Expansion::Text(text),
                Err(message) => Expansion::Failed(message),
            };
        }
        expand_text("test", template, &scope)
    });
    match (case["should_fail"] == true, expansion) {
        (false, Expansion::Text(got)) if case["expected"] == *got => Ok(()),
        (true, Expansion::Failed(message)) => {
            let wanted = case["error"].as_str().unwrap_or_default();
            let last = wanted.rsplit(": ").next().unwrap_or_default();
            if message.contains(last) {
                Ok(())
            } else {
                Err(format!("want the error {wanted:?}, got {message:?}"))
            }
        }
        (_, got) => Err(format!("want {}, got {got:?}", case["expected"])),
    }
}

fn sample(value: &Value) -> Result<Sample, String> {
    let histogram = &value["histogram"];
    let value_of = if histogram.is_object() {
        Number::Histogram(Arc::new(FloatHistogram {
            count: histogram["count"].as_f64().unwrap_or(0.0),
            sum: histogram["sum"].as_f64().unwrap_or(0.0),
            ..FloatHistogram::default()
        }))
    } else {
        Number::Float(value["value"]["float"].as_f64().ok_or("a sample without a value")?)
    };
    Ok(Sample { labels: labels(&value["labels"]), time: 0, value: value_of })
}

/// The typed data of a case.
fn input(value: &Value) -> Result<Data, String> {
    let Some((kind, inner)) = value.as_object().and_then(|map| map.iter().next()) else {
        return Ok(Data::Absent);
    };
    Ok(match &**kind {
        "float" => Data::Float(match inner.as_f64() {
            Some(value) => value,
            None => number(inner)?,
        }),
        "int" => Data::int(inner.as_str().unwrap_or_default().parse().map_err(|_| "int")?),
        // Functions see it as a float anyway.
        "uint" => Data::Float(number(inner)?),
        "string" => Data::from(inner.as_str().unwrap_or_default()),
        "list" => {
            let items = inner.as_array().into_iter().flatten();
            Data::list(items.map(input).collect::<Result<_, _>>()?)
        }
        other => return Err(format!("data of the kind {other}")),
    })
}
