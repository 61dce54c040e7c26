//! Rules of Loki's ruler: Prometheus' form with expressions in LogQL.

use std::time::Duration;

use bongsu_lang::yaml::Node;

use super::lost;
use super::made::{Condition, NativeGroup, NativeRule};
use crate::slo::document::Reader;

/// The groups of a rule file, or of the answer of the ruler's API.
pub(super) fn groups(reader: &mut Reader, node: &Node) -> Vec<NativeGroup> {
    if !reader.keys(node, &["groups", "namespace"]) {
        return Vec::new();
    }
    let mut groups = Vec::new();
    for node in reader.items(node.get("groups")) {
        let known =
            ["name", "interval", "limit", "rules", "labels", "remote_write", "source_tenants"];
        if !reader.keys(node, &known) {
            continue;
        }
        let Some(name) = reader.need_text(node, "name") else { continue };
        for key in ["remote_write", "source_tenants"] {
            if let Some(value) = node.get(key) {
                lost(reader, value, &name, key, "it is a setting of the data source here");
            }
        }
        let limit = reader.number_at(node, "limit").unwrap_or(0.0);
        groups.push(NativeGroup {
            interval: reader.duration_at(node, "interval"),
            datasource: Some("loki".to_owned()),
            language: Some("loki"),
            labels: reader.labels_at(node, "labels"),
            limit: limit.max(0.0) as u64,
            rules: reader.items(node.get("rules")).iter().filter_map(|r| rule(reader, r)).collect(),
            name,
        });
    }
    groups
}

fn rule(reader: &mut Reader, node: &Node) -> Option<NativeRule> {
    let known = ["alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"];
    if !reader.keys(node, &known) {
        return None;
    }
    let (alert, record) = (reader.text_at(node, "alert"), reader.text_at(node, "record"));
    let records = record.is_some();
    let ((Some(name), None) | (None, Some(name))) = (alert, record) else {
        reader.missing(node, "exactly one of alert and record");
        return None;
    };
    let expr = reader.need_text(node, "expr")?;
    Some(NativeRule {
        name,
        records,
        condition: Condition::expr(expr),
        hold: length(reader, node, "for"),
        keep_firing: length(reader, node, "keep_firing_for"),
        labels: reader.labels_at(node, "labels"),
        annotations: reader.labels_at(node, "annotations"),
        ..NativeRule::default()
    })
}

/// A duration that may be zero.
pub(super) fn length(reader: &mut Reader, node: &Node, key: &str) -> Option<Duration> {
    let value = node.get(key).filter(|node| !node.is_null())?;
    if matches!(value.text(), Some("0" | "0s" | "0m")) {
        return None;
    }
    reader.duration(value)
}
