//! Everything that is read: the state to start from, and history.

use rusqlite::{Connection, Row as SqlRow, params};

use super::packed;
use crate::rows::text_hash;
use crate::{
    AlertEvent, Delivery, JournalSeq, LoadSummary, Loaded, OutboxRow, OutboxState, TimerRow,
    timestamp_of,
};

/// See [`Store::load`](crate::Store::load).
pub(super) fn load(
    connection: &Connection,
    visit: &mut dyn FnMut(Loaded<'_>),
) -> rusqlite::Result<LoadSummary> {
    // One snapshot for all of it; dropped without changes at the end.
    let snapshot = connection.unchecked_transaction()?;
    let checkpoint = meta(&snapshot, "checkpoint")?;
    let mut summary = LoadSummary {
        epoch: meta(&snapshot, "epoch")?,
        checkpoint: JournalSeq(checkpoint),
        ..LoadSummary::default()
    };
    summary.alerts = each(&snapshot, "SELECT fingerprint, data FROM alert", [], |row| {
        let fingerprint = row.get::<_, i64>(0)?.cast_unsigned();
        visit(Loaded::Alert { fingerprint, data: row.get_ref(1)?.as_blob()? });
        Ok(())
    })?;
    let journal = "SELECT seq, at, body, length FROM journal WHERE seq > ?1 ORDER BY seq";
    summary.journal_records = each(&snapshot, journal, [checkpoint.cast_signed()], |row| {
        let seq = JournalSeq(row.get::<_, i64>(0)?.cast_unsigned());
        let at = timestamp_of(row.get(1)?);
        let body = row.get_ref(2)?.as_blob()?;
        match row.get::<_, Option<u32>>(3)? {
            Some(length) => {
                let body = &packed::unpack(body, length as usize)?;
                visit(Loaded::Journal { seq, at, body });
            }
            None => visit(Loaded::Journal { seq, at, body }),
        }
        Ok(())
    })?;
    summary.silences = each(&snapshot, "SELECT id, data FROM silence", [], |row| {
        visit(Loaded::Silence { id: row.get_ref(0)?.as_str()?, data: row.get_ref(1)?.as_blob()? });
        Ok(())
    })?;
    let known = "SELECT fingerprint, known, indexed_at >= at FROM occurrence";
    summary.occurrences = each(&snapshot, known, [], |row| {
        let (fingerprint, known) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_blob()?);
        visit(Loaded::Occurrence { fingerprint, known, indexed: row.get(2)? });
        Ok(())
    })?;
    let covered = meta(&snapshot, "payloads")?.cast_signed();
    summary.reported = meta(&snapshot, "reports")?.cast_signed();
    let payloads = "SELECT id FROM payload WHERE id > ?1 AND problem IS NULL ORDER BY id";
    summary.payloads = each(&snapshot, payloads, [covered], |row| {
        visit(Loaded::Payload { id: row.get(0)? });
        Ok(())
    })?;
    let last = "SELECT max(coalesce(max(id), 0), ?1) FROM payload";
    summary.last_payload = snapshot.query_row(last, [covered], |row| row.get(0))?;
    summary.last_frame = super::reports::last_frame(&snapshot)?;
    let log = "SELECT key, expires_at, data FROM notification";
    summary.notifications = each(&snapshot, log, [], |row| {
        visit(Loaded::Notification {
            key: row.get_ref(0)?.as_str()?,
            expires_at: timestamp_of(row.get(1)?),
            data: row.get_ref(2)?.as_blob()?,
        });
        Ok(())
    })?;
    each(&snapshot, "SELECT kind, key, data FROM document", [], |row| {
        let (key, data) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_blob()?);
        visit(Loaded::Document { kind: row.get(0)?, key, data });
        Ok(())
    })?;
    summary.runs = super::flows::load(&snapshot, visit)?;
    let outbox = "SELECT key, partition, target, group_key, payload, state, attempt, created_at, \
                  deadline FROM outbox ORDER BY created_at, key";
    summary.outbox = each(&snapshot, outbox, [], |row| {
        visit(Loaded::Outbox(outbox_row(row)?));
        Ok(())
    })?;
    let timers = "SELECT kind, key, partition, due_at, payload FROM timer ORDER BY due_at, kind, \
                  key";
    summary.timers = each(&snapshot, timers, [], |row| {
        visit(Loaded::Timer(TimerRow {
            kind: row.get(0)?,
            key: row.get(1)?,
            partition: row.get(2)?,
            due_at: timestamp_of(row.get(3)?),
            payload: row.get(4)?,
        }));
        Ok(())
    })?;
    Ok(summary)
}

/// Calls `work` for every row; how many there were.
fn each<P: rusqlite::Params>(
    connection: &Connection,
    sql: &str,
    params: P,
    mut work: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        work(row)?;
        count += 1;
    }
    Ok(count)
}

/// A value of `meta`, 0 if absent.
pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(max(value), 0) FROM meta WHERE key = ?1";
    connection.query_row(sql, [key], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// The highest place in the journal that was ever durable.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(max(seq), 0) FROM journal";
    let last = connection.query_row(sql, [], |row| row.get::<_, i64>(0))?.cast_unsigned();
    Ok(last.max(meta(connection, "checkpoint")?))
}

fn outbox_row(row: &SqlRow<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        key: row.get(0)?,
        partition: row.get(1)?,
        target: row.get(2)?,
        group_key: row.get(3)?,
        payload: row.get(4)?,
        // Anything that may be on its way counts as on its way.
        state: if row.get::<_, u8>(5)? == 0 { OutboxState::Pending } else { OutboxState::Sending },
        attempt: row.get(6)?,
        created_at: timestamp_of(row.get(7)?),
        deadline: timestamp_of(row.get(8)?),
    })
}

pub(super) fn alert_history(
    connection: &Connection,
    fingerprint: u64,
    before: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Vec<AlertEvent>> {
    let sql = "SELECT id, at, kind, data FROM alert_event WHERE fingerprint = ?1 AND id < ?2 \
               ORDER BY id DESC LIMIT ?3";
    let params = params![fingerprint.cast_signed(), before.unwrap_or(i64::MAX), limit as i64];
    let event = |row: &SqlRow<'_>| {
        Ok(AlertEvent {
            id: row.get(0)?,
            at: timestamp_of(row.get(1)?),
            kind: row.get(2)?,
            data: row.get(3)?,
        })
    };
    connection.prepare_cached(sql)?.query_map(params, event)?.collect()
}

pub(super) fn deliveries(
    connection: &Connection,
    group_key: Option<&str>,
    before: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    let delivery = |row: &SqlRow<'_>| {
        Ok(Delivery {
            id: row.get(0)?,
            at: timestamp_of(row.get(1)?),
            group_key: row.get(2)?,
            target: row.get(3)?,
            detail: row.get(4)?,
        })
    };
    let before = before.unwrap_or(i64::MAX);
    match group_key {
        None => {
            let sql = "SELECT id, at, group_key, target, detail FROM delivery WHERE id < ?1 \
                       ORDER BY id DESC LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map(params![before, limit as i64], delivery)?.collect()
        }
        Some(key) => {
            let sql = "SELECT id, at, group_key, target, detail FROM delivery WHERE group_hash = \
                       ?1 AND group_key = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";
            let mut statement = connection.prepare_cached(sql)?;
            statement
                .query_map(params![text_hash(key), key, before, limit as i64], delivery)?
                .collect()
        }
    }
}
