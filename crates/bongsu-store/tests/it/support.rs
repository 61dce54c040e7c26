//! Backends under test, rows to write and what was read back.

use std::path::Path;
use std::time::Duration;

use bongsu_model::Timestamp;
use bongsu_store::memory::MemoryStore;
use bongsu_store::sqlite::{SqliteOptions, SqliteStore};
use bongsu_store::{
    JournalRecord, LoadSummary, Loaded, OccurrenceRow, OutboxRow, OutboxState, PayloadRow, Row,
    Store, TimerRow, WriteSet,
};
use tempfile::TempDir;

/// A store that can be stopped and started over.
pub(crate) trait Backend: Sized {
    fn start() -> Self;
    fn store(&self) -> &dyn Store;
    fn reopen(self) -> Self;
}

impl Backend for MemoryStore {
    fn start() -> Self {
        Self::default()
    }
    fn store(&self) -> &dyn Store {
        self
    }
    fn reopen(self) -> Self {
        self.crash()
    }
}

pub(crate) struct Sqlite {
    store: SqliteStore,
    dir: TempDir,
}

impl Backend for Sqlite {
    fn start() -> Self {
        let dir = TempDir::new().unwrap();
        Self { store: open(dir.path()), dir }
    }
    fn store(&self) -> &dyn Store {
        &self.store
    }
    fn reopen(self) -> Self {
        let Self { store, dir } = self;
        drop(store);
        Self { store: open(dir.path()), dir }
    }
}

pub(crate) fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, SqliteOptions::default(), at(0)).unwrap()
}

/// Seconds after some morning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

pub(crate) fn journal(body: &str) -> WriteSet {
    let journal = Some(JournalRecord { at: at(1), body: body.into() });
    WriteSet { journal, rows: vec![] }
}

pub(crate) fn rows(rows: Vec<Row>) -> WriteSet {
    WriteSet { journal: None, rows }
}

pub(crate) fn timer(key: &str, due: i64) -> Row {
    Row::PutTimer(Box::new(TimerRow {
        kind: 1,
        key: key.into(),
        partition: 7,
        due_at: at(due),
        payload: b"p".into(),
    }))
}

pub(crate) fn message(key: &str, created: i64) -> Row {
    Row::PutOutbox(Box::new(OutboxRow {
        key: key.into(),
        partition: 7,
        target: "ops/webhook".into(),
        group_key: "{}:{}".into(),
        payload: b"payload".into(),
        state: OutboxState::Pending,
        attempt: 0,
        created_at: at(created),
        deadline: at(created + 300),
    }))
}

pub(crate) fn alert(fingerprint: u64, data: &str) -> Row {
    Row::PutAlert { fingerprint, data: data.into() }
}

pub(crate) fn event(fingerprint: u64, seconds: i64, data: &str) -> Row {
    Row::AppendAlertEvent { fingerprint, at: at(seconds), kind: 2, data: data.into() }
}

pub(crate) fn payload(id: i64, problem: Option<&str>) -> Row {
    Row::PutPayload(Box::new(PayloadRow {
        id,
        at: at(id),
        provider: if id % 2 == 0 { "grafana" } else { "sentry" }.into(),
        instance: None,
        origin: "{}".into(),
        body: format!("body {id}").into(),
        problem: problem.map(Into::into),
    }))
}

/// A wide alert; its other fields are in `alert`, a JSON object.
pub(crate) fn occurrence(fingerprint: &str, seconds: i64, alert: &str) -> Row {
    let fields: serde_json::Value = serde_json::from_str(alert).unwrap();
    let text = |name: &str| fields[name].as_str().map(str::to_owned);
    let severity = match fields["severity"].as_str() {
        Some("critical") => 5,
        Some("warning") => 3,
        _ => 2,
    };
    Row::PutOccurrence(Box::new(OccurrenceRow {
        fingerprint: fingerprint.into(),
        at: at(seconds),
        first_at: at(0),
        name: text("name").unwrap(),
        status: text("status").unwrap(),
        severity,
        provider: "grafana".into(),
        service: text("service"),
        environment: text("environment"),
        revision: 0,
        known: format!("known {fingerprint}").into(),
        alert: alert.into(),
    }))
}

pub(crate) fn delivery(group: &str, seconds: i64, detail: &str) -> Row {
    let (group_key, target) = (group.into(), "ops/webhook".into());
    Row::AppendDelivery { at: at(seconds), group_key, target, detail: detail.into() }
}

pub(crate) fn commit(store: &dyn Store, set: WriteSet) {
    store.try_commit(set).unwrap().wait().unwrap();
}

pub(crate) fn behind(store: &dyn Store, rows: Vec<Row>) {
    store.write_behind(rows).unwrap().wait().unwrap();
}

/// All that a start would see, one line each.
pub(crate) fn contents(store: &dyn Store) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let since = |at: Timestamp| (at - self::at(0)).get_seconds();
    let mut lines = Vec::new();
    let summary = store
        .load(&mut |item| {
            lines.push(match item {
                Loaded::Alert { fingerprint, data } => {
                    format!("alert {fingerprint} {}", text(data))
                }
                Loaded::Journal { seq, at, body } => {
                    format!("journal {} {} {}", seq.0, since(at), text(body))
                }
                Loaded::Silence { id, data } => format!("silence {id} {}", text(data)),
                Loaded::Occurrence { fingerprint, known, indexed } => {
                    format!("occurrence {fingerprint} {} {indexed}", text(known))
                }
                Loaded::Payload { id } => format!("payload {id}"),
                Loaded::Notification { key, expires_at, data } => {
                    format!("notification {key} {} {}", since(expires_at), text(data))
                }
                Loaded::Document { kind, key, data } => {
                    format!("document {kind} {key} {}", text(data))
                }
                Loaded::Workflow(row) => format!("workflow {} {}", row.id, row.version),
                Loaded::WorkflowText { key, text } => format!("text {key} {text}"),
                Loaded::Run(row) => format!("run {} {} {}", row.run, row.status, text(&row.state)),
                Loaded::Outbox(row) => format!(
                    "outbox {} {:?} {} {} {} {}",
                    row.key,
                    row.state,
                    row.attempt,
                    row.partition,
                    text(&row.payload),
                    since(row.deadline)
                ),
                Loaded::Timer(timer) => format!(
                    "timer {} {} {} {}",
                    timer.kind,
                    timer.key,
                    since(timer.due_at),
                    text(&timer.payload)
                ),
            });
        })
        .unwrap();
    let counted = |prefix: &str| lines.iter().filter(|l| l.starts_with(prefix)).count() as u64;
    let expected = LoadSummary {
        alerts: counted("alert "),
        journal_records: counted("journal "),
        silences: counted("silence "),
        notifications: counted("notification "),
        payloads: counted("payload "),
        outbox: counted("outbox "),
        runs: counted("run "),
        timers: counted("timer "),
        ..summary
    };
    assert_eq!(summary, expected);
    lines
}

/// Waits for something another thread is about to do.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("never happened: {what}");
}
