//! Upstream's own table of expressions and the SQL they become.
//!
//! Our SQL is other SQL, so what both select is compared: over alerts made of the values an
//! expression names and of values next to them. An expression passes if, for each of these alerts,
//! evaluator and our SQL agree, and both agree with upstream's SQL, or with `documented` where that
//! decides. One that SQL cannot say is evaluated only.

use std::sync::LazyLock;

use anyhow::{Context as _, Result};
use bongsu_lang::cel::{Column, Columns, Parameter, Program};
use regex::Regex;
use rusqlite::types::Value as Sqlite;
use rusqlite::{Connection, ErrorCode};
use serde_json::{Value, json};

use super::documented;
use crate::report::{Report, Verdict};

const FILE: &str = "upstream-cel-to-sql-cases.json";

/// The columns upstream's table maps its fields to, over one alert as JSON. `tags` lie in
/// `tagsContainer`, a name is one of two.
const TABLE: &str = "(SELECT event, '{}' AS alert_enrichments, \
    json_set(event, '$.tagsContainer', json_extract(event, '$.tags')) AS alert_event, \
    event ->> '$.severity' AS severity, event ->> '$.created_at' AS created_at, \
    NULL AS user_generated_name, event ->> '$.name' AS ai_generated_name, \
    event ->> '$.provider_type' AS incident_alert_provider_type, event ->> '$.id' AS entityId, \
    event -> '$.jsonArray' AS jsonArray FROM (SELECT ?1 AS event)) AS entity";

struct OneColumn;

impl Columns for OneColumn {
    fn json(&self) -> Option<&str> {
        Some("event")
    }

    fn column(&self, _path: &[&str]) -> Option<Column> {
        None
    }

    fn first_parameter(&self) -> usize {
        2
    }
}

pub(super) fn judge(file: &Value, report: &mut Report) -> Result<()> {
    let cases = file.as_array().context("no list of cases")?;
    let database = Connection::open_in_memory()?;
    database.execute_batch("PRAGMA case_sensitive_like = ON")?;
    for case in cases {
        let text = case["input_cel"].as_str().context("a case has no expression")?;
        if report.wants(FILE, text) {
            let upstream = case["expected_sql_dialect_based"]["sqlite"].as_str();
            report.add(FILE, text, one(text, upstream, &database));
        }
    }
    Ok(())
}

fn one(text: &str, upstream: Option<&str>, database: &Connection) -> Verdict {
    let program = match Program::parse(text) {
        Ok(program) => program,
        Err(error) => return Verdict::Failed(error.to_string()),
    };
    let ours = program.to_sql(&OneColumn).ok();
    for alert in probes(text) {
        let matched = program.matches(&alert).matched();
        if let Some(sql) = &ours {
            match run(database, &sql.text, &alert, &sql.parameters) {
                Ok(selected) if selected == matched => {}
                other => {
                    return Verdict::Failed(format!(
                        "the evaluator says {matched}, our SQL {other:?} on {alert}"
                    ));
                }
            }
        }
        let expected = match (documented::decided(text, &alert), upstream) {
            (Some((expected, _)), _) => expected,
            // No condition is upstream's way to write one that always holds.
            (None, Some("")) => true,
            (None, Some(sql)) => match run(database, sql, &alert, &[]) {
                Ok(selected) => selected,
                Err(error) => return Verdict::Failed(format!("upstream's SQL: {error}")),
            },
            (None, None) => continue,
        };
        if matched != expected {
            return Verdict::Failed(format!("expected {expected}, got {matched} on {alert}"));
        }
    }
    Verdict::Passed
}

/// Whether a condition selects an alert.
fn run(
    database: &Connection,
    condition: &str,
    alert: &Value,
    parameters: &[Parameter],
) -> Result<bool, rusqlite::Error> {
    let mut statement = database.prepare(&format!("SELECT {condition} FROM {TABLE}"))?;
    statement.raw_bind_parameter(1, alert.to_string())?;
    for (at, parameter) in parameters.iter().enumerate() {
        let value = match parameter {
            Parameter::Int(n) => Sqlite::Integer(*n),
            Parameter::Real(n) => Sqlite::Real(*n),
            Parameter::Text(text) => Sqlite::Text(text.clone()),
            Parameter::Blob(bytes) => Sqlite::Blob(bytes.clone()),
        };
        statement.raw_bind_parameter(at + 2, value)?;
    }
    let mut rows = statement.raw_query();
    match rows.next() {
        Ok(Some(row)) => Ok(row.get::<_, Option<bool>>(0)?.unwrap_or(false)),
        Ok(None) => Ok(false),
        // Upstream's SQL takes text apart as JSON that is none: no row for it.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => Ok(false),
        Err(error) => Err(error),
    }
}

