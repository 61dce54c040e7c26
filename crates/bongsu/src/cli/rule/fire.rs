//! `bongsu rule fire`: a drill, an alert as a rule would send it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::{Mode, duration};
use bongsu_model::{Labels, Time, Timestamp};
use bongsu_promql::Number;
use bongsu_rules::template::{Answers, Expansion, External, Scope, expand};
use clap::Args;
use serde_json::{Value, json};

use super::server::{self, Shown};
use crate::amtool::words;
use crate::cli::{Failure, Global, Outcome, input};
use crate::client::{Client, ClientError};
use crate::exit::Exit;
use crate::output::{Colour, Shape, object, paint};

/// Which alert, and for how long.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu rule fire HighErrors --label service=checkout\n  \
                         bongsu rule fire DiskFull --label instance=db1 --for 10m --dry-run")]
pub(crate) struct FireRule {
    /// Name of the alert.
    name: String,
    /// A label its series would have, name=value; may be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// Value its series would have, for texts that show it.
    #[arg(long, value_name = "NUMBER", default_value = "NaN", allow_hyphen_values = true)]
    value: f64,
    /// It resolves by itself after this.
    #[arg(long = "for", value_name = "DURATION", value_parser = input::length, default_value = "5m")]
    hold: Duration,
    /// Print what would be sent, send nothing.
    #[arg(long)]
    dry_run: bool,
}

impl FireRule {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let labels = words::pairs(self.labels.iter().map(String::as_str), "labels", Mode::Fallback);
        let labels = labels.map_err(Failure::usage)?;
        let client = global.client()?;
        let query = [("type", "alert"), ("rule_name[]", &self.name), ("exclude_alerts", "true")];
        let rules = server::rules(&client, &query)?;
        let rule = self.chosen(&rules, &labels)?;
        let external = Labels::from_pairs(&server::external_labels(&client)?);
        let external = External { labels: external, ..External::default() };
        let alert = self.alert(rule, &labels, &external, Timestamp::now());
        if self.dry_run {
            object(&json!([alert]), Shape::Json, &[], "", "");
            return Ok(Exit::Done);
        }
        client.post_alerts(&json!([alert]))?;
        let fingerprint = labels_of(&alert["labels"]).fingerprint().to_string();
        let told = told(&client, &fingerprint)?;
        let answer = json!({
            "alert": alert, "fingerprint": fingerprint, "routes": told["routes"],
            "silenced_by": told["alert"]["silenced_by"],
            "inhibited_by": told["alert"]["inhibited_by"],
        });
        let text = said(&answer);
        object(&answer, global.output, &global.fields, &text, &fingerprint);
        global.say(&format!("it resolves by itself in {}", duration::print(self.hold)));
        Ok(Exit::Done)
    }

    /// The one rule that is meant: of several of the name, the one whose labels are asked for.
    fn chosen<'r>(
        &self,
        rules: &'r [Shown],
        labels: &BTreeMap<String, String>,
    ) -> Result<&'r Shown, Failure> {
        let agrees = |rule: &&Shown| {
            labels.iter().all(|(name, value)| {
                let own = rule.json["labels"][name].as_str();
                own.is_none_or(|own| own == value || own.contains("{{"))
            })
        };
        let meant: Vec<&Shown> = rules.iter().filter(agrees).collect();
        match meant.as_slice() {
            [] if rules.is_empty() => Err(Failure::no(format!("no alerting rule {}", self.name))
                .hint("list them with: bongsu rule ls --type alert")),
            [] => Err(Failure::usage("the rule has other values for these labels")),
            [one] => Ok(one),
            several => {
                let texts: Vec<String> =
                    several.iter().map(|rule| server::labels(&rule.json["labels"], &[])).collect();
                Err(Failure::usage(format!("{} rules are called {}", several.len(), self.name))
                    .hint(format!("choose with --label; they have {}", texts.join(" | "))))
            }
        }
    }

    /// As the rule would send it, marked.
    fn alert(
        &self,
        rule: &Shown,
        given: &BTreeMap<String, String>,
        external: &External,
        now: Timestamp,
    ) -> Value {
        let sample = Labels::from_pairs(given);
        let answers = Arc::new(Answers::default());
        let scope = Scope::new(&sample, &Number::Float(self.value), external, &answers, now);
        let expanded = |text: &str| match expand(&self.name, text, &scope) {
            Expansion::Text(text) => text,
            // What only an evaluation can tell stays as it is written.
            Expansion::Failed(_) | Expansion::Needs(_) => text.to_owned(),
        };
        let texts = |name: &str| -> BTreeMap<String, String> {
            let pairs = rule.json[name].as_object().into_iter().flatten();
            let pairs =
                pairs.filter_map(|(name, text)| Some((name.clone(), expanded(text.as_str()?))));
            pairs.collect()
        };
        let mut labels = given.clone();
        labels.extend(texts("labels"));
        labels.insert("alertname".to_owned(), self.name.clone());
        labels.insert("drill".to_owned(), "true".to_owned());
        labels.retain(|_, value| !value.is_empty());
        // Only where the alert has none of its own.
        for (name, value) in external.labels.iter() {
            labels.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        let mut annotations = texts("annotations");
        annotations.insert(
            "drill".to_owned(),
            "This is a drill: somebody tries out whom this alert reaches.".to_owned(),
        );
        let end = now.checked_add(self.hold).unwrap_or(Timestamp::MAX);
        json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": words::api_time(Time::utc(now)),
            "endsAt": words::api_time(Time::utc(end)),
        })
    }
}

fn labels_of(json: &Value) -> Labels {
    let pairs = json.as_object().into_iter().flatten();
    Labels::from_pairs(pairs.filter_map(|(name, value)| Some((name, value.as_str()?))))
}

/// What the server does with it; nothing from one that cannot say.
fn told(client: &Client, fingerprint: &str) -> Result<Value, Failure> {
    match client.below("v1/alerts", fingerprint, "/explain") {
        Err(ClientError::Refused { status: 404 | 405 | 410, .. }) => Ok(Value::Null),
        told => Ok(told?),
    }
}

fn said(answer: &Value) -> String {
    let labels = server::labels(&answer["alert"]["labels"], &[]);
    let mut out = format!("sent      {labels}\n");
    let words = |of: &Value| {
        let words = of.as_array().into_iter().flatten().filter_map(Value::as_str);
        words.collect::<Vec<_>>().join(", ")
    };
    for (heading, name) in [("silenced", "silenced_by"), ("inhibited", "inhibited_by")] {
        let by = words(&answer[name]);
        if !by.is_empty() {
            out.push_str(&format!("{}  by {by}\n", paint(Colour::Warn, &format!("{heading:<8}"))));
        }
    }
    for (at, route) in answer["routes"].as_array().into_iter().flatten().enumerate() {
        let heading = if at == 0 { "goes to" } else { "" };
        let receiver = route["receiver"].as_str().unwrap_or_default();
        let muted = words(&route["muted_by"]);
        let muted = if muted.is_empty() { String::new() } else { format!("  muted by {muted}") };
        out.push_str(&format!("{heading:<8}  {}{muted}\n", paint(Colour::Strong, receiver)));
    }
    out
}
