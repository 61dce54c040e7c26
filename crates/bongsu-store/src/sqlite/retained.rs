//! Rows of failed commits, kept until there is space again.

use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};

use crate::{FlowRow, Row};

/// History rows kept at most; beyond that the oldest are dropped. Rows with a key need no limit:
/// only the last per key is kept, and the engine holds the same keys in memory.
const MAX_APPENDED: usize = 65_536;

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Timer(u8, String),
    Outbox(String),
    Silence(String),
    Notification(String),
    Alert(u64),
    Payload(i64),
    Occurrence(String),
    Change(String, String),
    Preset(String),
    Document(u8, String),
    Workflow(String),
    WorkflowText(String),
    Run(String),
    Checkpoint,
}

/// The last change per key, and history in order. Rows with different keys do not depend on each
/// other, so their order among each other does not matter.
pub(super) struct Retained {
    keyed: HashMap<Key, Row>,
    appended: VecDeque<Row>,
}

impl Retained {
    pub(super) fn new() -> Self {
        Self { keyed: HashMap::new(), appended: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.keyed.len() + self.appended.len()
    }

    pub(super) fn clear(&mut self) {
        self.keyed.clear();
        self.appended.clear();
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.keyed.values().chain(&self.appended)
    }

    pub(super) fn keep(&mut self, row: Row) {
        let key = match &row {
            Row::PutTimer(timer) => Key::Timer(timer.kind, timer.key.clone()),
            Row::DeleteTimer { kind, key } => Key::Timer(*kind, key.clone()),
            Row::PutOutbox(row) => Key::Outbox(row.key.clone()),
            Row::MarkOutbox { key, state, attempt } => {
                match self.keyed.get_mut(&Key::Outbox(key.clone())) {
                    Some(Row::PutOutbox(row)) => {
                        row.state = *state;
                        row.attempt = *attempt;
                        return;
                    }
                    Some(Row::DeleteOutbox { .. }) => return,
                    _ => Key::Outbox(key.clone()),
                }
            }
            Row::DeleteOutbox { key } => Key::Outbox(key.clone()),
            Row::PutSilence { id, .. } | Row::DeleteSilence { id } => Key::Silence(id.clone()),
            Row::PutNotification { key, .. } | Row::DeleteNotification { key } => {
                Key::Notification(key.clone())
            }
            Row::PutAlert { fingerprint, .. } | Row::DeleteAlert { fingerprint } => {
                Key::Alert(*fingerprint)
            }
            Row::Checkpoint { .. } => Key::Checkpoint,
            Row::Flow(flow) => match &**flow {
                // Its cause is told again, or whoever asked for it hears that it failed.
                FlowRow::PutRun(row) if row.fresh => return,
                FlowRow::PutRun(row) => Key::Run(row.run.clone()),
                FlowRow::PutWorkflow(row) => Key::Workflow(format!("{}/{}", row.version, row.id)),
                FlowRow::PutText { key, .. } => Key::WorkflowText(key.clone()),
                FlowRow::AppendEvent { .. } => return self.append(row),
            },
            // Its sender hears that it was not stored, and sends it again. What is written behind
            // is queued otherwise.
            Row::PutPayload(_)
            | Row::TouchOccurrence(_)
            | Row::IndexOccurrences { .. }
            | Row::CoverPayloads { .. }
            | Row::CoverReports { .. } => return,
            Row::MarkPayload { id, .. } | Row::DeletePayload { id } => Key::Payload(*id),
            Row::PutOccurrence(row) => Key::Occurrence(row.fingerprint.clone()),
            Row::DeleteOccurrence { fingerprint } => Key::Occurrence(fingerprint.clone()),
            Row::PutPreset(row) => Key::Preset(row.name.clone()),
            Row::DeletePreset { name } => Key::Preset(name.clone()),
            Row::PutChange(row) => Key::Change(row.source.clone(), row.key.clone()),
            Row::PutDocument { kind, key, .. } | Row::DeleteDocument { kind, key } => {
                Key::Document(*kind, key.clone())
            }
            Row::AppendDelivery { .. }
            | Row::AppendAlertEvent { .. }
            | Row::AppendReports(_)
            | Row::FileReports(_) => return self.append(row),
        };
        self.keyed.insert(key, row);
    }

    fn append(&mut self, row: Row) {
        if self.appended.len() == MAX_APPENDED {
            self.appended.pop_front();
        }
        self.appended.push_back(row);
    }
}
