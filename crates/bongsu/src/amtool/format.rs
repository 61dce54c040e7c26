//! Tables and JSON in amtool's shapes.

use std::collections::BTreeMap;
use std::fmt::Write;

use bongsu_model::Time;
use serde_json::Value;

use super::{Call, Format};
use crate::client::{Alert, Raw, Silence};
use crate::output;
use crate::tabwriter::align;

/// Prints alerts.
pub(super) fn alerts(call: &Call, mut alerts: Vec<Raw<Alert>>) {
    let date = |time: Time| date(time, call.date_layout());
    let mut table = match call.format() {
        Format::Json => return json(&alerts.into_iter().map(|a| a.json).collect()),
        Format::Simple => "Alertname\tStarts At\tSummary\tState\t\n".to_owned(),
        Format::Extended => {
            "Labels\tAnnotations\tStarts At\tEnds At\tGenerator URL\tState\t\n".to_owned()
        }
    };
    alerts.sort_by_key(|alert| alert.item.starts_at);
    let get = |map: &BTreeMap<String, String>, key| map.get(key).cloned().unwrap_or_default();
    for Raw { item: alert, .. } in &alerts {
        // Writing to a String does not fail.
        let _ = match call.format() {
            Format::Extended => writeln!(
                table,
                "{}\t{}\t{}\t{}\t{}\t{}\t",
                quoted_pairs(&alert.labels),
                quoted_pairs(&alert.annotations),
                date(alert.starts_at),
                date(alert.ends_at),
                alert.generator_url,
                alert.status.state,
            ),
            _ => writeln!(
                table,
                "{}\t{}\t{}\t{}\t",
                get(&alert.labels, "alertname"),
                date(alert.starts_at),
                get(&alert.annotations, "summary"),
                alert.status.state,
            ),
        };
    }
    output::print(&align(&table));
}

/// Prints silences.
pub(super) fn silences(call: &Call, mut silences: Vec<Raw<Silence>>) {
    let date = |time: Time| date(time, call.date_layout());
    let mut table = match call.format() {
        Format::Json => return json(&silences.into_iter().map(|s| s.json).collect()),
        Format::Simple => "ID\tMatchers\tEnds At\tCreated By\tComment\t\n".to_owned(),
        Format::Extended => {
            "ID\tMatchers\tStarts At\tEnds At\tUpdated At\tCreated By\tComment\t\n".to_owned()
        }
    };
    silences.sort_by_key(|silence| silence.item.ends_at);
    for Raw { item: silence, .. } in &silences {
        let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
        let _ = match call.format() {
            Format::Extended => writeln!(
                table,
                "{}\t{{{}}}\t{}\t{}\t{}\t{}\t{}\t",
                silence.id,
                matchers.join(","),
                date(silence.starts_at),
                date(silence.ends_at),
                date(silence.updated_at),
                silence.created_by,
                silence.comment,
            ),
            _ => writeln!(
                table,
                "{}\t{}\t{}\t{}\t{}\t",
                silence.id,
                matchers.join(" "),
                date(silence.ends_at),
                silence.created_by,
                silence.comment,
            ),
        };
    }
    output::print(&align(&table));
}

/// Prints one line of JSON.
pub(super) fn json(value: &Value) {
    output::print(&output::go_json(value));
}

fn date(time: Time, layout: &str) -> String {
    output::go_date(time, layout)
}

fn quoted_pairs(pairs: &BTreeMap<String, String>) -> String {
    let mut shown: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
    shown.sort();
    shown.join(" ")
}
