//! The writer's prepared statements.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Statement};

use super::flows::FlowStatements;
use super::packed;
use super::reports::ReportStatements;
use super::words::{self, TEXT};
use crate::rows::text_hash;
use crate::{JournalRecord, OutboxState, Row, stored_nanos};

/// Prepared once for the life of the writer.
pub(super) struct Statements<'c> {
    flow: FlowStatements<'c>,
    begin: Statement<'c>,
    commit: Statement<'c>,
    rollback: Statement<'c>,
    journal: Statement<'c>,
    put_timer: Statement<'c>,
    delete_timer: Statement<'c>,
    put_outbox: Statement<'c>,
    mark_outbox: Statement<'c>,
    delete_outbox: Statement<'c>,
    put_silence: Statement<'c>,
    delete_silence: Statement<'c>,
    put_notification: Statement<'c>,
    delete_notification: Statement<'c>,
    append_delivery: Statement<'c>,
    put_alert: Statement<'c>,
    delete_alert: Statement<'c>,
    append_alert_event: Statement<'c>,
    put_payload: Statement<'c>,
    mark_payload: Statement<'c>,
    delete_payload: Statement<'c>,
    put_occurrence: Statement<'c>,
    touch_occurrence: Statement<'c>,
    unindex_occurrence: Statement<'c>,
    delete_occurrence: Statement<'c>,
    unindexed: Statement<'c>,
    forget_text: Statement<'c>,
    index_occurrence: Statement<'c>,
    note_indexed: Statement<'c>,
    put_change: Statement<'c>,
    put_preset: Statement<'c>,
    delete_preset: Statement<'c>,
    reports: ReportStatements<'c>,
    put_document: Statement<'c>,
    delete_document: Statement<'c>,
    put_meta: Statement<'c>,
    probe: Statement<'c>,
    forget_probe: Statement<'c>,
}

/// As a column holds it.
pub(super) fn state_code(state: OutboxState) -> u8 {
    match state {
        OutboxState::Pending => 0,
        OutboxState::Sending => 1,
    }
}

