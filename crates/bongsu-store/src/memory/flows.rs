//! Workflows and runs of the in-memory store.

use std::collections::BTreeMap;

use bongsu_model::Timestamp;

use crate::{
    FlowRow, Loaded, RunEvent, RunFilter, RunRecord, RunRow, WorkflowRow, stored_nanos,
    timestamp_of,
};

#[derive(Clone, Debug, Default)]
pub(super) struct Flows {
    workflows: BTreeMap<(String, u32), WorkflowRow>,
    texts: BTreeMap<String, String>,
    /// By place.
    runs: BTreeMap<i64, RunRow>,
    events: Vec<(String, RunEvent)>,
    last_event: i64,
}

/// As a column would hold it.
fn stored(at: Timestamp) -> Timestamp {
    timestamp_of(stored_nanos(at))
}

impl Flows {
    pub(super) fn apply(&mut self, row: FlowRow) {
        match row {
            FlowRow::PutWorkflow(mut row) => {
                row.at = stored(row.at);
                self.workflows.insert((row.id.clone(), row.version), row);
            }
            FlowRow::PutText { key, text } => {
                self.texts.entry(key).or_insert(text);
            }
            FlowRow::PutRun(mut row) => {
                row.fresh = false;
                row.at = stored(row.at);
                for at in [&mut row.started_at, &mut row.ended_at, &mut row.wake_at] {
                    *at = at.map(stored);
                }
                let known = self.runs.iter_mut().find(|(_, known)| known.run == row.run);
                match known {
                    Some((_, known)) => *known = row,
                    None => {
                        let id = self.runs.last_key_value().map_or(0, |(id, _)| *id) + 1;
                        self.runs.insert(id, row);
                    }
                }
            }
            FlowRow::AppendEvent { run, at, kind, step, detail } => {
                self.last_event += 1;
                let (id, at, kind) = (self.last_event, stored(at), kind.to_owned());
                self.events.push((run, RunEvent { id, at, kind, step, detail }));
            }
        }
    }

    pub(super) fn visit(&self, visit: &mut dyn FnMut(Loaded<'_>)) -> u64 {
        let mut last: BTreeMap<&str, &WorkflowRow> = BTreeMap::new();
        for ((id, _), row) in &self.workflows {
            last.insert(id, row);
        }
        for row in last.into_values() {
            visit(Loaded::Workflow(row.clone()));
        }
        let open = || self.runs.values().filter(|row| row.ended_at.is_none());
        for (key, text) in &self.texts {
            if open().any(|row| row.text == *key) {
                visit(Loaded::WorkflowText { key, text });
            }
        }
        for row in open() {
            visit(Loaded::Run(row.clone()));
        }
        open().count() as u64
    }

    pub(super) fn runs(&self, filter: &RunFilter) -> Vec<RunRecord> {
        let same = |wanted: &Option<String>, is: Option<&String>| {
            wanted.is_none() || wanted.as_ref() == is
        };
        let wanted = |(id, row): &(&i64, &RunRow)| {
            filter.before.is_none_or(|before| **id < before)
                && same(&filter.workflow, Some(&row.workflow))
                && same(&filter.fingerprint, row.fingerprint.as_ref())
                && same(&filter.status, Some(&row.status))
        };
        let found = self.runs.iter().rev().filter(wanted).skip(filter.offset).take(filter.limit);
        found.map(|(id, row)| RunRecord { id: *id, row: row.clone() }).collect()
    }

    pub(super) fn run(&self, run: &str) -> Option<RunRecord> {
        let (id, row) = self.runs.iter().find(|(_, row)| row.run == run)?;
        Some(RunRecord { id: *id, row: row.clone() })
    }

    pub(super) fn events(&self, run: &str, after: i64, limit: usize) -> Vec<RunEvent> {
        let of = |(owner, event): &&(String, RunEvent)| owner == run && event.id > after;
        self.events.iter().filter(of).take(limit).map(|(_, event)| event.clone()).collect()
    }

    pub(super) fn versions(&self, id: &str) -> Vec<WorkflowRow> {
        let of = self.workflows.values().filter(|row| row.id == id);
        let mut all: Vec<WorkflowRow> = of.cloned().collect();
        all.reverse();
        all.truncate(1000);
        all
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.texts.get(key).cloned()
    }

    pub(super) fn retain(&mut self, since: Timestamp) {
        self.runs.retain(|_, row| row.ended_at.is_none_or(|at| at >= since));
        self.events.retain(|(_, event)| event.at >= since);
        let runs = &self.runs;
        self.texts.retain(|key, _| runs.values().any(|row| row.text == *key));
    }
}
