//! `bongsu rule show`: everything about one rule, and why it does not fire.

use std::fmt::Write;

use bongsu_rules::condition::{Comparison, Operator};
use bongsu_rules::expression::split_comparison;
use clap::Args;
use serde_json::{Value, json};

use super::eval::series_name;
use super::ls::{health, tone};
use super::server::{self, Shown, labels, length, time, took};
use crate::cli::{Failure, Global, Outcome};
use crate::client::{Client, ClientError};
use crate::exit::Exit;
use crate::output::{Colour, Shape, object, paint};

/// Evaluations a table shows.
const EVALUATIONS: usize = 10;

/// Which rule.
#[derive(Debug, Args)]
pub(crate) struct ShowRule {
    /// Name of the alert or series.
    name: String,
    /// The rule of this group only.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl ShowRule {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        let mut query = vec![("rule_name[]", &*self.name)];
        query.extend(self.group.as_deref().map(|group| ("rule_group[]", group)));
        let rules = server::rules(&client, &query)?;
        if rules.is_empty() {
            return Err(Failure::no(format!("no rule {}", self.name))
                .hint("list them with: bongsu rule ls"));
        }
        let stories = items(client.below("v1/rules", &self.name, "/evaluations"))?;
        let gaps = items(client.get("v1/rules/gaps", &[]))?;
        let rules: Vec<Value> =
            rules.iter().map(|rule| told(rule, &stories, &gaps, &client)).collect();
        let all = match (global.output, rules.as_slice()) {
            (Shape::Table, _) => Value::Null,
            (_, [one]) => one.clone(),
            (_, several) => several.into(),
        };
        let texts: Vec<String> = rules.iter().map(|rule| story(rule, global)).collect();
        object(&all, global.output, &global.fields, &texts.join("\n"), &self.name);
        Ok(Exit::Done)
    }
}

