//! What a scenario says must have come, against what came.
//!
//! In: the case's expectation and the recorded webhooks or answers. Out: the first difference.

use jiff::Timestamp;
use serde_json::Value;

use super::server::Received;

const ZERO: &str = "0001-01-01T00:00:00Z";

/// Every listed notification came within its window with exactly its alerts.
pub(super) fn notifications(
    expected: &Value,
    received: &[Received],
    epoch: Timestamp,
    tolerance: f64,
) -> Result<(), String> {
    some_of(expected, received, epoch, tolerance)
}

/// The total number of alerts is as stated.
pub(super) fn total(expected: &Value, received: &[Received]) -> Result<(), String> {
    let Some(expected) = expected.as_u64() else { return Ok(()) };
    let got: usize = received.iter().map(|r| r.alerts().len()).sum();
    if got as u64 == expected {
        Ok(())
    } else {
        Err(format!("{got} alerts in all, not {expected}: {}", shown(received)))
    }
}

/// Each expectation takes one notification of its own.
pub(super) fn some_of(
    expected: &Value,
    received: &[Received],
    epoch: Timestamp,
    tolerance: f64,
) -> Result<(), String> {
    let mut left: Vec<&Received> = received.iter().collect();
    for want in expected.as_array().into_iter().flatten() {
        let from = want["between"][0].as_f64().unwrap_or(0.0);
        let to = want["between"][1].as_f64().unwrap_or(f64::MAX);
        if want["alerts"].as_array().is_some_and(Vec::is_empty) {
            // No alerts expected: nothing may come in that window.
            match received.iter().find(|r| r.at >= from && r.at <= to) {
                None => continue,
                Some(r) => return Err(format!("at {:.2} came {}", r.at, Value::from(r.alerts()))),
            }
        }
        let fits = |r: &&Received| {
            r.at >= from - tolerance
                && r.at <= to + tolerance
                && same_alerts(want, r, epoch, tolerance)
        };
        let Some(at) = left.iter().position(fits) else {
            return Err(format!("nothing matches {want}; came: {}", shown(received)));
        };
        left.remove(at);
    }
    Ok(())
}

fn same_alerts(want: &Value, received: &Received, epoch: Timestamp, tolerance: f64) -> bool {
    let Some(want) = want["alerts"].as_array() else { return false };
    let got = received.alerts();
    let mut left: Vec<&Value> = got.iter().collect();
    want.len() == got.len()
        && want.iter().all(|want| {
            let found = left.iter().position(|got| same_alert(want, got, epoch, tolerance));
            found.map(|at| left.remove(at)).is_some()
        })
}

fn same_alert(want: &Value, got: &Value, epoch: Timestamp, tolerance: f64) -> bool {
    let annotations =
        want.get("annotations").cloned().unwrap_or_else(|| Value::Object(Default::default()));
    want["labels"] == got["labels"]
        && annotations == got["annotations"]
        && same_time(&want["startsAt"], &got["startsAt"], epoch, tolerance)
        && same_time(&want["endsAt"], &got["endsAt"], epoch, tolerance)
}

fn same_time(want: &Value, got: &Value, epoch: Timestamp, tolerance: f64) -> bool {
    let got = got.as_str().unwrap_or_default();
    match want.as_f64() {
        None => got == ZERO,
        Some(seconds) => got.parse::<Timestamp>().is_ok_and(|got| {
            let offset = got.duration_since(epoch).as_secs_f64();
            (offset - seconds).abs() <= tolerance.max(0.05)
        }),
    }
}

fn shown(received: &[Received]) -> String {
    let each: Vec<String> =
        received.iter().map(|r| format!("at {:.2}: {}", r.at, Value::from(r.alerts()))).collect();
    format!("[{}]", each.join("; "))
}

/// Status, error text, and the listed parts of the answer.
pub(super) fn api(expected: &Value, status: u16, text: &str) -> Result<(), String> {
    if expected["status"].as_u64() != Some(u64::from(status)) {
        return Err(format!("status {status}, not {}: {text}", expected["status"]));
    }
    if let Some(part) = expected["error_contains"].as_str()
        && !text.contains(part)
    {
        return Err(format!("no {part:?} in {text}"));
    }
    for key in ["alerts", "groups", "silences"] {
        if let Some(want) = expected[key].as_array() {
            let got: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
            let got = got.as_array().ok_or("not a list")?;
            if want.len() != got.len() || !want.iter().zip(got).all(|(want, got)| within(want, got))
            {
                return Err(format!("{key}: {text} does not hold {want:?}"));
            }
        }
    }
    Ok(())
}

/// Whether everything `want` says stands in `got`.
fn within(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            want.iter().all(|(key, want)| got.get(key).is_some_and(|got| within(want, got)))
        }
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(want, got)| within(want, got))
        }
        _ => want == got,
    }
}

/// Exit code, table header, rows, names, matchers, parts of the output.
pub(super) fn cli(expected: &Value, exit: i32, text: &str) -> Result<(), String> {
    if expected["exit"].as_i64().is_some_and(|want| want != i64::from(exit)) {
        return Err(format!("exit code {exit}, not {}", expected["exit"]));
    }
    if let Some(part) = expected["output_contains"].as_str()
        && !text.contains(part)
    {
        return Err(format!("no {part:?} in the output"));
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    if let Some(columns) = expected["header_columns"].as_array() {
        let header = lines.next().unwrap_or_default();
        let got: Vec<&str> = header.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
        let want: Vec<&str> = columns.iter().filter_map(Value::as_str).collect();
        // Later versions of the tool have added columns at the end.
        if !got.starts_with(&want) {
            return Err(format!("columns {got:?}, not {want:?}"));
        }
    }
    let rows: Vec<&str> = lines.collect();
    if let Some(want) = expected["rows"].as_u64()
        && want != rows.len() as u64
    {
        return Err(format!("{} rows, not {want}", rows.len()));
    }
    for (row, name) in rows.iter().zip(expected["alertnames"].as_array().into_iter().flatten()) {
        let name = name.as_str().unwrap_or_default();
        if !row.starts_with(name) {
            return Err(format!("row {row:?} is not about {name}"));
        }
    }
    for (row, matchers) in rows.iter().zip(expected["matchers"].as_array().into_iter().flatten()) {
        let all: Vec<&str> =
            matchers.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !row.contains(&all.join(" ")) {
            return Err(format!("row {row:?} has not the matchers {all:?}"));
        }
    }
    Ok(())
}
