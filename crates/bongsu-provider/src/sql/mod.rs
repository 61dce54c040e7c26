//! One SQL statement to PostgreSQL, MySQL or MariaDB, or an SQLite file.
//!
//! In: [`SqlSettings`], one statement with parameters, a deadline. Out: rows as JSON, or how many
//! rows were changed. Parameters travel apart from the statement; nothing is spliced into it. A
//! connection serves one statement, so no transaction, setting or lock outlives it.
//!
//! - [`postgres`]: the extended protocol, on the messages and SCRAM of `postgres-protocol`.
//!   `tokio-postgres` above it asks for binary results and so cannot show types it does not know;
//!   here results come in the text form that the server makes of any type.
//! - [`mysql`]: prepared statements. The crates there are connect on their own, past the egress
//!   policy and our TLS settings.
//! - [`sqlite`]: `rusqlite` on a thread of its own.
//!
//! Limits: [`MAX_ROWS`], [`MAX_BYTES`], and the time left until the deadline, which the server is
//! told as well. Rows beyond are left out and the answer says so.

mod mysql;
mod postgres;
mod sqlite;
mod table;

use std::path::PathBuf;
use std::sync::Arc;

use bongsu_model::Secret;
use serde_json::Value;
use tokio::time::Instant;

use crate::egress::EgressPolicy;
use crate::error::{TransportError, TransportErrorKind};
use crate::tls::ClientTlsSource;

/// Rows of one answer.
pub const MAX_ROWS: usize = 10_000;

/// The size of all values of one answer, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The size of a statement and of all its parameters, in bytes each.
pub const MAX_STATEMENT_BYTES: usize = 1024 * 1024;

/// What a server may send for one answer, rows that are left out included, in bytes.
const MAX_WIRE_BYTES: usize = 4 * MAX_BYTES;

/// Where a statement goes.
#[derive(Clone)]
pub enum SqlSettings {
    /// PostgreSQL and what speaks its protocol.
    Postgres(ServerSettings),
    /// MySQL and MariaDB.
    Mysql(ServerSettings),
    /// A database file on this machine: an absolute path of an existing regular file.
    Sqlite(PathBuf),
}

/// A database server and how to log in.
#[derive(Clone)]
pub struct ServerSettings {
    /// Server name or address.
    pub host: String,
    /// Server port; 5432 or 3306 by convention.
    pub port: u16,
    /// User.
    pub username: String,
    /// Password.
    pub password: Option<Secret>,
    /// Database; empty is the server's choice.
    pub database: String,
    /// TLS, which the server then must offer; plain text without.
    pub tls: Option<Arc<ClientTlsSource>>,
}

/// What a statement may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The database refuses changes.
    Read,
    /// Whatever the user is allowed to.
    Write,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlRequest {
    /// The text, with the placeholders of the dialect (`$1`, `?`).
    pub statement: String,
    /// Values for the placeholders, in order. Lists become arrays (PostgreSQL) or JSON text.
    pub parameters: Vec<Value>,
    /// What the statement may do.
    pub access: Access,
}

/// What a statement came to.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlAnswer {
    /// A statement that gives rows, even none.
    Rows {
        /// Names in order; they may repeat.
        columns: Vec<String>,
        /// Values in the order of `columns`. Numbers that JSON cannot hold exactly are texts,
        /// instants are RFC 3339, bytes are base64, unknown types are in the database's text form.
        rows: Vec<Vec<Value>>,
        /// Whether rows are missing because of [`MAX_ROWS`] or [`MAX_BYTES`].
        truncated: bool,
    },
    /// A statement without rows: how many it changed.
    Affected(u64),
}

/// Carries out one statement.
///
/// # Errors
/// `Refused` with the database's words, `Credentials` when it refuses the login.
pub async fn run(
    settings: &SqlSettings,
    request: &SqlRequest,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<SqlAnswer, TransportError> {
    check(request)?;
    match settings {
        SqlSettings::Postgres(server) => postgres::run(server, request, policy, deadline).await,
        SqlSettings::Mysql(server) => mysql::run(server, request, policy, deadline).await,
        SqlSettings::Sqlite(path) => sqlite::run(path, request, deadline).await,
    }
}

fn check(request: &SqlRequest) -> Result<(), TransportError> {
    let invalid = |text: &str| Err(TransportError::new(TransportErrorKind::Request, text));
    let parameters: usize = request.parameters.iter().map(table::size).sum();
    if request.statement.trim().is_empty() {
        return invalid("the SQL statement is empty");
    }
    if request.statement.len() > MAX_STATEMENT_BYTES || parameters > MAX_STATEMENT_BYTES {
        return invalid("the SQL statement or its parameters are larger than 1 MiB");
    }
    if request.parameters.len() > usize::from(u16::MAX / 2) {
        return invalid("the SQL statement has too many parameters");
    }
    Ok(())
}

/// The time left, as servers are told it: whole milliseconds, at least one, because 0 means for
/// ever.
fn milliseconds_left(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    u64::try_from(left).unwrap_or(u64::MAX).clamp(1, i32::MAX as u64)
}
