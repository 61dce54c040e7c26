//! Workflows and runs: their statements and what is read of them.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Statement, params_from_iter};

use crate::rows::text_hash;
use crate::{
    FlowRow, Loaded, RunEvent, RunFilter, RunRecord, RunRow, WorkflowRow, stored_nanos,
    timestamp_of,
};

/// Finished runs kept at most, whatever their age.
const MAX_RUNS: i64 = 100_000;

/// Prepared statements that write.
pub(super) struct FlowStatements<'c> {
    put_workflow: Statement<'c>,
    put_text: Statement<'c>,
    put_run: Statement<'c>,
    append_event: Statement<'c>,
}

impl<'c> FlowStatements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let sql = |text: &str| connection.prepare(text);
        Ok(Self {
            put_workflow: sql(
                "REPLACE INTO workflow (id, version, at, author, disabled, removed, \
                 revision, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
            put_text: sql("INSERT OR IGNORE INTO workflow_text (key, text) VALUES (?1, ?2)")?,
            put_run: sql(
                "INSERT INTO workflow_run (run, workflow, text, cause, fingerprint, status, at, \
                 started_at, ended_at, wake_at, summary, state) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
                 ON CONFLICT (run) DO UPDATE SET status = excluded.status, \
                 started_at = excluded.started_at, ended_at = excluded.ended_at, \
                 wake_at = excluded.wake_at, summary = excluded.summary, state = excluded.state",
            )?,
            append_event: sql("INSERT INTO run_event (at, run, kind, step, detail) \
                 VALUES (?1, ?2, ?3, ?4, ?5)")?,
        })
    }

    pub(super) fn apply(&mut self, row: &FlowRow) -> rusqlite::Result<usize> {
        match row {
            FlowRow::PutWorkflow(row) => self.put_workflow.execute((
                &row.id,
                row.version,
                stored_nanos(row.at),
                &row.author,
                row.disabled,
                row.removed,
                &row.revision,
                &row.text,
            )),
            FlowRow::PutText { key, text } => self.put_text.execute((key, text)),
            FlowRow::PutRun(row) => self.put_run.execute((
                &row.run,
                &row.workflow,
                &row.text,
                &row.cause,
                &row.fingerprint,
                &row.status,
                stored_nanos(row.at),
                row.started_at.map(stored_nanos),
                row.ended_at.map(stored_nanos),
                row.wake_at.map(stored_nanos),
                &row.summary,
                row.state.as_slice(),
            )),
            FlowRow::AppendEvent { run, at, kind, step, detail } => {
                self.append_event.execute((stored_nanos(*at), text_hash(run), kind, step, detail))
            }
        }
    }
}

const RUN: &str = "SELECT id, run, workflow, text, cause, fingerprint, status, at, started_at, \
                   ended_at, wake_at, summary, state FROM workflow_run";

fn run_record(row: &SqlRow<'_>) -> rusqlite::Result<RunRecord> {
    let instant = |at: Option<i64>| at.map(timestamp_of);
    Ok(RunRecord {
        id: row.get(0)?,
        row: RunRow {
            run: row.get(1)?,
            workflow: row.get(2)?,
            text: row.get(3)?,
            cause: row.get(4)?,
            fingerprint: row.get(5)?,
            status: row.get(6)?,
            at: timestamp_of(row.get(7)?),
            started_at: instant(row.get(8)?),
            ended_at: instant(row.get(9)?),
            wake_at: instant(row.get(10)?),
            summary: row.get(11)?,
            state: row.get(12)?,
            fresh: false,
        },
    })
}

fn workflow_row(row: &SqlRow<'_>) -> rusqlite::Result<WorkflowRow> {
    Ok(WorkflowRow {
        id: row.get(0)?,
        version: row.get(1)?,
        at: timestamp_of(row.get(2)?),
        author: row.get(3)?,
        disabled: row.get(4)?,
        removed: row.get(5)?,
        revision: row.get(6)?,
        text: row.get(7)?,
    })
}

/// The last version of each workflow, the runs that have not ended, and their texts before them.
pub(super) fn load(
    connection: &Connection,
    visit: &mut dyn FnMut(Loaded<'_>),
) -> rusqlite::Result<u64> {
    let last = "SELECT id, max(version), at, author, disabled, removed, revision, text \
                FROM workflow GROUP BY id";
    let mut statement = connection.prepare_cached(last)?;
    for row in statement.query_map([], workflow_row)? {
        visit(Loaded::Workflow(row?));
    }
    let texts = "SELECT key, text FROM workflow_text WHERE key IN \
                 (SELECT text FROM workflow_run WHERE ended_at IS NULL)";
    let mut statement = connection.prepare_cached(texts)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, text) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        visit(Loaded::WorkflowText { key, text });
    }
    let open = format!("{RUN} WHERE ended_at IS NULL ORDER BY id");
    let mut statement = connection.prepare_cached(&open)?;
    let mut count = 0;
    for record in statement.query_map([], run_record)? {
        visit(Loaded::Run(record?.row));
        count += 1;
    }
    Ok(count)
}

