//! Workflows and their runs as one lock holds them.
//!
//! In: workflows of files and of the store, runs that begin and end. Out: which workflows there are,
//! what runs, what waits for what, what was decided about alerts. The lock is taken after that of the
//! core, never before it.

mod counts;
mod library;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bongsu_model::Timestamp;
use bongsu_store::{FlowRow, Row, RunRow, WorkflowRow};
use bongsu_workflow::{Effect, Event, Reason, Run, Status, Throttle, Throttles, TriggerKind};
use foldhash::fast::FixedState;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) use self::counts::RunCounts;
pub use self::library::Provisioned;
pub(crate) use self::library::{Definition, Hook, Library, Origin, read_one};
use crate::records::{Document, LAST_RUN, LAST_START, THROTTLE};

/// Runs that may be under way or wait; beyond that payloads are refused.
const MAX_RUNS: usize = 50_000;
/// Runs of one workflow for one alert that may wait for each other.
const MAX_WAITING: usize = 100;
/// Decisions about alerts that are remembered.
const MAX_DECISIONS: usize = 10_000;
/// Calls of one workflow under way at once.
const CALLS_OF_ONE: usize = 64;

/// What the store held.
#[derive(Default)]
pub(crate) struct KeptFlow {
    pub(crate) workflows: Vec<WorkflowRow>,
    pub(crate) texts: HashMap<String, String>,
    pub(crate) runs: Vec<RunRow>,
}

/// A run under way, or one that waits to begin.
pub(crate) struct Live {
    pub(crate) id: Arc<str>,
    pub(crate) definition: Arc<Definition>,
    /// The alert it is about.
    pub(crate) fingerprint: Option<Arc<str>>,
    pub(crate) at: Timestamp,
    /// What it may not run beside.
    lane: Option<Lane>,
    /// One input after the other.
    pub(crate) record: tokio::sync::Mutex<Record>,
    /// Calls that are out.
    pub(crate) calls: Mutex<HashMap<String, CancellationToken>>,
    /// The store has it.
    pub(crate) durable: AtomicBool,
    /// It had to wait for another one.
    pub(crate) waited: AtomicBool,
    /// It has begun.
    begun: AtomicBool,
    /// It waits for nothing but time.
    pub(crate) quiet: AtomicBool,
}

/// Workflow and subject.
type Lane = (Arc<str>, Arc<str>);

/// A run as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) run: Run,
    /// Changes of alerts that are still to be made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) owed: Vec<Effect>,
    /// Version of the workflow, if it was saved.
    #[serde(default)]
    pub(crate) version: Option<u32>,
    /// Who asked for it.
    #[serde(default)]
    pub(crate) by: Option<String>,
    #[serde(default)]
    pub(crate) started_at: Option<Timestamp>,
    /// The run this one repeats.
    #[serde(default)]
    pub(crate) again: Option<String>,
}

impl Live {
    /// A run that waits to begin.
    pub(crate) fn new(
        definition: &Arc<Definition>,
        run: Run,
        (at, by, again): (Timestamp, Option<String>, Option<String>),
    ) -> Self {
        let version = definition.version();
        let record = Record { run, owed: Vec::new(), version, by, started_at: None, again };
        Self::of(Arc::clone(definition), record, at)
    }

    /// A run as it was stored.
    pub(crate) fn of(definition: Arc<Definition>, record: Record, at: Timestamp) -> Self {
        let event = record.run.event();
        let text = |value: &Option<Value>, key: &str| -> Option<Arc<str>> {
            value.as_ref()?.get(key)?.as_str().filter(|text| !text.is_empty()).map(Into::into)
        };
        let fingerprint = text(&event.alert, "fingerprint");
        let subject = fingerprint.clone().or_else(|| text(&event.incident, "id"));
        let subject = match event.kind.as_str() {
            // One run by the clock at a time.
            "interval" | "schedule" => Some(Arc::from("")),
            _ => subject,
        };
        let parallel = definition.workflow.strategy == bongsu_workflow::Strategy::Parallel;
        let lane = subject.filter(|_| !parallel);
        let lane = lane.map(|subject| (Arc::from(definition.workflow.id.as_str()), subject));
        Self {
            id: record.run.id().into(),
            definition,
            fingerprint,
            at,
            lane,
            record: tokio::sync::Mutex::new(record),
            calls: Mutex::default(),
            durable: AtomicBool::new(false),
            waited: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
        }
    }

    /// The rows of a run that nobody acts on before they are durable.
    pub(crate) fn fresh_rows(&self) -> Vec<Row> {
        let Ok(record) = self.record.try_lock() else { return Vec::new() };
        let row = RunRow { fresh: true, ..self.row(&record, None) };
        let (key, text) = (self.definition.key.to_string(), self.definition.text.to_string());
        vec![flow_row(FlowRow::PutText { key, text }), flow_row(FlowRow::PutRun(row))]
    }