impl<'c> Statements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let sql = |text| connection.prepare(text);
        Ok(Self {
            flow: FlowStatements::prepare(connection)?,
            begin: sql("BEGIN IMMEDIATE")?,
            commit: sql("COMMIT")?,
            rollback: sql("ROLLBACK")?,
            journal: sql("INSERT INTO journal (seq, at, body, length) VALUES (?1, ?2, ?3, ?4)")?,
            put_timer: sql("INSERT INTO timer (kind, key, partition, due_at, payload) \
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET \
                 partition = excluded.partition, due_at = excluded.due_at, \
                 payload = excluded.payload")?,
            delete_timer: sql("DELETE FROM timer WHERE kind = ?1 AND key = ?2")?,
            put_outbox: sql("INSERT INTO outbox (key, partition, target, group_key, payload, \
                 state, attempt, created_at, deadline) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET \
                 partition = excluded.partition, target = excluded.target, \
                 group_key = excluded.group_key, payload = excluded.payload, \
                 state = excluded.state, attempt = excluded.attempt, \
                 created_at = excluded.created_at, deadline = excluded.deadline")?,
            mark_outbox: sql("UPDATE outbox SET state = ?2, attempt = ?3 WHERE key = ?1")?,
            delete_outbox: sql("DELETE FROM outbox WHERE key = ?1")?,
            put_silence: sql("REPLACE INTO silence (id, ends_at, data) VALUES (?1, ?2, ?3)")?,
            delete_silence: sql("DELETE FROM silence WHERE id = ?1")?,
            put_notification: sql(
                "REPLACE INTO notification (key, expires_at, data) VALUES (?1, ?2, ?3)",
            )?,
            delete_notification: sql("DELETE FROM notification WHERE key = ?1")?,
            append_delivery: sql("INSERT INTO delivery (at, group_hash, group_key, target, \
                 detail) VALUES (?1, ?2, ?3, ?4, ?5)")?,
            put_alert: sql("REPLACE INTO alert (fingerprint, data) VALUES (?1, ?2)")?,
            delete_alert: sql("DELETE FROM alert WHERE fingerprint = ?1")?,
            append_alert_event: sql("INSERT INTO alert_event (fingerprint, at, kind, data) \
                 VALUES (?1, ?2, ?3, ?4)")?,
            put_payload: sql("REPLACE INTO payload (id, at, provider, instance, origin, body, \
                 problem, length) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?,
            mark_payload: sql("UPDATE payload SET problem = ?2 WHERE id = ?1")?,
            delete_payload: sql("DELETE FROM payload WHERE id = ?1")?,
            put_occurrence: sql(
                "INSERT INTO occurrence (fingerprint, at, first_at, name, status, \
                 severity, provider, service, environment, revision, known, alert, text_hash) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
                 ON CONFLICT (fingerprint) DO UPDATE SET \
                 indexed_at = iif(text_hash = excluded.text_hash AND indexed_at >= at, \
                 excluded.at, min(indexed_at, excluded.at - 1)), at = excluded.at, \
                 first_at = excluded.first_at, name = excluded.name, status = excluded.status, \
                 severity = excluded.severity, provider = excluded.provider, \
                 service = excluded.service, environment = excluded.environment, \
                 revision = excluded.revision, known = excluded.known, alert = excluded.alert, \
                 text_hash = excluded.text_hash \
                 WHERE excluded.revision >= revision",
            )?,
            touch_occurrence: sql("UPDATE occurrence SET indexed_at = iif(indexed_at >= at, \
                 max(indexed_at, ?2), indexed_at), at = ?2, known = ?4 \
                 WHERE fingerprint = ?1 AND revision <= ?3")?,
            unindex_occurrence: sql("DELETE FROM occurrence_text WHERE rowid = \
                 (SELECT id FROM occurrence WHERE fingerprint = ?1)")?,
            unindexed: sql("SELECT id FROM occurrence WHERE fingerprint = ?1 AND indexed_at < at")?,
            forget_text: sql("DELETE FROM occurrence_text WHERE rowid = ?1")?,
            delete_occurrence: sql("DELETE FROM occurrence WHERE fingerprint = ?1")?,
            index_occurrence: connection.prepare(&format!(
                "INSERT INTO occurrence_text (rowid, text) SELECT id, {TEXT} \
                 FROM occurrence WHERE id = ?1"
            ))?,
            note_indexed: sql("UPDATE occurrence SET indexed_at = at WHERE id = ?1")?,
            put_change: sql("INSERT INTO change (at, source, key, service, environment, detail) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (source, key) DO UPDATE SET \
                 at = excluded.at, service = excluded.service, \
                 environment = excluded.environment, detail = excluded.detail")?,
            put_preset: sql("REPLACE INTO preset (name, at, data) VALUES (?1, ?2, ?3)")?,
            delete_preset: sql("DELETE FROM preset WHERE name = ?1")?,
            reports: ReportStatements::prepare(connection)?,
            put_document: sql("REPLACE INTO document (kind, key, data) VALUES (?1, ?2, ?3)")?,
            delete_document: sql("DELETE FROM document WHERE kind = ?1 AND key = ?2")?,
            put_meta: sql("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE \
                 SET value = max(value, excluded.value)")?,
            probe: sql("INSERT INTO journal (seq, at, body) VALUES (?1, 0, zeroblob(65536))")?,
            forget_probe: sql("DELETE FROM journal WHERE seq = ?1")?,
        })
    }

    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        self.begin.execute(()).map(drop)
    }

    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        self.commit.execute(()).map(drop)
    }

    pub(super) fn rollback(&mut self) -> rusqlite::Result<()> {
        self.rollback.execute(()).map(drop)
    }

    pub(super) fn journal(&mut self, seq: u64, record: &JournalRecord) -> rusqlite::Result<()> {
        let at = stored_nanos(record.at);
        let packed = packed::pack(&record.body, packed::BATCH);
        let length = packed.as_ref().map(|_| record.body.len() as i64);
        let body = packed.as_ref().unwrap_or(&record.body).as_slice();
        self.journal.execute((seq.cast_signed(), at, body, length)).map(drop)
    }

    /// A value of `meta`; it never falls.
    pub(super) fn put_meta(&mut self, key: &str, value: u64) -> rusqlite::Result<()> {
        self.put_meta.execute((key, value.cast_signed())).map(drop)
    }

    /// Fails as a batch would if there is no space; leaves nothing behind. The row needs free
    /// pages in the file, the commit that follows needs free blocks on the disk.
    pub(super) fn probe(&mut self) -> rusqlite::Result<()> {
        self.probe.execute([i64::MAX])?;
        self.forget_probe.execute([i64::MAX])?;
        self.put_meta("probe", 0)
    }

    pub(super) fn apply(&mut self, row: &Row) -> rusqlite::Result<()> {
        match row {
            Row::PutTimer(timer) => self.put_timer.execute((
                timer.kind,
                &timer.key,
                timer.partition,
                stored_nanos(timer.due_at),
                timer.payload.as_slice(),
            )),
            Row::DeleteTimer { kind, key } => self.delete_timer.execute((kind, key)),
            Row::PutOutbox(row) => self.put_outbox.execute((
                &row.key,
                row.partition,
                &row.target,
                &row.group_key,
                row.payload.as_slice(),
                state_code(row.state),
                row.attempt,
                stored_nanos(row.created_at),
                stored_nanos(row.deadline),
            )),
            Row::MarkOutbox { key, state, attempt } => {
                self.mark_outbox.execute((key, state_code(*state), attempt))
            }
            Row::DeleteOutbox { key } => self.delete_outbox.execute([key]),
            Row::PutSilence { id, ends_at, data } => {
                self.put_silence.execute((id, stored_nanos(*ends_at), data.as_slice()))
            }
            Row::DeleteSilence { id } => self.delete_silence.execute([id]),
            Row::PutNotification { key, expires_at, data } => {
                self.put_notification.execute((key, stored_nanos(*expires_at), data.as_slice()))
            }
            Row::DeleteNotification { key } => self.delete_notification.execute([key]),
            Row::AppendDelivery { at, group_key, target, detail } => self
                .append_delivery
                .execute((stored_nanos(*at), text_hash(group_key), group_key, target, detail)),
            Row::PutAlert { fingerprint, data } => {
                self.put_alert.execute((fingerprint.cast_signed(), data.as_slice()))
            }
            Row::DeleteAlert { fingerprint } => {
                self.delete_alert.execute([fingerprint.cast_signed()])
            }
            Row::AppendAlertEvent { fingerprint, at, kind, data } => self
                .append_alert_event
                .execute((fingerprint.cast_signed(), stored_nanos(*at), kind, data.as_slice())),
            Row::PutPayload(row) => {
                let packed = packed::pack(&row.body, packed::SHORT);
                self.put_payload.execute((
                    row.id,
                    stored_nanos(row.at),
                    &row.provider,
                    &row.instance,
                    &row.origin,
                    packed.as_ref().unwrap_or(&row.body).as_slice(),
                    &row.problem,
                    packed.as_ref().map(|_| row.body.len() as i64),
                ))
            }
            Row::MarkPayload { id, problem } => self.mark_payload.execute((id, problem)),
            Row::DeletePayload { id } => self.delete_payload.execute([id]),
            Row::PutOccurrence(row) => self.put_occurrence.execute((
                &row.fingerprint,
                stored_nanos(row.at),
                stored_nanos(row.first_at),
                &row.name,
                &row.status,
                row.severity,
                &row.provider,
                &row.service,
                &row.environment,
                row.revision.cast_signed(),
                row.known.as_slice(),
                &row.alert,
                words::hash(row),
            )),
            Row::TouchOccurrence(touch) => self.touch_occurrence.execute((
                &touch.fingerprint,
                stored_nanos(touch.at),
                touch.revision.cast_signed(),
                touch.known.as_slice(),
            )),
            Row::DeleteOccurrence { fingerprint } => {
                self.unindex_occurrence.execute([fingerprint])?;
                self.delete_occurrence.execute([fingerprint])
            }
            Row::IndexOccurrences { fingerprints } => return self.index(fingerprints),
            Row::PutChange(row) => self.put_change.execute((
                stored_nanos(row.at),
                &row.source,
                &row.key,
                &row.service,
                &row.environment,
                &row.detail,
            )),
            Row::PutPreset(row) => {
                self.put_preset.execute((&row.name, stored_nanos(row.at), &row.data))
            }
            Row::DeletePreset { name } => self.delete_preset.execute([name]),
            Row::AppendReports(frame) => return self.reports.append(frame),
            Row::FileReports(keys) => return self.reports.file(keys),
            Row::PutDocument { kind, key, data } => {
                self.put_document.execute((kind, key, data.as_slice()))
            }
            Row::DeleteDocument { kind, key } => self.delete_document.execute((kind, key)),
            Row::Flow(row) => self.flow.apply(row),
            Row::CoverPayloads { id } => {
                return self.put_meta("payloads", id.cast_unsigned());
            }
            Row::CoverReports { id } => {
                return self.put_meta("reports", id.cast_unsigned());
            }
            Row::Checkpoint { journal_seq } => {
                return self.put_meta("checkpoint", journal_seq.0);
            }
        }
        .map(drop)
    }

    /// Those whose texts have changed, in the order of their ids: the index begins a new segment
    /// whenever one comes that is before the last.
    fn index(&mut self, fingerprints: &[Arc<str>]) -> rusqlite::Result<()> {
        let mut changed = Vec::new();
        for fingerprint in fingerprints {
            let id = self.unindexed.query_row([fingerprint], |row| row.get::<_, i64>(0));
            changed.extend(id.optional()?);
        }
        changed.sort_unstable();
        for id in changed {
            self.forget_text.execute([id])?;
            self.index_occurrence.execute([id])?;
            self.note_indexed.execute([id])?;
        }
        Ok(())
    }
}