/// The items of a page; none from a server that does not know such pages.
fn items(page: Result<Value, ClientError>) -> Result<Vec<Value>, Failure> {
    match page {
        Ok(mut page) => Ok(match page["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }),
        Err(ClientError::Refused { status: 404 | 405, .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// A rule with all that is known of it.
fn told(rule: &Shown, stories: &[Value], gaps: &[Value], client: &Client) -> Value {
    let same_group =
        |of: &&Value| of["file"] == rule.json["file"] && of["group"] == rule.json["group"];
    let story = stories.iter().filter(same_group).find(|story| {
        // Rules of one name in a group are told apart by what they ask.
        stories.iter().filter(same_group).count() == 1 || story["expr"] == rule.json["query"]
    });
    let mut all = rule.json.clone();
    all["interval"] = rule.interval.into();
    all["datasource"] = story.map_or(Value::Null, |story| story["datasource"].clone());
    all["evaluations"] = story.map_or(json!([]), |story| story["evaluations"].clone());
    all["gaps"] = gaps.iter().filter(same_group).cloned().collect();
    all["why"] = why(&all, client).into();
    all
}

/// Why an alerting rule does not fire, as far as it can be known from here.
fn why(rule: &Value, client: &Client) -> Vec<String> {
    if rule["type"] != "alerting" || rule["state"] == "firing" {
        return Vec::new();
    }
    if let Some(error) = rule["lastError"].as_str() {
        return vec![format!("its last evaluation failed: {error}")];
    }
    if rule["state"] == "pending" {
        return pending(rule);
    }
    let last = &rule["evaluations"][0];
    if rule["health"] == "unknown" || last.is_null() {
        return vec!["it has not been evaluated yet".to_owned()];
    }
    match last["series"].as_u64().unwrap_or_default() {
        0 => nearest(rule, client),
        series => {
            vec![format!(
                "the answer has {series} series, none of which breaches, or not often enough"
            )]
        }
    }
}

fn pending(rule: &Value) -> Vec<String> {
    let hold = length(&rule["duration"]);
    let alerts = rule["alerts"].as_array().into_iter().flatten();
    let alerts = alerts.map(|alert| {
        let labels = labels(&alert["labels"], &["alertname"]);
        let since = alert["activeAt"].as_str().unwrap_or_default();
        format!("pending: it must hold for {hold}, and does since {since}: {labels}")
    });
    alerts.collect()
}

/// Asks what stands before the comparison and says which value comes nearest to it.
fn nearest(rule: &Value, client: &Client) -> Vec<String> {
    let nothing = || vec!["its expression answers no series".to_owned()];
    let text = rule["query"].as_str().unwrap_or_default();
    // Only series kept by the server itself can be asked from here.
    if rule["datasource"].as_str().is_some_and(|source| source != "local") {
        return nothing();
    }
    let Ok(expr) = bongsu_promql::parse(text) else { return nothing() };
    let Some(split) = split_comparison(&expr) else { return nothing() };
    let value = split.value.to_string();
    let Ok(answer) = client.ask("v1/query", &[("query", &value)]) else { return nothing() };
    let series = answer["data"]["result"].as_array().map_or(&[][..], Vec::as_slice);
    let numbers = series.iter().filter_map(|series| {
        let number: f64 = series["value"][1].as_str()?.parse().ok()?;
        Some((number, &series["metric"]))
    });
    let Comparison { op, value: limit } = split.comparison;
    let distance = |number: f64| match op {
        Operator::Greater | Operator::GreaterOrEqual => limit - number,
        Operator::Less | Operator::LessOrEqual => number - limit,
        _ => (number - limit).abs(),
    };
    let nearest = numbers.min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)));
    vec![match nearest {
        None => format!("there are no series of {value}: is anything missing?"),
        Some((number, metric)) => format!(
            "nothing breaches now: {value} must be {}, nearest is {number} of {}",
            split.comparison,
            series_name(metric)
        ),
    }]
}

/// All of it for people.
fn story(rule: &Value, global: &Global) -> String {
    let mut out = String::new();
    let text = |name: &str| rule[name].as_str().unwrap_or_default();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a String does not fail.
            let _ = writeln!(out, "{name:<12} {}", value.trim_end());
        }
    };
    line("rule", &paint(Colour::Strong, text("name")));
    line("state", &paint(tone(text("state")), text("state")));
    line("group", &format!("{} in {}", text("group"), text("file")));
    line("every", &length(&rule["interval"]));
    line("asks", text("datasource"));
    line("expression", text("query"));
    if rule["type"] == "alerting" {
        for (name, key) in [("for", "duration"), ("keeps firing", "keepFiringFor")] {
            if rule[key].as_f64().unwrap_or_default() > 0.0 {
                line(name, &length(&rule[key]));
            }
        }
    }
    let (colour, word) = health(text("health"));
    line("health", &format!("{} {}", paint(colour, &word), text("lastError")));
    for name in ["labels", "annotations"] {
        for (at, (key, value)) in rule[name].as_object().into_iter().flatten().enumerate() {
            let heading = if at == 0 { name } else { "" };
            line(heading, &format!("{key} = {}", value.as_str().unwrap_or_default()));
        }
    }
    section(&mut out, "alerts", &rule["alerts"], |alert| {
        let state = alert["state"].as_str().unwrap_or_default();
        let since = time(global, &alert["activeAt"]);
        let number = alert["value"].as_str().and_then(|text| text.parse::<f64>().ok());
        let labels = labels(&alert["labels"], &["alertname"]);
        let value = number.map_or_else(String::new, |number| format!(" {number}"));
        format!("{} since {since}{value}  {labels}", paint(tone(state), state))
    });
    section(&mut out, "evaluations", &rule["evaluations"], |one| {
        let error = one["error"].as_str().map(|error| paint(Colour::Bad, error));
        format!(
            "{}  {:>6}  {} series  {}",
            time(global, &one["at"]),
            took(one["seconds"].as_f64().unwrap_or_default()),
            one["series"],
            error.unwrap_or_default()
        )
    });
    section(&mut out, "gaps", &rule["gaps"], |gap| {
        format!(
            "{} missed between {} and {}",
            gap["missed"],
            time(global, &gap["after"]),
            time(global, &gap["until"])
        )
    });
    section(&mut out, "why not", &rule["why"], |reason| {
        reason.as_str().unwrap_or_default().to_owned()
    });
    out
}

fn section(out: &mut String, title: &str, list: &Value, line: impl Fn(&Value) -> String) {
    for (at, item) in list.as_array().into_iter().flatten().take(EVALUATIONS).enumerate() {
        let title = if at == 0 { title } else { "" };
        let _ = writeln!(out, "{title:<12} {}", line(item).trim_end());
    }
}