    /// How the run stands, as a row.
    pub(crate) fn row(&self, record: &Record, ended_at: Option<Timestamp>) -> RunRow {
        let run = &record.run;
        let name = run.event().alert.as_ref().and_then(|alert| alert.get("name")).cloned();
        let summary = json!({
            "errors": run.errors(), "by": record.by, "version": record.version, "alert": name,
            "again": record.again,
        });
        RunRow {
            run: self.id.to_string(),
            workflow: self.definition.workflow.id.clone(),
            text: self.definition.key.to_string(),
            cause: run.event().kind.clone(),
            fingerprint: self.fingerprint.as_deref().map(str::to_owned),
            status: status_word(run.status()).to_owned(),
            at: self.at,
            started_at: record.started_at,
            ended_at,
            wake_at: run.wakes_at().filter(|_| ended_at.is_none()),
            summary: summary.to_string(),
            // Plain data.
            state: serde_json::to_vec(record).unwrap_or_default(),
            fresh: false,
        }
    }

    /// Whether it begins only now; true once.
    pub(crate) fn begin(&self) -> bool {
        !self.begun.swap(true, Ordering::AcqRel)
    }
}

pub(crate) fn flow_row(row: FlowRow) -> Row {
    Row::Flow(Box::new(row))
}

pub(crate) fn status_word(status: Status) -> &'static str {
    match status {
        Status::New => "queued",
        Status::Running => "running",
        Status::Succeeded => "succeeded",
        Status::Failed => "failed",
        Status::TimedOut => "timed_out",
        Status::Cancelled => "cancelled",
    }
}

/// What the last run that succeeded gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LastRun {
    pub(crate) at: Timestamp,
    pub(crate) results: Value,
}

/// What was decided about an alert and a workflow whose trigger it fits.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) at: Timestamp,
    pub(crate) fingerprint: Arc<str>,
    pub(crate) workflow: String,
    /// The run, or why there is none.
    pub(crate) outcome: Result<Arc<str>, Reason>,
}

/// A trigger that goes by the clock.
pub(crate) struct Clocked {
    pub(crate) key: String,
    pub(crate) definition: Arc<Definition>,
    pub(crate) trigger: usize,
    pub(crate) due_at: Timestamp,
}

/// All that the lock guards.
#[derive(Default)]
pub(crate) struct Flow {
    pub(crate) library: Arc<Library>,
    runs: HashMap<Arc<str>, Arc<Live>, FixedState>,
    lanes: HashMap<Lane, VecDeque<Arc<Live>>, FixedState>,
    by_alert: HashMap<Arc<str>, Vec<Arc<Live>>, FixedState>,
    wakes: BTreeSet<(Timestamp, Arc<str>)>,
    waking: HashMap<Arc<str>, Timestamp, FixedState>,
    throttles: Throttles,
    last: HashMap<String, LastRun>,
    starts: HashMap<String, Timestamp>,
    clocked: Vec<Clocked>,
    decisions: VecDeque<Decision>,
    permits: HashMap<String, Arc<Semaphore>>,
}

impl Flow {
    /// Takes up what documents remember.
    pub(crate) fn restore(&mut self, documents: &[Document]) {
        for document in documents {
            let (key, data) = (&document.key, &document.data);
            let read = match document.kind {
                THROTTLE => serde_json::from_slice(data)
                    .map(|at: Timestamp| self.throttles.restore(key.as_str(), at)),
                LAST_START => serde_json::from_slice(data).map(|at: Timestamp| {
                    self.starts.insert(key.clone(), at);
                }),
                LAST_RUN => serde_json::from_slice(data)
                    .map(|last: LastRun| drop(self.last.insert(key.clone(), last))),
                _ => Ok(()),
            };
            if let Err(error) = read {
                tracing::error!(key, %error, "what is remembered of a workflow cannot be read");
            }
        }
    }

