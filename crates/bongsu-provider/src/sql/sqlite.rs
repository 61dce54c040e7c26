//! One statement to an SQLite file.
//!
//! A statement reaches this file and no other: nothing can be attached, extensions cannot be loaded,
//! and the path is a path, not a URI with flags in it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};
use serde_json::Value;
use tokio::time::Instant;

use super::table::{Table, bytes, double};
use super::{Access, MAX_BYTES, SqlAnswer, SqlRequest};
use crate::error::{TransportError, TransportErrorKind};

/// How many steps of its machine SQLite takes between two looks at the clock.
const STEPS: i32 = 1000;

/// The longest wait for somebody else's lock; SQLite counts it in 32 bits of milliseconds.
const MAX_BUSY: Duration = Duration::from_secs(3600);

pub(super) async fn run(
    path: &Path,
    request: &SqlRequest,
    deadline: Instant,
) -> Result<SqlAnswer, TransportError> {
    check(path)?;
    let (path, request) = (path.to_owned(), request.clone());
    let stop = Stop(Arc::new(AtomicBool::new(false)));
    let stopped = stop.0.clone();
    let work = tokio::task::spawn_blocking(move || {
        let file = path.display().to_string();
        answer(&path, &request, deadline, stopped).map_err(|error| failure(&file, &error))
    });
    let answer = work.await;
    drop(stop);
    answer.map_err(|error| TransportError::new(TransportErrorKind::Protocol, error.to_string()))?
}

/// Ends the statement when nobody waits for it any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn check(path: &Path) -> Result<(), TransportError> {
    let invalid = |text: &str| {
        let text = format!("{}: {text}", path.display());
        Err(TransportError::new(TransportErrorKind::Request, text))
    };
    if !path.is_absolute() {
        return invalid("the path of an SQLite file must be absolute");
    }
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => invalid("not a file"),
        Err(error) => invalid(&error.to_string()),
    }
}

fn failure(file: &str, error: &rusqlite::Error) -> TransportError {
    use rusqlite::Error as E;
    let kind = match error {
        E::SqliteFailure(code, _) if code.code == ErrorCode::OperationInterrupted => {
            return TransportError::timeout(format!("sqlite {file}"));
        }
        E::InvalidParameterCount(..) | E::MultipleStatement | E::NulError(_) => {
            TransportErrorKind::Request
        }
        _ => TransportErrorKind::Refused,
    };
    // Without the statement, which the caller knows.
    let text = match error {
        E::SqlInputError { msg, offset, .. } => format!("{msg} at offset {offset}"),
        error => error.to_string(),
    };
    TransportError::new(kind, format!("sqlite {file}: {text}"))
}

fn answer(
    path: &Path,
    request: &SqlRequest,
    deadline: Instant,
    stopped: Arc<AtomicBool>,
) -> rusqlite::Result<SqlAnswer> {
    let access = match request.access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let mut connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(deadline.saturating_duration_since(Instant::now()).min(MAX_BUSY))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection
        .set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(MAX_BYTES).unwrap_or(i32::MAX))?;
    let over = move || stopped.load(Ordering::Relaxed) || Instant::now() >= deadline;
    connection.progress_handler(STEPS, Some(over))?;

    let mut statement = connection.prepare(&request.statement)?;
    let parameters = params_from_iter(request.parameters.iter().map(parameter));
    if statement.column_count() == 0 {
        let affected = statement.execute(parameters)?;
        return Ok(SqlAnswer::Affected(u64::try_from(affected).unwrap_or_default()));
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut table = Table::new(columns);
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let values = (0..width).map(|at| row.get_ref(at).map(column));
        table.push(values.collect::<rusqlite::Result<Vec<Value>>>()?);
        // A statement that changes something comes to its end.
        if !table.is_open() && request.access == Access::Read {
            break;
        }
    }
    Ok(table.answer())
}

fn parameter(value: &Value) -> rusqlite::types::Value {
    use rusqlite::types::Value as Sql;
    match value {
        Value::Null => Sql::Null,
        Value::Bool(flag) => Sql::Integer(i64::from(*flag)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Sql::Integer(whole),
            (None, Some(double)) => Sql::Real(double),
            (None, None) => Sql::Text(number.to_string()),
        },
        Value::String(text) => Sql::Text(text.clone()),
        other => Sql::Text(other.to_string()),
    }
}

fn column(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(whole) => whole.into(),
        ValueRef::Real(number) => double(number, &number.to_string()),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(raw) => bytes(raw),
    }
}
