//! The `alertmanager` suite: one module per fixture file, each judging one case.

mod acceptance_scenarios;
mod alert_ingest;
mod alert_merge;
mod alert_sort;
mod api_filter_match;
mod api_http;
mod config_effective;
mod config_validity;
mod dedup;
mod durations;
mod fingerprints;
mod groups;
mod inhibit;
mod label_names;
mod matcher_match;
mod matcher_string;
mod matchers_parse;
mod mute_stage;
mod notify_payloads;
mod payload_retyping;
mod read;
mod receiver_label_match;
mod retry_policy;
mod retry_stage;
mod routing;
mod routing_tree;
mod served;
mod silence;
mod silence_filter;
mod template_defaults;
mod template_text_html;
mod timeinterval;
mod truncate;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::report::{Report, Verdict};

/// What every case of a file shares.
pub(super) struct Context {
    /// The file's `fields` object.
    pub(super) fields: Value,
    /// `cases` of `template_data_sets.json`.
    pub(super) data_sets: Value,
}

impl Context {
    /// A data set by name.
    #[allow(dead_code, reason = "used once the template modules judge their cases")]
    pub(super) fn data_set(&self, name: &str) -> Option<&Value> {
        self.data_sets.as_array()?.iter().find(|set| set["name"] == name)
    }
}

type Judge = fn(&Context, &Value) -> Verdict;

const FILES: &[(&str, Judge)] = &[
    ("acceptance_scenarios", acceptance_scenarios::judge),
    ("alert_ingest", alert_ingest::judge),
    ("alert_merge", alert_merge::judge),
    ("alert_sort", alert_sort::judge),
    ("api_filter_match", api_filter_match::judge),
    ("api_http", api_http::judge),
    ("config_effective", config_effective::judge),
    ("config_validity", config_validity::judge),
    ("dedup", dedup::judge),
    ("durations", durations::judge),
    ("fingerprints", fingerprints::judge),
    ("groups", groups::judge),
    ("inhibit", inhibit::judge),
    ("label_names", label_names::judge),
    ("matcher_match", matcher_match::judge),
    ("matcher_string", matcher_string::judge),
    ("matchers_parse", matchers_parse::judge),
    ("mute_stage", mute_stage::judge),
    ("notify_payloads", notify_payloads::judge),
    ("payload_retyping", payload_retyping::judge),
    ("receiver_label_match", receiver_label_match::judge),
    ("retry_policy", retry_policy::judge),
    ("retry_stage", retry_stage::judge),
    ("routing", routing::judge),
    ("routing_tree", routing_tree::judge),
    ("silence", silence::judge),
    ("silence_filter", silence_filter::judge),
    ("template_defaults", template_defaults::judge),
    ("template_text_html", template_text_html::judge),
    ("timeinterval", timeinterval::judge),
    ("truncate", truncate::judge),
];

pub(super) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let data_sets = read(&folder.join("template_data_sets.json"))?["cases"].take();
    let mut context = Context { fields: Value::Null, data_sets };
    for (name, judge) in FILES {
        let mut file = read(&folder.join(format!("{name}.json")))?;
        context.fields = file["fields"].take();
        let cases = file["cases"].take();
        let Some(cases) = cases.as_array() else { bail!("{name}.json: no cases") };
        let wanted: Vec<(&str, &Value)> = cases
            .iter()
            .map(|case| (case["name"].as_str().unwrap_or("?"), case))
            .filter(|(case_name, _)| report.wants(name, case_name))
            .collect();
        let verdict = |case: &Value| {
            std::panic::catch_unwind(|| judge(&context, case))
                .unwrap_or_else(|_| Verdict::Failed("panicked".to_owned()))
        };
        // Scenarios pass in real time and mostly wait: all at once.
        let verdicts: Vec<Verdict> = if *name == "acceptance_scenarios" {
            std::thread::scope(|scope| {
                let runs: Vec<_> =
                    wanted.iter().map(|(_, case)| scope.spawn(|| verdict(case))).collect();
                runs.into_iter()
                    .map(|run| {
                        run.join().unwrap_or_else(|_| Verdict::Failed("panicked".to_owned()))
                    })
                    .collect()
            })
        } else {
            wanted.iter().map(|(_, case)| verdict(case)).collect()
        };
        for ((case_name, _), verdict) in wanted.into_iter().zip(verdicts) {
            report.add(name, case_name, verdict);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("parse {}", path.display()))
}
