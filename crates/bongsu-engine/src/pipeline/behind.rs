//! Wide alerts and their history, written behind.
//!
//! In: new states, what is said of them, reports that say nothing new. Out: rows in transactions that
//! give way to acknowledgements: history soon, since it only grows; states some seconds later, since
//! the next one replaces them. Until then the payloads, which are durable, are what a start reads:
//! [`super::recover`] takes those again that the rows do not cover yet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_alert::{Alerts, Known};
use bongsu_model::{Occurrence, SmolStr};
use bongsu_store::{OccurrenceRow, OccurrenceTouch, Refused, ReportRow, Row};
use foldhash::fast::FixedState;
use tokio::task::spawn_blocking;

use crate::core::Core;
use crate::engine::Shared;
use crate::pipeline::history::{self, Frame, History};

/// How often is looked whether something is to be written.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long history waits, and how long states do.
const HISTORY: Duration = Duration::from_secs(1);
const STATES: Duration = Duration::from_secs(5);
/// States that take long to write wait for so many times as long: the longer they wait, the more of
/// them are replaced before they are written. A start after a crash reads what came meanwhile again.
const STATES_SHARE: u32 = 8;
const STATES_AT_MOST: Duration = Duration::from_secs(15);
/// So much may be pending before payloads are refused; twice that of states while they are being written.
const BYTES: usize = 96 << 20;
/// States of this size are written though their time has not come, and so is history.
const MANY_STATES: usize = BYTES / 3 * 2;
const MUCH_HISTORY: usize = BYTES / 4;
/// So many bytes of payloads are mapped again after a crash, at most.
const UNCOVERED: usize = 384 << 20;
/// How long a reader waits for what is pending.
const READING: Duration = Duration::from_secs(5);
/// Charged for each state and repetition beside its text.
const OVERHEAD: usize = 256;
/// Rows handed to the store at once.
const CHUNK: usize = 4000;
/// The same of frames of history, and of where their entries are.
const FRAMES: usize = 250;

/// What the store does not have yet.
#[derive(Default)]
pub(crate) struct Pending {
    states: HashMap<Arc<str>, State, FixedState>,
    repeated: HashSet<Arc<str>, FixedState>,
    /// Charged for states and repetitions.
    bytes: usize,
    pub(super) history: History,
    /// Bytes of the payloads since all was taken to be written.
    payloads: usize,
    /// Room for the next text.
    scratch: String,
}

/// What is being written.
#[derive(Default)]
pub(crate) struct Writing {
    states: HashMap<Arc<str>, State, FixedState>,
    repeated: HashSet<Arc<str>, FixedState>,
    bytes: usize,
    frames: Vec<Arc<Frame>>,
}

/// The last state of an alert.
#[derive(Clone)]
struct State {
    revision: u64,
    /// All that is known of it, once it is being written.
    known: Option<Box<Known>>,
    alert: Arc<str>,
    name: SmolStr,
    service: Option<SmolStr>,
    environment: Option<SmolStr>,
}

/// What is written at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lot {
    History,
    All,
}

impl Pending {
    /// The next state of an alert, and what its history says; all of the alert unless `note` says
    /// otherwise.
    pub(crate) fn put(
        &mut self,
        fingerprint: &Arc<str>,
        known: &Known,
        alert: &Occurrence,
        kind: &'static str,
        note: Option<String>,
    ) {
        let json = self.put_state(fingerprint, known, alert);
        let detail = note.map_or(json, Arc::from);
        let (fingerprint, at) = (Arc::clone(fingerprint), known.last_at);
        self.history.push(ReportRow { fingerprint, at, kind, detail });
    }

    /// The next state of an alert, of which its history knows; gives back all of it.
    pub(crate) fn put_state(
        &mut self,
        fingerprint: &Arc<str>,
        known: &Known,
        alert: &Occurrence,
    ) -> Arc<str> {
        let text = |name: &str| alert.fields.get(name)?.as_str().map(SmolStr::from);
        self.scratch.clear();
        alert.write_json(&mut self.scratch);
        let json: Arc<str> = self.scratch.as_str().into();
        self.bytes += charge(&json);
        let state = State {
            revision: known.revision,
            known: None,
            alert: Arc::clone(&json),
            name: alert.name.clone(),
            service: text("service"),
            environment: text("environment"),
        };
        if let Some(before) = self.states.insert(Arc::clone(fingerprint), state) {
            self.bytes = self.bytes.saturating_sub(charge(&before.alert));
        }
        json
    }

