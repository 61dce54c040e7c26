//! The table of results.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use crate::scenario::note;

/// One figure of both contenders.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) peer: f64,
    pub(crate) bongsu: f64,
    /// Whether more is better.
    pub(crate) more: bool,
    /// What is aimed at, in words.
    pub(crate) aim: &'static str,
}

impl Row {
    /// How many times better bongsu is; NaN where the peer has no figure.
    fn ratio(&self) -> f64 {
        if self.more { self.bongsu / self.peer } else { self.peer / self.bongsu }
    }
}

fn figure(value: f64) -> String {
    match value {
        v if v.is_nan() => "–".to_owned(),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// Prints the table; `peer` is who else was measured, if anybody.
#[expect(clippy::print_stdout, reason = "a command's output")]
pub(crate) fn print(peer: &str, rows: &[Row]) {
    println!("{}", table(peer, rows));
}

/// Prints the table and writes it to `benches/results`.
pub(crate) fn publish(name: &str, peer: &str, rows: &[Row], machine: &str) -> Result<()> {
    note(machine);
    print(peer, rows);
    let table = table(peer, rows);
    let title = if is_beside(rows) { format!("Beside {peer}") } else { "Measured".to_owned() };
    let folder = PathBuf::from("benches/results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(
        folder.join(format!("{name}.md")),
        format!("# {title}: {name}\n\n{machine}\n\n{table}"),
    )?;
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({"name": row.name, "unit": row.unit, peer: finite(row.peer), "bongsu": finite(row.bongsu), "ratio": finite(row.ratio()), "aim": row.aim})
        })
        .collect();
    let all = json!({"machine": machine, "rows": rows});
    let all = serde_json::to_string_pretty(&all)? + "\n";
    std::fs::write(folder.join(format!("{name}.json")), all)?;
    Ok(())
}

/// Whether there is a peer.
fn is_beside(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.peer.is_finite())
}

fn table(peer: &str, rows: &[Row]) -> String {
    let beside = is_beside(rows);
    // Where there is no peer at all its columns say nothing.
    let mut table = match beside {
        true => format!(
            "| measure | unit | {peer} | bongsu | times better | aim |\n|---|---|---:|---:|---:|---|\n"
        ),
        false => "| measure | unit | bongsu | aim |\n|---|---|---:|---|\n".to_owned(),
    };
    for row in rows {
        if !beside {
            let bongsu = figure(row.bongsu);
            table.push_str(&format!("| {} | {} | {bongsu} | {} |\n", row.name, row.unit, row.aim));
            continue;
        }
        table.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            row.name,
            row.unit,
            figure(row.peer),
            figure(row.bongsu),
            figure(row.ratio()),
            row.aim
        ));
    }
    table
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
