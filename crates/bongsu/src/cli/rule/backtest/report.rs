//! The outcome of a backtest as a table or JSON.

use std::cmp::Ordering;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_model::Timestamp;
use bongsu_rules::backtest::{AlertHistory, Backtest, Comparison};
use serde_json::{Value, json};

use super::notifications::{Tally, Told};
use crate::cli::{Failure, Global};
use crate::output::{Colour, Listing, Row, Shape, object};

const COLUMNS: &[&str] =
    &["ALERT", "FIRED", "TOTAL", "FLAPS", "NEAR", "FIRST", "LAST", "RECEIVERS", "LABELS"];
const COMPARED: &[&str] =
    &["CHANGE", "ALERT", "FIRED", "TOTAL", "FLAPS", "NEAR", "FIRST", "LAST", "RECEIVERS", "LABELS"];

const TOLD: &[&str] = &["RECEIVER", "NOTIFICATIONS", "MESSAGES"];
const TOLD_COMPARED: &[&str] = &["RECEIVER", "BEFORE", "AFTER", "DIFFERENCE", "MESSAGES"];

/// Who would have been told how often, with the rules as they were before and as they are.
pub(super) struct Notified {
    pub(super) before: Option<Told>,
    pub(super) after: Told,
}

/// Prints the outcome, and what changes if there is a comparison.
pub(super) fn print(
    outcome: &Backtest,
    comparison: Option<&Comparison>,
    notified: Option<&Notified>,
    span: (Timestamp, Timestamp),
    global: &Global,
) -> Result<(), Failure> {
    if matches!(global.output, Shape::Json | Shape::Yaml) {
        let mut json = document(outcome, comparison, span);
        if let Some(Notified { before, after }) = notified {
            json["notifications"] = json!(after);
            if let Some(before) = before {
                json["comparison"]["notifications"] = compared_receivers(before, after);
            }
        }
        object(&json, global.output, &global.fields, "", "");
        return Ok(());
    }
    let listing = match comparison {
        None => Listing {
            columns: COLUMNS,
            rows: sorted(&outcome.alerts).into_iter().map(|alert| row(alert, global)).collect(),
        },
        Some(comparison) => Listing { columns: COMPARED, rows: compared(comparison, global) },
    };
    if !listing.rows.is_empty() || global.output != Shape::Table {
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    }
    // Columns that are picked are those of alerts.
    if let Some(notified) =
        notified.filter(|_| global.fields.is_empty() && global.output == Shape::Table)
    {
        if !listing.rows.is_empty() {
            crate::output::print("\n");
        }
        receivers(notified).print(global.output, &[]).map_err(Failure::usage)?;
    }
    if let Some(Comparison { added, removed, changed, unchanged }) = comparison {
        global.say(&format!(
            "alerts: {} added, {} removed, {} changed, {unchanged} as before",
            added.len(),
            removed.len(),
            changed.len()
        ));
    }
    Ok(())
}

/// Receivers with their notifications.
fn receivers(Notified { before, after }: &Notified) -> Listing {
    let plain = |text: String| (Colour::Plain, text);
    let rows = after.receivers.iter().map(|(name, tally)| {
        let messages = tally.messages.iter().map(|(kind, count)| format!("{kind} {count}"));
        let messages = plain(messages.collect::<Vec<_>>().join(", "));
        let now = tally.notifications;
        let mut cells = vec![(Colour::Strong, name.to_string())];
        match before {
            None => cells.push(plain(now.to_string())),
            Some(before) => {
                let then = before.receivers.get(name).map_or(0, |tally| tally.notifications);
                let colour = match now.cmp(&then) {
                    Ordering::Greater => Colour::Bad,
                    Ordering::Less => Colour::Good,
                    Ordering::Equal => Colour::Dim,
                };
                cells.extend([plain(then.to_string()), plain(now.to_string())]);
                cells.push((colour, difference(then, now)));
            }
        }
        cells.push(messages);
        Row { id: name.to_string(), cells, json: Value::Null }
    });
    let columns = if before.is_some() { TOLD_COMPARED } else { TOLD };
    Listing { columns, rows: rows.collect() }
}

/// `+3`, `-1`, `0`.
fn difference(then: u64, now: u64) -> String {
    match now.checked_sub(then) {
        Some(0) => "0".to_owned(),
        Some(more) => format!("+{more}"),
        None => format!("-{}", then - now),
    }
}