static ATOM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let literal = r#"(?:"[^"]*"|'[^']*'|-?\d+(?:\.\d+)?|true|false|null)"#;
    let path = r#"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[(?:'[^']*'|"[^"]*")\])*"#;
    let list = format!(r"\[(?:\s*{literal}\s*,?)*\]");
    Regex::new(&format!(
        r"(?x) (?P<path>{path}) \s* (?:==|!=|<=|>=|<|>|\bin\b) \s* (?P<value>{literal}|{list})
        | has\(\s*(?P<has>{path})\s*\)
        | (?P<of>{path}) \. (?:contains|startsWith|endsWith) \( \s* (?P<part>{literal}) \s* \)"
    ))
    .ok()
});

/// Alerts made of what an expression names: every field with a value that is named, one that is
/// nearly it, one that is not, null, and none at all.
fn probes(text: &str) -> Vec<Value> {
    let mut probes = vec![json!({})];
    let Some(pattern) = &*ATOM else { return probes };
    let atoms: Vec<(Vec<String>, Vec<Value>)> = pattern
        .captures_iter(text)
        .filter_map(|found| {
            let path = ["path", "has", "of"].iter().find_map(|name| found.name(name))?;
            let literal =
                found.name("value").or(found.name("part")).map_or("\"x\"", |m| m.as_str());
            Some((keys(path.as_str()), values(literal)))
        })
        .collect();
    let most = atoms.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    for turn in 0..most {
        // All fields alike, and each with the first value of the others.
        for fixed in 0..=atoms.len() {
            let mut alert = json!({});
            for (at, (path, values)) in atoms.iter().enumerate() {
                let value = if fixed == at { &values[0] } else { &values[turn % values.len()] };
                set(&mut alert, path, value);
            }
            probes.push(alert);
        }
    }
    for (path, _) in &atoms {
        if path == &["severity"] {
            for name in ["critical", "high", "warning", "info", "low", "none"] {
                let mut alert = probes[probes.len().min(2) - 1].clone();
                set(&mut alert, path, &json!(name));
                probes.push(alert);
            }
        }
    }
    probes
}

fn keys(path: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let mut rest = path.strip_prefix("alert.").unwrap_or(path);
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('[') {
            let end = quoted.find(']').unwrap_or(quoted.len());
            keys.push(quoted[..end].trim_matches(['\'', '"']).to_owned());
            rest = quoted.get(end + 1..).unwrap_or_default();
        } else {
            let plain = rest.trim_start_matches('.');
            let end = plain.find(['.', '[']).unwrap_or(plain.len());
            keys.push(plain[..end].to_owned());
            rest = &plain[end..];
        }
    }
    keys
}

fn set(alert: &mut Value, path: &[String], value: &Value) {
    let mut at = alert;
    for key in path {
        at = &mut at[key.as_str()];
    }
    *at = value.clone();
}

/// The values a literal or list names, and others of their kind.
fn values(literal: &str) -> Vec<Value> {
    if let Some(list) = literal.strip_prefix('[') {
        let list = list.trim_end_matches(']');
        return list.split(',').flat_map(|one| values(one.trim())).collect();
    }
    match serde_json::from_str::<Value>(literal) {
        Ok(Value::Number(n)) => match n.as_i64() {
            // Of an integer a part may be asked for as well.
            Some(n) => vec![
                json!(n),
                json!(n + 1),
                json!(format!("{n}")),
                json!(format!("a{n}b")),
                Value::Null,
            ],
            None => {
                let n = n.as_f64().unwrap_or_default();
                vec![json!(n), json!(n + 1.0), json!(n - 1.0), json!(format!("{n}")), Value::Null]
            }
        },
        Ok(Value::Bool(b)) => vec![json!(b), json!(!b), Value::Null],
        Ok(Value::Null) => vec![Value::Null],
        _ => {
            let text = literal.trim_matches(['\'', '"']);
            vec![
                json!(text),
                json!(format!("{text}x")),
                json!(format!("x{text}")),
                json!(text.to_uppercase()),
                json!("other"),
                json!(""),
                Value::Null,
            ]
        }
    }
}