    /// These workflows from now on. What is remembered of others is forgotten with the rows; those of a
    /// schedule that is new note since when it is there.
    pub(crate) fn furnish(&mut self, library: Library, now: Timestamp) -> Vec<Row> {
        self.library = Arc::new(library);
        let mut rows = Vec::new();
        let gone = |kind, key: &str| Row::DeleteDocument { kind, key: key.to_owned() };
        self.last.retain(|id, _| {
            let known = self.library.get(id).is_some();
            rows.extend((!known).then(|| gone(LAST_RUN, id)));
            known
        });
        let mut keys: HashSet<String> = HashSet::new();
        let mut clocked = Vec::new();
        for definition in self.library.active() {
            for (trigger, kind) in definition.workflow.triggers.iter().enumerate() {
                let kind = &kind.kind;
                if !matches!(kind, TriggerKind::Interval(_) | TriggerKind::Schedule { .. }) {
                    continue;
                }
                let key = format!("{}/{trigger}/{}", definition.workflow.id, kind.as_str());
                if matches!(kind, TriggerKind::Schedule { .. }) {
                    self.starts.entry(key.clone()).or_insert_with(|| {
                        rows.push(document(LAST_START, &key, &now));
                        now
                    });
                }
                keys.insert(key.clone());
                let last = self.starts.get(&key).copied();
                let Some(due_at) = kind.next(last, now) else { continue };
                let definition = Arc::clone(definition);
                clocked.push(Clocked { key, definition, trigger, due_at });
            }
        }
        self.clocked = clocked;
        self.starts.retain(|key, _| {
            let known = keys.contains(key);
            rows.extend((!known).then(|| gone(LAST_START, key)));
            known
        });
        self.permits.retain(|_, permits| Arc::strong_count(permits) > 1);
        rows
    }

    /// Triggers that are due by the clock; they count as started.
    pub(crate) fn due_triggers(&mut self, now: Timestamp) -> Vec<(Arc<Definition>, usize, Row)> {
        let mut due = Vec::new();
        for clocked in self.clocked.iter_mut().filter(|clocked| clocked.due_at <= now) {
            self.starts.insert(clocked.key.clone(), now);
            let Some(trigger) = clocked.definition.workflow.triggers.get(clocked.trigger) else {
                continue;
            };
            clocked.due_at = trigger.kind.next(Some(now), now).unwrap_or(Timestamp::MAX);
            let row = document(LAST_START, &clocked.key, &now);
            due.push((Arc::clone(&clocked.definition), clocked.trigger, row));
        }
        due
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let wake = self.wakes.first().map(|(at, _)| *at);
        self.clocked.iter().map(|clocked| clocked.due_at).chain(wake).min()
    }

    /// Whether there is no room for more runs.
    pub(crate) fn is_full(&self) -> bool {
        self.runs.len() >= MAX_RUNS
    }

    /// Whether a run of a workflow for a subject is under way or waits.
    pub(crate) fn is_running(&self, workflow: &str, subject: &str) -> bool {
        self.lanes.contains_key(&(Arc::from(workflow), Arc::from(subject)))
    }

    /// What keeps a workflow from starting for a subject, if anything. If nothing does and it has a
    /// throttle, that it starts is remembered by the row.
    pub(crate) fn hinders(
        &mut self,
        definition: &Definition,
        subject: Option<&str>,
        resolved: bool,
        now: Timestamp,
    ) -> Result<Option<Row>, Reason> {
        let workflow = &definition.workflow;
        if let Some(subject) = subject {
            let lane = (Arc::from(workflow.id.as_str()), Arc::from(subject));
            let waiting = self.lanes.get(&lane).map_or(0, VecDeque::len);
            match workflow.strategy {
                bongsu_workflow::Strategy::Drop if waiting > 0 => return Err(Reason::Running),
                bongsu_workflow::Strategy::Queue if waiting >= MAX_WAITING => {
                    return Err(Reason::Crowded);
                }
                _ => {}
            }
        }
        let Some(rule) = &workflow.throttle else { return Ok(None) };
        let key = format!("{}/{}", workflow.id, subject.unwrap_or_default());
        if let Some(since) = self.throttles.refusal(rule, &key, resolved, now) {
            return Err(Reason::Throttled { since });
        }
        Ok(Some(self.throttle(rule, &key, resolved, now).1))
    }

    /// Whether something may be done, and the row that remembers it.
    pub(crate) fn throttle(
        &mut self,
        rule: &Throttle,
        key: &str,
        resolved: bool,
        now: Timestamp,
    ) -> (bool, Row) {
        let allowed = self.throttles.allow(rule, key, resolved, now);
        let row = match self.throttles.last(key) {
            Some(at) => document(THROTTLE, key, &at),
            None => Row::DeleteDocument { kind: THROTTLE, key: key.to_owned() },
        };
        (allowed, row)
    }

    /// Since when a workflow may not start for an alert.
    pub(crate) fn throttled_since(
        &self,
        definition: &Definition,
        subject: &str,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let rule = definition.workflow.throttle.as_ref()?;
        let key = format!("{}/{subject}", definition.workflow.id);
        self.throttles.refusal(rule, &key, false, now)
    }

    /// Forgets throttles of before an instant.
    pub(crate) fn forget_throttles(&mut self, before: Timestamp) -> Vec<Row> {
        let keys = self.throttles.forget(before).into_iter();
        keys.map(|key| Row::DeleteDocument { kind: THROTTLE, key }).collect()
    }