    /// A payload of so many bytes was taken.
    pub(crate) fn note_payload(&mut self, bytes: usize) {
        self.payloads += bytes;
    }

    /// An alert was reported again as it is.
    pub(crate) fn repeat(&mut self, fingerprint: Arc<str>) {
        self.bytes += if self.repeated.insert(fingerprint) { OVERHEAD } else { 0 };
    }

    /// The state of an alert and its revision.
    pub(crate) fn state(&self, fingerprint: &str) -> Option<(Arc<str>, u64)> {
        self.states.get(fingerprint).map(State::told)
    }

    /// Whether a state of an alert is here.
    fn has(&self, fingerprint: &str) -> bool {
        self.states.contains_key(fingerprint)
    }

    /// All rows of one alert, of which so much is known, to be written at once.
    pub(crate) fn withdraw(&mut self, fingerprint: &str, known: &Known) -> Vec<Row> {
        let Some((key, state)) = self.states.remove_entry(fingerprint) else { return Vec::new() };
        let repeated = if self.repeated.remove(fingerprint) { OVERHEAD } else { 0 };
        self.bytes = self.bytes.saturating_sub(charge(&state.alert) + repeated);
        let mut rows = self.history.rows_of(fingerprint);
        rows.push(state_row(&key, known, &state));
        rows
    }

    fn is_empty(&self) -> bool {
        self.states.is_empty() && self.history.is_empty() && self.repeated.is_empty()
    }

    /// What is to be written, so long after history was; whether states have waited long enough.
    fn due(&self, history: Duration, states: bool) -> Option<Lot> {
        if self.is_empty() {
            None
        } else if states || self.bytes >= MANY_STATES || self.payloads >= UNCOVERED {
            Some(Lot::All)
        } else if self.history.is_empty()
            || history < HISTORY && self.history.bytes() < MUCH_HISTORY
        {
            None
        } else {
            Some(Lot::History)
        }
    }

    fn take(&mut self, lot: Lot, alerts: &Alerts) -> Writing {
        let mut taken = Writing { frames: self.history.take(), ..Writing::default() };
        if lot == Lot::All {
            taken.states = std::mem::take(&mut self.states);
            for (key, state) in &mut taken.states {
                state.known = alerts.get(key).cloned().map(Box::new);
            }
            taken.repeated = std::mem::take(&mut self.repeated);
            taken.bytes = std::mem::take(&mut self.bytes);
            self.payloads = 0;
        }
        taken
    }

    /// Takes back what could not be written; what came since stands.
    fn restore(&mut self, before: &Writing) {
        for (key, state) in &before.states {
            self.states.entry(Arc::clone(key)).or_insert_with(|| state.clone());
        }
        self.history.restore(&before.frames);
        self.repeated.extend(before.repeated.iter().map(Arc::clone));
        self.bytes += before.bytes;
    }
}

impl Writing {
    /// The state of an alert and its revision.
    pub(crate) fn state(&self, fingerprint: &str) -> Option<(Arc<str>, u64)> {
        self.states.get(fingerprint).map(State::told)
    }

    /// Whether a state of an alert is here.
    pub(crate) fn has(&self, fingerprint: &str) -> bool {
        self.states.contains_key(fingerprint)
    }

    /// The rows of what is here of one alert's history, to be written sooner.
    pub(crate) fn history_of(&self, fingerprint: &str) -> Vec<Row> {
        history::rows_of(&self.frames, fingerprint)
    }

    fn is_empty(&self) -> bool {
        self.states.is_empty() && self.frames.is_empty() && self.repeated.is_empty()
    }
}

impl State {
    fn told(&self) -> (Arc<str>, u64) {
        (Arc::clone(&self.alert), self.revision)
    }
}

/// How long states wait after some that took so long to write.
fn pause_after(took: Duration) -> Duration {
    (took * STATES_SHARE).clamp(STATES, STATES_AT_MOST)
}

/// What a state is charged.
fn charge(alert: &str) -> usize {
    alert.len() + OVERHEAD
}

fn state_row(fingerprint: &str, known: &Known, state: &State) -> Row {
    Row::PutOccurrence(Box::new(OccurrenceRow {
        fingerprint: fingerprint.to_owned(),
        at: known.last_at,
        first_at: known.first_at,
        name: state.name.to_string(),
        status: known.state.as_str().to_owned(),
        severity: known.severity.order(),
        provider: known.provider.to_string(),
        service: state.service.as_ref().map(SmolStr::to_string),
        environment: state.environment.as_ref().map(SmolStr::to_string),
        revision: known.revision,
        known: encoded(known),
        alert: Arc::clone(&state.alert),
    }))
}

