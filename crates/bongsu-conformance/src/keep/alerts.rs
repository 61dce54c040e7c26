//! `keep-alerts`: payloads of many systems and the alerts they stand for.
//!
//! A payload passes if the shipped mapping gives the recorded alerts, field by field, except where a
//! recording depends on its clock or chance. One that was recorded as an error has to give an alert
//! all the same, unless it is an alert in the wide form that breaks its own rules.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use bongsu_model::Timestamp;
use bongsu_provider::manifest::Catalogue;
use serde::Deserialize;
use serde_json::Value;

use crate::report::Report;

/// The clock of the recordings.
const NOW: &str = "2026-01-15T12:00:00Z";

#[derive(Deserialize)]
struct Case {
    id: String,
    provider: String,
    payload: Option<Value>,
    raw_body: Option<String>,
    expected: Option<Vec<Value>>,
    #[serde(default)]
    volatile: Vec<String>,
}

/// Runs every file of the folder.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let catalogue = Catalogue::shipped();
    let now: Timestamp = NOW.parse()?;
    let mut files: Vec<_> = fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        let path = file.path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let case: Case = serde_json::from_slice(&fs::read(&path)?)
            .with_context(|| format!("read {}", path.display()))?;
        let (provider, id) = (case.provider.clone(), case.id.clone());
        if report.wants(&provider, &id) {
            report.add(&provider, &id, judge(&catalogue, case, now).into());
        }
    }
    Ok(())
}

fn judge(catalogue: &Catalogue, case: Case, now: Timestamp) -> Result<(), String> {
    let manifest = match catalogue.get(&case.provider) {
        None => return Err("no such provider".to_owned()),
        Some(Err(found)) => return Err(bongsu_model::render_diagnostics(&found)),
        Some(Ok(manifest)) => manifest,
    };
    let body = match (case.payload, case.raw_body) {
        (Some(payload), _) => payload,
        (None, Some(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        (None, None) => Value::Null,
    };
    let mapped = manifest.map(&body.into(), now);
    let Some(expected) = case.expected else {
        return match mapped {
            Ok(mapped) if mapped.occurrences.iter().all(|o| !o.name.is_empty()) => Ok(()),
            Ok(_) => Err("an alert without a name".to_owned()),
            Err(_) if case.provider == "keep" => Ok(()),
            Err(error) => Err(error.to_string()),
        };
    };
    let mapped = mapped.map_err(|error| error.to_string())?;
    if mapped.occurrences.len() != expected.len() {
        return Err(format!("{} alerts, wanted {}", mapped.occurrences.len(), expected.len()));
    }
    let mut wrong = Vec::new();
    for (at, (got, want)) in mapped.occurrences.iter().zip(&expected).enumerate() {
        let (got, want) = (got.to_json(), want);
        let (Value::Object(got), Value::Object(want)) = (&got, want) else { continue };
        for name in got.keys().chain(want.keys().filter(|name| !got.contains_key(*name))) {
            let path = format!("{at}.{name}");
            if case.volatile.contains(&path) {
                continue;
            }
            let (mut left, mut right) = (got.get(name).cloned(), want.get(name).cloned());
            for nested in case.volatile.iter().filter_map(|v| v.strip_prefix(&format!("{path}."))) {
                let pointer = format!("/{}", nested.replace('.', "/"));
                for side in [&mut left, &mut right] {
                    if let Some(value) = side.as_mut().and_then(|v| v.pointer_mut(&pointer)) {
                        *value = Value::Null;
                    }
                }
            }
            if left != right {
                wrong.push(format!("{path}: {} wanted {}", shown(left), shown(right)));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
}

fn shown(value: Option<Value>) -> String {
    let text = value.map_or_else(|| "absent".to_owned(), |value| value.to_string());
    if text.chars().count() > 300 { text.chars().take(300).chain(['…']).collect() } else { text }
}