    /// Remembers what a run gave.
    pub(crate) fn succeeded(&mut self, workflow: &str, last: LastRun) -> Row {
        let row = document(LAST_RUN, workflow, &last);
        self.last.insert(workflow.to_owned(), last);
        row
    }

    /// Adds a run, at the end of its lane.
    pub(crate) fn admit(&mut self, live: Arc<Live>) {
        if let Some(lane) = &live.lane {
            let queue = self.lanes.entry(lane.clone()).or_default();
            live.waited.store(!queue.is_empty(), Ordering::Relaxed);
            queue.push_back(Arc::clone(&live));
        }
        if let Some(fingerprint) = &live.fingerprint {
            self.by_alert.entry(Arc::clone(fingerprint)).or_default().push(Arc::clone(&live));
        }
        self.runs.insert(Arc::clone(&live.id), live);
    }

    /// Whether it is a run's turn.
    pub(crate) fn has_turn(&self, live: &Live) -> bool {
        let Some(lane) = &live.lane else { return true };
        let first = self.lanes.get(lane).and_then(VecDeque::front);
        first.is_some_and(|first| first.id == live.id)
    }

    /// A run is over, or will not be; the one whose turn it is now.
    pub(crate) fn release(&mut self, live: &Live) -> Option<Arc<Live>> {
        self.runs.remove(&live.id);
        self.wake_at(&live.id, None);
        if let Some(fingerprint) = &live.fingerprint
            && let Some(runs) = self.by_alert.get_mut(fingerprint)
        {
            runs.retain(|known| known.id != live.id);
            if runs.is_empty() {
                self.by_alert.remove(fingerprint);
            }
        }
        let lane = live.lane.as_ref()?;
        let queue = self.lanes.get_mut(lane)?;
        queue.retain(|known| known.id != live.id);
        let next = queue.front().map(Arc::clone);
        if next.is_none() {
            self.lanes.remove(lane);
        }
        next
    }

    /// A run under way.
    pub(crate) fn run(&self, id: &str) -> Option<Arc<Live>> {
        self.runs.get(id).map(Arc::clone)
    }

    /// Runs under way or waiting.
    pub(crate) fn count(&self) -> usize {
        self.runs.len()
    }

    /// Runs about an alert that wait for nothing but time.
    pub(crate) fn quiet_about(&self, fingerprint: &str) -> Vec<Arc<Live>> {
        let about = self.by_alert.get(fingerprint).into_iter().flatten();
        about.filter(|live| live.quiet.load(Ordering::Relaxed)).map(Arc::clone).collect()
    }

    /// When a run is to be woken; it replaces what was said before.
    pub(crate) fn wake_at(&mut self, id: &Arc<str>, at: Option<Timestamp>) {
        if let Some(before) = self.waking.remove(id) {
            self.wakes.remove(&(before, Arc::clone(id)));
        }
        if let Some(at) = at {
            self.waking.insert(Arc::clone(id), at);
            self.wakes.insert((at, Arc::clone(id)));
        }
    }

    /// Runs to be woken by an instant.
    pub(crate) fn due_runs(&mut self, now: Timestamp) -> Vec<Arc<Live>> {
        let mut due = Vec::new();
        while self.wakes.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, id)) = self.wakes.pop_first() else { break };
            self.waking.remove(&id);
            due.extend(self.run(&id));
        }
        due
    }

    /// Bounds the calls of one workflow.
    pub(crate) fn permits(&mut self, workflow: &str) -> Arc<Semaphore> {
        if let Some(known) = self.permits.get(workflow) {
            return Arc::clone(known);
        }
        let permits = Arc::new(Semaphore::new(CALLS_OF_ONE));
        self.permits.insert(workflow.to_owned(), Arc::clone(&permits));
        permits
    }

    /// Remembers what was decided.
    pub(crate) fn decide(&mut self, decision: Decision) {
        if self.decisions.len() == MAX_DECISIONS {
            self.decisions.pop_front();
        }
        self.decisions.push_back(decision);
    }

    /// What was decided about an alert, the latest first.
    pub(crate) fn decisions(&self, fingerprint: &str, limit: usize) -> Vec<Decision> {
        let about = self.decisions.iter().rev().filter(|known| &*known.fingerprint == fingerprint);
        about.take(limit).cloned().collect()
    }

    /// What the run sees of the run before it.
    pub(crate) fn recall(&self, definition: &Definition, event: &mut Event) {
        if definition.remembers
            && let Some(last) = self.last.get(&definition.workflow.id)
        {
            event.last_results = Some(last.results.clone());
            event.last_run = Some(last.at);
        }
    }
}

fn document(kind: u8, key: &str, value: &impl Serialize) -> Row {
    // Plain data.
    let data = serde_json::to_vec(value).unwrap_or_default();
    Row::PutDocument { kind, key: key.to_owned(), data }
}