pub(super) fn runs(
    connection: &Connection,
    filter: &RunFilter,
) -> rusqlite::Result<Vec<RunRecord>> {
    let (sql, mut params) = condition(filter);
    params.push((filter.limit as i64).into());
    params.push((filter.offset as i64).into());
    let sql = format!("{RUN} {sql} ORDER BY id DESC LIMIT ? OFFSET ?");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params_from_iter(params), run_record)?.collect()
}

pub(super) fn count_runs(connection: &Connection, filter: &RunFilter) -> rusqlite::Result<u64> {
    let (sql, params) = condition(filter);
    let sql = format!("SELECT count(*) FROM workflow_run {sql}");
    let mut statement = connection.prepare_cached(&sql)?;
    statement
        .query_row(params_from_iter(params), |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
}

fn condition(filter: &RunFilter) -> (String, Vec<SqlValue>) {
    let (mut wheres, mut params) = (vec!["id < ?"], Vec::new());
    params.push(filter.before.unwrap_or(i64::MAX).into());
    for (text, value) in [
        ("workflow = ?", &filter.workflow),
        ("fingerprint = ?", &filter.fingerprint),
        ("status = ?", &filter.status),
    ] {
        if let Some(value) = value {
            wheres.push(text);
            params.push(value.clone().into());
        }
    }
    (format!("WHERE {}", wheres.join(" AND ")), params)
}

pub(super) fn run(connection: &Connection, run: &str) -> rusqlite::Result<Option<RunRecord>> {
    let sql = format!("{RUN} WHERE run = ?1");
    connection.prepare_cached(&sql)?.query_row([run], run_record).optional()
}

pub(super) fn run_events(
    connection: &Connection,
    run: &str,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<RunEvent>> {
    let sql = "SELECT id, at, kind, step, detail FROM run_event WHERE run = ?1 AND id > ?2 \
               ORDER BY id LIMIT ?3";
    let event = |row: &SqlRow<'_>| {
        Ok(RunEvent {
            id: row.get(0)?,
            at: timestamp_of(row.get(1)?),
            kind: row.get(2)?,
            step: row.get(3)?,
            detail: row.get(4)?,
        })
    };
    let params = (text_hash(run), after, limit as i64);
    connection.prepare_cached(sql)?.query_map(params, event)?.collect()
}

pub(super) fn versions(connection: &Connection, id: &str) -> rusqlite::Result<Vec<WorkflowRow>> {
    let sql = "SELECT id, version, at, author, disabled, removed, revision, text FROM workflow \
               WHERE id = ?1 ORDER BY version DESC LIMIT 1000";
    connection.prepare_cached(sql)?.query_map([id], workflow_row)?.collect()
}

pub(super) fn text(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT text FROM workflow_text WHERE key = ?1";
    connection.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()
}

/// Forgets some runs that ended before an instant or are too many, then texts that no run was
/// started with. Whether nothing was left to forget.
pub(super) fn expire_runs(
    connection: &Connection,
    before: i64,
    rows: u32,
) -> rusqlite::Result<bool> {
    let sql = format!(
        "DELETE FROM workflow_run WHERE id IN (SELECT id FROM workflow_run WHERE ended_at < ?1 \
         ORDER BY ended_at LIMIT {rows}) OR id IN (SELECT id FROM workflow_run \
         WHERE ended_at IS NOT NULL AND id <= (SELECT max(id) FROM workflow_run) - {MAX_RUNS} \
         ORDER BY id LIMIT {rows})"
    );
    if connection.prepare_cached(&sql)?.execute([before])? > 0 {
        return Ok(false);
    }
    let texts = format!(
        "DELETE FROM workflow_text WHERE key IN (SELECT key FROM workflow_text WHERE NOT EXISTS \
         (SELECT 1 FROM workflow_run WHERE workflow_run.text = workflow_text.key) LIMIT {rows})"
    );
    connection.prepare_cached(&texts)?.execute([]).map(|removed| removed == 0)
}

/// Forgets some of the oldest finished runs; how many.
pub(super) fn drop_oldest_runs(connection: &Connection, rows: u32) -> rusqlite::Result<usize> {
    let sql = format!(
        "DELETE FROM workflow_run WHERE id IN (SELECT id FROM workflow_run \
         WHERE ended_at IS NOT NULL ORDER BY ended_at LIMIT {rows})"
    );
    connection.prepare_cached(&sql)?.execute([])
}
