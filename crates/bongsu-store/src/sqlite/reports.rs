//! Histories of wide alerts: frames of entries, and beside them where those of an alert stand.
//!
//! In: rows of the writer, questions. Out: entries, newest first. What was written before there were
//! frames is read until it is forgotten.

use rusqlite::{Connection, Row as SqlRow, Statement, params};

use super::packed::{self, SHARED};
use crate::report::{self, ENTRIES, ReportFrame, ReportKey};
use crate::{ReportRecord, stored_nanos, timestamp_of};

/// The writer's statements.
pub(super) struct ReportStatements<'c> {
    append: Statement<'c>,
    file: Statement<'c>,
}

impl<'c> ReportStatements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let sql = |text| connection.prepare(text);
        Ok(Self {
            append: sql("INSERT OR IGNORE INTO report_frame (id, at, heads, packed) \
                 VALUES (?1, ?2, ?3, ?4)")?,
            file: sql("INSERT OR IGNORE INTO report_of (fingerprint, entry) VALUES (?1, ?2)")?,
        })
    }

    pub(super) fn append(&mut self, frame: &ReportFrame) -> rusqlite::Result<()> {
        let row = (frame.id(), stored_nanos(frame.newest()), frame.heads(), frame.packed());
        self.append.execute(row).map(drop)
    }

    pub(super) fn file(&mut self, keys: &[ReportKey]) -> rusqlite::Result<()> {
        keys.iter().try_for_each(|key| self.file.execute((key.alert, key.entry)).map(drop))
    }
}

/// The highest number a frame was given, as far as is known.
pub(super) fn last_frame(connection: &Connection) -> rusqlite::Result<i64> {
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let before = one("SELECT max(id) FROM report")?.map_or(0, report::frame_after);
    Ok(one("SELECT max(id) FROM report_frame")?.map_or(before, |last| last.max(before)))
}

/// Entries of one alert, newest first.
pub(super) fn list(
    connection: &Connection,
    fingerprint: &str,
    before: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Vec<ReportRecord>> {
    let alert = report::alert_place(fingerprint);
    let before = before.unwrap_or(i64::MAX);
    let mut found = framed(connection, alert, before, limit)?;
    let missing = i64::try_from(limit - found.len().min(limit)).unwrap_or(i64::MAX);
    if missing > 0 {
        found.extend(unframed(connection, alert, before, missing)?);
    }
    Ok(found)
}

fn framed(
    connection: &Connection,
    alert: i64,
    before: i64,
    limit: usize,
) -> rusqlite::Result<Vec<ReportRecord>> {
    let sql = format!(
        "SELECT o.entry, f.heads, f.packed FROM report_of o \
         JOIN report_frame f ON f.id = o.entry / {ENTRIES} \
         WHERE o.fingerprint = ?1 AND o.entry < ?2 ORDER BY o.entry DESC LIMIT ?3"
    );
    let record = |row: &SqlRow<'_>| {
        let (heads, packed) = (row.get_ref(1)?.as_blob()?, row.get_ref(2)?.as_blob()?);
        report::read(row.get(0)?, heads, packed).map_err(packed::damaged)
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection.prepare_cached(&sql)?.query_map(params![alert, before, limit], record)?.collect()
}

/// The same of what was written before there were frames.
fn unframed(
    connection: &Connection,
    alert: i64,
    before: i64,
    limit: i64,
) -> rusqlite::Result<Vec<ReportRecord>> {
    let sql = "SELECT r.id, r.at, r.kind, r.detail, r.packed, b.detail, r.place, b.packed FROM report r \
               LEFT JOIN report b ON b.id = r.base WHERE r.fingerprint = ?1 AND r.id < ?2 \
               ORDER BY r.id DESC LIMIT ?3";
    let record = |row: &SqlRow<'_>| {
        Ok(ReportRecord {
            id: row.get(0)?,
            at: timestamp_of(row.get(1)?),
            kind: row.get(2)?,
            detail: detail(row)?,
        })
    };
    connection.prepare_cached(sql)?.query_map((alert, before, limit), record)?.collect()
}

/// The text of an entry, however it is packed.
fn detail(row: &SqlRow<'_>) -> rusqlite::Result<String> {
    let own = row.get_ref(4)?.as_blob_or_null()?;
    let Some(place) = row.get::<_, Option<u16>>(6)? else {
        return match own {
            Some(packed) => packed::unpack_with(packed, row.get_ref(5)?.as_str()?),
            None => row.get(3),
        };
    };
    let frame = match own {
        Some(frame) => frame,
        None => row.get_ref(7)?.as_blob()?,
    };
    report::unpack(frame, usize::from(place)).map_err(packed::damaged)
}

/// Forgets entries older than `before`, the oldest first; about so many. How many they were.
pub(super) fn forget(connection: &Connection, before: i64, about: u32) -> rusqlite::Result<usize> {
    let removed = forget_unframed(connection, before, about)?;
    if removed > 0 {
        return Ok(removed);
    }
    let frames = i64::from(about) / ENTRIES;
    let mut oldest =
        connection.prepare_cached("SELECT id, at, heads FROM report_frame ORDER BY id LIMIT ?1")?;
    let mut rows = oldest.query([frames])?;
    let mut old: Vec<(i64, Vec<i64>)> = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? < before {
            // What is damaged goes as well; its entries are found no more.
            let heads = report::read_heads(row.get_ref(2)?.as_blob()?).unwrap_or_default();
            old.push((row.get(0)?, heads.into_iter().map(|head| head.alert).collect()));
        }
    }
    drop(rows);
    let mut unfile =
        connection.prepare_cached("DELETE FROM report_of WHERE fingerprint = ?1 AND entry = ?2")?;
    let mut remove = connection.prepare_cached("DELETE FROM report_frame WHERE id = ?1")?;
    let mut removed = 0;
    for (id, alerts) in old {
        for (entry, alert) in (id * ENTRIES..).zip(&alerts) {
            unfile.execute((alert, entry))?;
        }
        removed += remove.execute([id])?;
    }
    Ok(removed)
}

/// Entries without frames, but for those that others rely on which stay for now.
fn forget_unframed(connection: &Connection, before: i64, about: u32) -> rusqlite::Result<usize> {
    let last = connection
        .prepare_cached("SELECT max(id) FROM (SELECT id FROM report ORDER BY id LIMIT ?1)")?
        .query_row([about], |row| row.get::<_, Option<i64>>(0))?;
    connection
        .prepare_cached(
            "DELETE FROM report WHERE id <= ?1 AND at < ?2 AND (base IS NOT NULL OR NOT EXISTS \
             (SELECT 1 FROM report AS other WHERE other.id > report.id \
             AND other.id <= report.id + ?3 AND other.base = report.id \
             AND (other.at >= ?2 OR other.id > ?1)))",
        )?
        .execute((last, before, SHARED))
}