fn encoded(known: &Known) -> Vec<u8> {
    // A map of plain values.
    serde_json::to_vec(known).unwrap_or_default()
}

impl Core {
    /// Whether payloads have to wait until more is written.
    pub(crate) fn is_behind(&self) -> bool {
        self.pending.bytes + self.pending.history.bytes() >= BYTES
    }
}

impl Shared {
    /// Writes until the engine closes.
    pub(crate) async fn write_behind_forever(self: Arc<Self>) {
        let (mut history, mut states) = (Instant::now(), Instant::now());
        let mut pause = STATES;
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = self.closing.cancelled() => return,
            }
            let due = self.core.lock().pending.due(history.elapsed(), states.elapsed() >= pause);
            if let Some(lot) = due {
                let begun = Instant::now();
                self.write_soon(lot).await;
                history = Instant::now();
                if lot == Lot::All {
                    states = history;
                    pause = pause_after(begun.elapsed());
                }
            }
        }
    }

    /// Writes all that is pending now. Whoever waits for it may go away: it goes on, since what was
    /// taken up must be written or given back.
    pub(crate) async fn write_behind(self: &Arc<Self>) {
        {
            let core = self.core.lock();
            if core.pending.is_empty() && core.writing.is_empty() {
                return;
            }
        }
        self.write_soon(Lot::All).await;
    }

    async fn write_soon(self: &Arc<Self>, lot: Lot) {
        let shared = Arc::clone(self);
        let written = tokio::spawn(async move { shared.write_lot(lot).await });
        if let Err(error) = written.await {
            tracing::error!(%error, "wide alerts were not written");
        }
    }

    /// The same before something is read, which shall not be older than the request. A store that
    /// takes nothing keeps nobody from reading what there is.
    pub(crate) async fn before_reading(self: &Arc<Self>) {
        let work = async {
            self.mirror().await;
            self.write_behind().await;
        };
        self.unless_stuck(work).await;
    }

    /// Waits for something to be written, if it can be in a time that people wait for.
    pub(crate) async fn unless_stuck(&self, work: impl Future<Output = ()>) {
        if matches!(self.store.admit(), Err(Refused::DiskFull)) {
            return;
        }
        if tokio::time::timeout(READING, work).await.is_err() {
            tracing::warn!("what is read may be older than what was taken: writing takes long");
        }
    }

    async fn write_lot(self: &Arc<Self>, lot: Lot) {
        // One at a time, and whoever waits here finds written what was pending when they came.
        let _turn = self.writing_behind.lock().await;
        let (writing, covered) = {
            let mut core = self.core.lock();
            if core.pending.is_empty() {
                return;
            }
            let core = &mut *core;
            core.writing = Arc::new(core.pending.take(lot, &core.wide));
            (Arc::clone(&core.writing), core.last_payload)
        };
        let written = self.write_pending(lot, &writing, covered).await;
        let mut core = self.core.lock();
        core.writing = Arc::default();
        match written {
            // Their texts are what is stored now.
            Ok(()) => core.dirty.texts.extend(writing.states.keys().map(Arc::clone)),
            Err(error) => {
                tracing::error!(%error, "wide alerts were not written; their payloads are kept");
                core.pending.restore(&writing);
            }
        }
    }

    /// History first: what a state covers is never looked for again.
    async fn write_pending(&self, lot: Lot, writing: &Writing, covered: i64) -> Result<(), String> {
        let frames = writing.frames.clone();
        // Packing thousands is no work for the runtime's threads.
        let rows = spawn_blocking(move || history::rows(&frames)).await;
        let mut rows = rows.map_err(|error| error.to_string())?.into_iter().peekable();
        while rows.peek().is_some() {
            self.write_rows(rows.by_ref().take(FRAMES).collect()).await?;
        }
        self.write_rows(vec![Row::CoverReports { id: covered }]).await?;
        if lot == Lot::History {
            return Ok(());
        }
        let mut states: Vec<(&Arc<str>, &State)> = writing.states.iter().collect();
        // Neighbours in the index are written together.
        states.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
        for chunk in states.chunks(CHUNK) {
            // One that is forgotten meanwhile has no row.
            let rows = chunk.iter().filter_map(|(fingerprint, state)| {
                Some(state_row(fingerprint, state.known.as_deref()?, state))
            });
            self.write_rows(rows.collect()).await?;
        }
        let repeated: Vec<&Arc<str>> = writing.repeated.iter().collect();
        for chunk in repeated.chunks(CHUNK) {
            let known: Vec<(Arc<str>, Known)> = {
                let core = self.core.lock();
                // A newer state is written with the next lot.
                let stands = chunk.iter().filter(|fingerprint| !core.pending.has(fingerprint));
                stands
                    .filter_map(|fingerprint| {
                        Some((Arc::clone(fingerprint), core.wide.get(fingerprint)?.clone()))
                    })
                    .collect()
            };
            let touch = |(fingerprint, known): &(Arc<str>, Known)| {
                Row::TouchOccurrence(Box::new(OccurrenceTouch {
                    fingerprint: Arc::clone(fingerprint),
                    at: known.last_at,
                    revision: known.revision,
                    known: encoded(known),
                }))
            };
            self.write_rows(known.iter().map(touch).collect()).await?;
        }
        // What nobody could map of these payloads is not found in them again.
        self.write_counts().await?;
        self.write_rows(vec![Row::CoverPayloads { id: covered }]).await
    }
}

