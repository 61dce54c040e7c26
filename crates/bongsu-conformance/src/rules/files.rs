//! `manifest.json`: which rule files promtool accepts, and what it says of the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bongsu_model::{Diagnostic, Source};
use bongsu_rules::Group;
use bongsu_rules::file::{Loaded, Options, read};
use serde_json::Value;

use super::read_json;
use crate::report::Report;

pub(super) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let manifest = read_json(&folder.join("manifest.json"))?;
    for case in manifest.as_array().context("manifest.json is a list")? {
        let name = case["file"].as_str().unwrap_or("?");
        if !report.wants("files", name) {
            continue;
        }
        let text = std::fs::read_to_string(folder.join(name)).with_context(|| name.to_owned())?;
        let source = Arc::new(Source { name: name.to_owned(), text });
        report.add("files", name, judge(case, &source).into());
    }
    Ok(())
}

fn judge(case: &Value, source: &Arc<Source>) -> Result<(), String> {
    // promtool was given objects without their wrapper.
    let strict = case["format"] != "PrometheusRule";
    let loaded = read(source, &Options { strict, ..Options::default() });
    match (case["promtool_3_5_3"] == "ok", loaded) {
        (true, Ok(loaded)) => {
            counts(case, &loaded)?;
            let duplicates = case["lint_duplicates"] == true;
            match (duplicates, has_duplicates(&loaded.groups)) {
                (expected, got) if expected == got => Ok(()),
                (expected, got) => Err(format!("duplicates: want {expected}, got {got}")),
            }
        }
        (false, Err(found)) => says(&case["promtool_3_5_3_error"], &found),
        (true, Err(found)) => {
            let first = found.first().map(Diagnostic::on_one_line);
            Err(format!("refused: {}", first.unwrap_or_default()))
        }
        (false, Ok(_)) => Err(format!("accepted; want {}", case["promtool_3_5_3_error"])),
    }
}

fn counts(case: &Value, loaded: &Loaded) -> Result<(), String> {
    let rules = || loaded.groups.iter().flat_map(|group| &group.rules);
    let alerts = rules().filter(|rule| rule.kind.is_alerting()).count();
    let got = [loaded.groups.len(), alerts, rules().count() - alerts];
    for (key, got) in ["groups", "alerts", "records"].iter().zip(got) {
        // vmalert's files of several documents are counted whole.
        if case["format"] != "vmalert" && case[*key] != got {
            return Err(format!("{key}: want {}, got {got}", case[*key]));
        }
    }
    Ok(())
}

/// promtool's duplicates: one name with one set of labels, in whatever group of the file.
fn has_duplicates(groups: &[Group]) -> bool {
    let mut seen: BTreeMap<(&str, &BTreeMap<String, String>), usize> = BTreeMap::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        *seen.entry((&rule.name, &rule.labels)).or_default() += 1;
    }
    seen.values().any(|count| *count > 1)
}

/// Whether every line of promtool's error is among the findings, at its place if it names one.
fn says(expected: &Value, found: &[Diagnostic]) -> Result<(), String> {
    for line in expected.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let line = line.split_once(".rules: ").map_or(line, |(_, rest)| rest);
        let line = line.split_once(".yaml: ").map_or(line, |(_, rest)| rest);
        let line = line.split_once(".yml: ").map_or(line, |(_, rest)| rest);
        if line.starts_with("yaml: unmarshal errors") {
            continue;
        }
        let (place, message) = placed(line);
        let fits = |finding: &&Diagnostic| {
            let at = finding.place.as_ref().map(|place| (place.line, place.column));
            let there = match (place, at) {
                (Some((line, 0)), Some((l, _))) => line == l,
                (Some(place), Some(at)) => place == at,
                (Some(_), None) => false,
                (None, _) => true,
            };
            there && finding.message.contains(message)
        };
        if !found.iter().any(|finding| fits(&finding)) {
            let got: Vec<String> = found.iter().map(Diagnostic::on_one_line).collect();
            return Err(format!("want {line:?}, got {got:?}"));
        }
    }
    Ok(())
}

/// `4:17: message`, `line 8: message`; `0:0` names no place, and of two places the first counts.
fn placed(line: &str) -> (Option<(usize, usize)>, &str) {
    if let Some((number, message)) = line.strip_prefix("line ").and_then(|l| l.split_once(": "))
        && let Ok(number) = number.parse()
    {
        return (Some((number, 0)), message);
    }
    let (mut first, mut rest) = (None, line);
    while let Some((head, tail)) = rest.split_once(": ") {
        let numbers =
            head.split_once(':').and_then(|(l, c)| Some((l.parse().ok()?, c.parse().ok()?)));
        let Some(place) = numbers else { break };
        first = first.or(Some(place));
        rest = tail;
    }
    (first.filter(|place| *place != (0, 0)), rest)
}
