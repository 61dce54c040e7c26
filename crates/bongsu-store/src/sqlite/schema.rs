//! Numbered migrations, each applied once and never changed afterwards.

use bongsu_model::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::stored_nanos;

/// Marks the file as ours: `Bong`.
const APPLICATION_ID: i32 = 0x426f_6e67;

struct Migration {
    name: &'static str,
    sql: &'static str,
}

/// In order; the version is the place, from 1.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "spine", sql: include_str!("../../migrations/sqlite/0001_spine.sql") },
    Migration { name: "intake", sql: include_str!("../../migrations/sqlite/0002_intake.sql") },
    Migration { name: "changes", sql: include_str!("../../migrations/sqlite/0003_changes.sql") },
    Migration { name: "presets", sql: include_str!("../../migrations/sqlite/0004_presets.sql") },
    Migration {
        name: "documents",
        sql: include_str!("../../migrations/sqlite/0005_documents.sql"),
    },
    Migration { name: "behind", sql: include_str!("../../migrations/sqlite/0006_behind.sql") },
    Migration { name: "packed", sql: include_str!("../../migrations/sqlite/0007_packed.sql") },
    Migration {
        name: "workflows",
        sql: include_str!("../../migrations/sqlite/0008_workflows.sql"),
    },
    Migration {
        name: "unchanged",
        sql: include_str!("../../migrations/sqlite/0009_unchanged.sql"),
    },
    Migration { name: "frames", sql: include_str!("../../migrations/sqlite/0010_frames.sql") },
    Migration { name: "history", sql: include_str!("../../migrations/sqlite/0011_history.sql") },
    Migration { name: "moves", sql: include_str!("../../migrations/sqlite/0012_moves.sql") },
];

/// Tables counted in a backup's manifest.
pub(crate) const TABLES: &[&str] = &[
    "alert",
    "alert_event",
    "change",
    "delivery",
    "document",
    "journal",
    "meta",
    "notification",
    "occurrence",
    "outbox",
    "payload",
    "preset",
    "report",
    "report_frame",
    "report_of",
    "run_event",
    "silence",
    "timer",
    "workflow",
    "workflow_run",
    "workflow_text",
];

/// The version this program writes.
pub(crate) fn current_version() -> u32 {
    MIGRATIONS.len() as u32
}

/// The version a file has, 0 if it is empty.
pub(crate) fn version_of(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the file to the current version. Refuses files that are not ours, that a later version
/// wrote, or whose applied migrations differ from those known.
pub(super) fn migrate(connection: &mut Connection, now: Timestamp) -> Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    check_ownership(connection).map_err(text)?.map_or(Ok(()), Err)?;
    let transaction = connection.transaction().map_err(text)?;
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, name TEXT \
             NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
        )
        .map_err(text)?;
    for (version, migration) in (1u32..).zip(MIGRATIONS) {
        let checksum = hex::encode(Sha256::digest(migration.sql));
        let applied: Option<String> = transaction
            .query_row(
                "SELECT checksum FROM schema_migration WHERE version = ?1",
                [version],
                |row| row.get(0),
            )
            .optional()
            .map_err(text)?;
        match applied {
            Some(known) if known == checksum => {}
            Some(_) => {
                let name = migration.name;
                return Err(format!("migration {version} ({name}) differs from the applied one"));
            }
            None => {
                transaction.execute_batch(migration.sql).map_err(text)?;
                let row = (version, migration.name, &checksum, stored_nanos(now));
                transaction
                    .execute("INSERT INTO schema_migration VALUES (?1, ?2, ?3, ?4)", row)
                    .map_err(text)?;
            }
        }
    }
    transaction.pragma_update(None, "user_version", current_version()).map_err(text)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(text)?;
    transaction.commit().map_err(text)
}

/// Why the file must not be touched, if it must not.
fn check_ownership(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let objects: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let version = version_of(connection)?;
    Ok(if id != APPLICATION_ID && (id != 0 || objects > 0) {
        Some("it is the database of another program".into())
    } else if version > current_version() {
        let known = current_version();
        Some(format!("schema version {version} is newer than this program's ({known})"))
    } else {
        None
    })
}