#[cfg(test)]
mod tests {
    use bongsu_alert::{Alerts, Arrival, Report, Taken};
    use bongsu_model::{Json, Timestamp};

    use super::{Duration, Lot, MANY_STATES, MUCH_HISTORY, OVERHEAD, Occurrence, Pending};

    /// What is written at once must not count as pending: nothing would ever write it off.
    #[test]
    fn what_is_withdrawn_is_no_longer_charged() {
        let (mut pending, mut alerts) = (Pending::default(), Alerts::default());
        let now = Timestamp::UNIX_EPOCH;
        let mut put = |pending: &mut Pending, n: u8| {
            let fields = [("name", Json::from("x")), ("n", u64::from(n).into())];
            let fields = fields.into_iter().collect();
            let (occurrence, _) = Occurrence::from_fields(fields, now, |_| None).unwrap();
            let (provider, payload, arrival) = ("keep".into(), 0, Arrival::Now);
            let report =
                Report { provider, instance: None, occurrence, payload, arrival, pulled: false };
            let Taken::Stored(stored) = alerts.take(now, report, &|_| None) else {
                panic!("{n} is news")
            };
            let known = alerts.get(&stored.fingerprint).unwrap();
            pending.put(&stored.fingerprint, known, &stored.alert, "changed", None);
            stored.fingerprint
        };
        put(&mut pending, 1);
        let fingerprint = put(&mut pending, 2);
        pending.repeat(fingerprint.clone());
        assert!(pending.bytes > 3 * OVERHEAD);
        // A frame, where in it the entries are, and the state.
        let known = alerts.get(&fingerprint).unwrap();
        assert_eq!(pending.withdraw(&fingerprint, known).len(), 3);
        assert_eq!((pending.bytes, pending.states.len(), pending.repeated.len()), (0, 0, 0));
    }

    #[test]
    fn states_wait_longer_the_longer_they_take() {
        for (took, pause) in [(0, 5000), (600, 5000), (1000, 8000), (60_000, 15_000)] {
            assert_eq!(super::pause_after(Duration::from_millis(took)).as_millis(), pause);
        }
    }

    #[test]
    fn history_is_written_before_states_and_all_of_it_when_it_grows() {
        let mut pending = Pending::default();
        let due = |pending: &Pending, history: u64, states: bool| {
            pending.due(Duration::from_millis(history), states)
        };
        assert!(due(&pending, 9000, true).is_none());
        pending.repeat("a".into());
        assert!(due(&pending, 4000, false).is_none());
        assert!(due(&pending, 4000, true) == Some(Lot::All));
        let said = |length: usize| super::ReportRow {
            fingerprint: "a".into(),
            at: Timestamp::UNIX_EPOCH,
            kind: "fired",
            detail: "x".repeat(length).into(),
        };
        pending.history.push(said(2));
        assert!(due(&pending, 900, false).is_none());
        assert!(due(&pending, 1000, false) == Some(Lot::History));
        pending.history.push(said(MUCH_HISTORY));
        assert!(due(&pending, 0, false) == Some(Lot::History));
        let taken = pending.take(Lot::History, &Alerts::default());
        assert_eq!((taken.frames.len(), taken.repeated.len()), (2, 0));
        assert!(due(&pending, 9000, false).is_none());
        pending.bytes = MANY_STATES;
        assert!(due(&pending, 0, false) == Some(Lot::All));
        pending.bytes = 0;
        pending.note_payload(super::UNCOVERED);
        assert!(due(&pending, 0, false) == Some(Lot::All));
        pending.restore(&taken);
        assert!(!pending.history.is_empty());
    }
}
