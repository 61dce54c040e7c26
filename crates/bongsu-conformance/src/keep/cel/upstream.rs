//! What upstream's evaluators said about an alert.
//!
//! Four answers are recorded. Of the fifth the SQL is, so it is run here over a table with the alert.

use anyhow::Result;
use rusqlite::Connection;
use serde_json::Value;

/// Answers to one expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answers {
    /// `None` is an error.
    pub(super) workflow: Option<bool>,
    pub(super) correlation: Option<bool>,
    /// These two say false where they failed too.
    pub(super) preset: Option<bool>,
    pub(super) maintenance: Option<bool>,
    /// `None` where the expression is outside of the SQL subset.
    pub(super) sql: Option<bool>,
}

impl Answers {
    pub(super) fn of(case: &Value, database: &Connection) -> Self {
        Self {
            workflow: case["workflow_trigger"].as_bool(),
            correlation: case["correlation_rule"].as_bool(),
            preset: case["preset_filter"].as_bool(),
            maintenance: case["maintenance_window"].as_bool(),
            sql: case["sql_sqlite"].as_str().and_then(|sql| selects(database, sql)),
        }
    }

    /// What all say, an error being no match.
    pub(super) fn agreed(&self) -> Option<bool> {
        let in_process = [self.workflow, self.correlation, self.preset, self.maintenance];
        same(in_process.map(|answer| answer.unwrap_or(false)).into_iter().chain(self.sql))
    }

    /// What those say that did not fail, if they agree.
    ///
    /// Where the first two failed, or a field is missing, a false of the next two is a failure they
    /// keep to themselves. Correlation sees a null as an empty text: on null it has no answer.
    pub(super) fn answered(&self, fields: Fields) -> Option<bool> {
        let failed =
            fields == Fields::Missing || self.workflow.is_none() || self.correlation.is_none();
        let quiet = |answer: Option<bool>| answer.filter(|holds| *holds || !failed);
        let answers = [
            self.workflow,
            self.correlation.filter(|_| fields != Fields::Null),
            quiet(self.preset),
            quiet(self.maintenance),
            self.sql,
        ];
        same(answers.into_iter().flatten())
    }
}

/// The least that is true of the fields an expression names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    Present,
    Null,
    Missing,
}

fn same(mut answers: impl Iterator<Item = bool>) -> Option<bool> {
    let first = answers.next()?;
    answers.all(|answer| answer == first).then_some(first)
}

/// Upstream's tables with one alert.
pub(super) fn database(alert: &Value) -> Result<Connection> {
    let database = Connection::open_in_memory()?;
    // Text compares with its case, in SQL as everywhere.
    database.execute_batch(
        "PRAGMA case_sensitive_like = ON;
         CREATE TABLE alert (id, event, provider_type, provider_id, fingerprint, timestamp);
         CREATE TABLE alertenrichment (enrichments);
         CREATE TABLE lastalert (fingerprint, first_timestamp, timestamp);
         INSERT INTO alertenrichment VALUES ('{}');",
    )?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    database.execute(
        "INSERT INTO alert VALUES (?, ?, ?, ?, ?, ?)",
        rusqlite::params![
            text(&alert["id"]),
            alert.to_string(),
            text(&alert["source"][0]),
            text(&alert["providerId"]),
            text(&alert["fingerprint"]),
            text(&alert["lastReceived"]),
        ],
    )?;
    database.execute(
        "INSERT INTO lastalert VALUES (?, ?, ?)",
        rusqlite::params![
            text(&alert["fingerprint"]),
            text(&alert["startedAt"]),
            text(&alert["lastReceived"]),
        ],
    )?;
    Ok(database)
}

/// Whether the alert is selected; `None` if it is no SQL over these tables.
fn selects(database: &Connection, condition: &str) -> Option<bool> {
    let query = format!("SELECT {condition} FROM alert, alertenrichment, lastalert");
    let answer: Option<bool> = database.query_row(&query, [], |row| row.get(0)).ok()?;
    Some(answer.unwrap_or(false))
}