fn compared_receivers(before: &Told, after: &Told) -> Value {
    let none = Tally::default();
    let pairs = after.receivers.iter().map(|(name, now)| {
        let then = before.receivers.get(name).unwrap_or(&none);
        let (then, now) = (then.notifications, now.notifications);
        let pair = json!({"before": then, "after": now, "difference": now as i64 - then as i64});
        (name.to_string(), pair)
    });
    Value::Object(pairs.collect())
}

/// The ones that fire most first.
fn sorted(alerts: &[AlertHistory]) -> Vec<&AlertHistory> {
    let mut sorted: Vec<&AlertHistory> = alerts.iter().collect();
    sorted.sort_by_key(|alert| std::cmp::Reverse(alert.firings.len()));
    sorted
}

fn row(alert: &AlertHistory, global: &Global) -> Row {
    let name = alert.labels.value("alertname");
    let time = |at: Option<Timestamp>| at.map(|at| global.show_time(at)).unwrap_or_default();
    let others = alert.labels.iter().filter(|(name, _)| *name != "alertname");
    let others: Vec<String> = others.map(|(name, value)| format!("{name}={value}")).collect();
    let plain = |text: String| (Colour::Plain, text);
    Row {
        id: name.to_owned(),
        cells: vec![
            (Colour::Strong, name.to_owned()),
            plain(alert.firings.len().to_string()),
            plain(total(alert)),
            plain(alert.flaps().to_string()),
            plain(alert.near_misses.to_string()),
            (Colour::Dim, time(alert.first())),
            (Colour::Dim, time(alert.last())),
            plain(alert.receivers.join(",")),
            plain(others.join(" ")),
        ],
        json: described(alert),
    }
}

/// How long it fired, in whole seconds.
fn total(alert: &AlertHistory) -> String {
    duration::print(Duration::from_secs(alert.firing_time().as_secs_f64().round() as u64))
}

fn compared(comparison: &Comparison, global: &Global) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut push = |colour, word: &str, alert: &AlertHistory, before: Option<&AlertHistory>| {
        let mut row = row(alert, global);
        if let Some(before) = before {
            let old = [
                (1, before.firings.len().to_string()),
                (2, total(before)),
                (3, before.flaps().to_string()),
                (7, before.receivers.join(",")),
            ];
            for (at, old) in old {
                if old != row.cells[at].1 {
                    row.cells[at].1 = format!("{old} → {}", row.cells[at].1);
                }
            }
            row.json = json!({"before": described(before), "after": described(alert)});
        }
        row.cells.insert(0, (colour, word.to_owned()));
        row.json["change"] = word.into();
        rows.push(row);
    };
    for alert in sorted(&comparison.added) {
        push(Colour::Bad, "added", alert, None);
    }
    for alert in sorted(&comparison.removed) {
        push(Colour::Good, "removed", alert, None);
    }
    for (before, after) in &comparison.changed {
        push(Colour::Warn, "changed", after, Some(before));
    }
    rows
}

fn described(alert: &AlertHistory) -> Value {
    let mut json = json!(alert);
    json["fired"] = alert.firings.len().into();
    json["firing_seconds"] = alert.firing_time().as_secs_f64().into();
    json["flaps"] = alert.flaps().into();
    json["first"] = json!(alert.first());
    json["last"] = json!(alert.last());
    json
}

fn document(
    outcome: &Backtest,
    comparison: Option<&Comparison>,
    (from, to): (Timestamp, Timestamp),
) -> Value {
    let described = |alerts: &[AlertHistory]| alerts.iter().map(described).collect::<Value>();
    let mut json = json!({
        "from": from,
        "to": to,
        "firings": outcome.firings(),
        "evaluations": outcome.evaluations,
        "alerts": described(&outcome.alerts),
        "errors": outcome.errors,
        "dropped": outcome.dropped,
        "cut_short": outcome.cut_short,
    });
    if let Some(comparison) = comparison {
        let pair = |(before, after): &(AlertHistory, AlertHistory)| json!({"before": self::described(before), "after": self::described(after)});
        json["comparison"] = json!({
            "added": described(&comparison.added),
            "removed": described(&comparison.removed),
            "changed": comparison.changed.iter().map(pair).collect::<Value>(),
            "unchanged": comparison.unchanged,
        });
    }
    json
}
