//! `bongsu rule eval`: asks an expression.

use std::time::Duration;

use bongsu_model::Time;
use clap::Args;
use serde_json::Value;

use crate::cli::{Failure, Global, Outcome, input};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row, Shape};

/// What to ask.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu rule eval 'rate(http_requests_total[5m]) > 10'\n  \
                         bongsu rule eval up --at -1h\n  \
                         bongsu rule eval 'sum(up)' --from 6h --step 5m")]
pub(crate) struct EvalExpr {
    /// The expression, in PromQL.
    expr: String,
    /// The instant: RFC 3339, or how long ago (1h).
    #[arg(long, value_name = "TIME", value_parser = input::past, allow_hyphen_values = true)]
    at: Option<Time>,
    /// From when, to ask over a time.
    #[arg(long, value_name = "TIME", value_parser = input::past, allow_hyphen_values = true)]
    #[arg(conflicts_with = "at")]
    from: Option<Time>,
    /// Until when; now if it is left out.
    #[arg(long, value_name = "TIME", value_parser = input::past, allow_hyphen_values = true)]
    #[arg(requires = "from")]
    to: Option<Time>,
    /// Time between two values.
    #[arg(long, value_name = "DURATION", value_parser = input::length, default_value = "1m")]
    step: Duration,
}

impl EvalExpr {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        let mut form = vec![("query", self.expr.clone())];
        let path = match self.from {
            None => {
                form.extend(self.at.map(|at| ("time", instant(at))));
                "v1/query"
            }
            Some(from) => {
                form.push(("start", instant(from)));
                form.push(("end", instant(self.to.unwrap_or_else(input::now))));
                form.push(("step", self.step.as_secs_f64().to_string()));
                "v1/query_range"
            }
        };
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
        let answer = client.ask(path, &form)?;
        for name in ["warnings", "infos"] {
            for note in answer[name].as_array().into_iter().flatten() {
                global.say(note.as_str().unwrap_or_default());
            }
        }
        let rows = rows(&answer["data"], global);
        let none = rows.is_empty();
        let listing = Listing { columns: &["TIME", "VALUE", "SERIES"], rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        if none {
            global.say("no series");
        }
        Ok(Exit::Done)
    }
}

fn instant(at: Time) -> String {
    at.at.to_string()
}

fn rows(data: &Value, global: &Global) -> Vec<Row> {
    let result = &data["result"];
    if matches!(data["resultType"].as_str(), Some("scalar" | "string")) {
        return vec![row(result, "", result, global)];
    }
    let mut rows = Vec::new();
    for series in result.as_array().into_iter().flatten() {
        let name = series_name(&series["metric"]);
        let point = if series["value"].is_null() { &series["histogram"] } else { &series["value"] };
        let lists = ["values", "histograms"].map(|key| series[key].as_array());
        let points = lists.into_iter().flatten().flatten();
        match global.output {
            Shape::Table if point.is_null() => {
                rows.extend(points.map(|point| row(point, &name, series, global)));
            }
            _ => rows.push(row(point, &name, series, global)),
        }
    }
    rows
}

/// `[seconds, value]`.
fn row(point: &Value, name: &str, json: &Value, global: &Global) -> Row {
    let at = point[0].as_f64().map(|seconds| (seconds * 1000.0).round() as i64);
    let at = at.and_then(|millis| bongsu_model::Timestamp::from_millisecond(millis).ok());
    let value = match &point[1] {
        Value::String(text) => text.clone(),
        histogram => format!(
            "count {} sum {}",
            histogram["count"].as_str().unwrap_or_default(),
            histogram["sum"].as_str().unwrap_or_default()
        ),
    };
    Row {
        id: name.to_owned(),
        cells: vec![
            (Colour::Dim, at.map(|at| global.show_time(at)).unwrap_or_default()),
            (Colour::Strong, value),
            (Colour::Plain, name.to_owned()),
        ],
        json: json.clone(),
    }
}

/// `name{a="b"}`.
pub(super) fn series_name(metric: &Value) -> String {
    let pairs = metric.as_object().into_iter().flatten();
    let pairs = pairs.filter(|(name, _)| *name != "__name__");
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    let name = metric["__name__"].as_str().unwrap_or_default();
    match pairs.is_empty() {
        true if !name.is_empty() => name.to_owned(),
        _ => format!("{name}{{{}}}", pairs.join(", ")),
    }
}
