//! Maintenance windows: times at which some alerts are not to disturb anybody.
//!
//! In: windows, an instant, an occurrence. Out: the first window, in the order they are written, that
//! is open and speaks of it. Nothing is lost: an alert is marked as suppressed, or held and shown
//! again when the window closes.

mod schedule;

use std::sync::Arc;

use bongsu_lang::cel::{Explanation, Program};
use bongsu_model::{AlertState, Json, JsonMap, Matchers, Occurrence, Timestamp};
use serde_json::Value;

use crate::field;

pub use schedule::{MAX_DURATION, Schedule};

/// Which alerts a window speaks of.
#[derive(Clone, Debug)]
pub enum Scope {
    /// Those that match a condition.
    Cel(Program),
    /// Those whose labels match; where there is no such label, the field of that name.
    Matchers(Matchers),
}

/// What becomes of an alert in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldAction {
    /// Its status is suppressed.
    Suppress,
    /// Its status is maintenance, and what it was comes back when the window closes.
    Hold,
}

/// One window.
#[derive(Clone, Debug)]
pub struct Window {
    /// Unique.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Why it is there.
    pub description: Option<String>,
    /// Which alerts.
    pub scope: Scope,
    /// When.
    pub schedule: Schedule,
    /// What becomes of them.
    pub action: HoldAction,
    /// Alerts with such a status pass.
    pub ignore_statuses: Vec<AlertState>,
    /// Switched on.
    pub enabled: bool,
    /// Who made it.
    pub created_by: Option<String>,
}

/// Why a window speaks of an alert or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The terms of the condition that decided.
    Cel(Explanation),
    /// The matchers that failed; none if all hold.
    Matchers(Vec<String>),
    /// The status passes.
    Ignored(AlertState),
}

/// What a window would do with one alert.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewedAlert {
    /// Which alert.
    pub fingerprint: String,
    /// What it is called.
    pub name: String,
    /// Whether the window would hold it.
    pub matched: bool,
    /// Why or why not.
    pub reason: Reason,
}

/// What a window would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Until when it is open, if it is.
    pub open_until: Option<Timestamp>,
    /// When it opens next, after now.
    pub opens_at: Option<Timestamp>,
    /// Each alert, in the order given.
    pub alerts: Vec<PreviewedAlert>,
}

impl Window {
    /// What the window would do with these alerts while it is open, whether it is switched on or not.
    pub fn preview<'o>(
        &self,
        now: Timestamp,
        alerts: impl IntoIterator<Item = &'o Occurrence>,
    ) -> Preview {
        let one = |occurrence: &Occurrence| {
            let (matched, reason) = self.judge(occurrence);
            let (fingerprint, name) =
                (occurrence.fingerprint.to_string(), occurrence.name.to_string());
            PreviewedAlert { fingerprint, name, matched, reason }
        };
        Preview {
            open_until: self.schedule.open_until(now),
            opens_at: self.schedule.opens_after(now),
            alerts: alerts.into_iter().map(one).collect(),
        }
    }

    fn judge(&self, occurrence: &Occurrence) -> (bool, Reason) {
        if self.ignore_statuses.contains(&occurrence.state) {
            return (false, Reason::Ignored(occurrence.state));
        }
        match &self.scope {
            Scope::Cel(program) => {
                let alert = occurrence.to_json();
                let verdict = program.matches(&alert);
                (verdict.matched(), Reason::Cel(verdict.explain()))
            }
            Scope::Matchers(matchers) => {
                let failed =
                    matchers.0.iter().filter(|m| !m.matches_value(&label(occurrence, m.name())));
                let failed: Vec<String> = failed.map(ToString::to_string).collect();
                (failed.is_empty(), Reason::Matchers(failed))
            }
        }
    }

    /// `alert` is the occurrence as JSON.
    fn speaks_of(&self, occurrence: &Occurrence, alert: &Value) -> bool {
        !self.ignore_statuses.contains(&occurrence.state)
            && match &self.scope {
                Scope::Cel(program) => program.matches(alert).matched(),
                Scope::Matchers(matchers) => {
                    matchers.0.iter().all(|m| m.matches_value(&label(occurrence, m.name())))
                }
            }
    }
}

/// A label, or the field of that name, as text; nothing is the empty text.
fn label(occurrence: &Occurrence, name: &str) -> String {
    let of_labels = occurrence.fields.get("labels").and_then(|labels| labels.get(name));
    match (of_labels.filter(|value| !value.is_null()), name) {
        (Some(value), _) => field::text_of(&value.into()),
        (None, "name" | "alertname") => occurrence.name.to_string(),
        (None, "severity") => occurrence.severity.to_string(),
        (None, "status") => occurrence.state.to_string(),
        (None, _) => match occurrence.fields.get(name) {
            None | Some(Json::Null) => String::new(),
            Some(value) => field::text_of(&value.into()),
        },
    }
}

/// All windows, in the order that decides which one wins.
#[derive(Clone, Debug, Default)]
pub struct Maintenance {
    windows: Vec<Arc<Window>>,
}

impl Maintenance {
    /// From windows in order.
    pub fn new(windows: impl IntoIterator<Item = Window>) -> Self {
        Self { windows: windows.into_iter().map(Arc::new).collect() }
    }

    /// All windows, also those that are switched off.
    pub fn windows(&self) -> &[Arc<Window>] {
        &self.windows
    }

    /// The windows that are open. Stays right until [`Maintenance::next_change`], so that a busy
    /// pipeline asks once, not for every alert.
    pub fn active_at(&self, now: Timestamp) -> Active {
        let open = self.enabled().filter_map(|window| {
            let until = window.schedule.open_until(now)?;
            Some((Arc::clone(window), until))
        });
        Active { open: open.collect() }
    }

    /// The next instant after `now` at which a window opens or closes.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.enabled().filter_map(|window| window.schedule.next_change(now)).min()
    }

    /// What is to become of an occurrence at `now`; `None`: nothing.
    pub fn verdict(&self, now: Timestamp, occurrence: &Occurrence) -> Option<Held> {
        self.active_at(now).verdict(occurrence)
    }

    /// What every window that is switched on would do with these alerts while it is open.
    pub fn preview(&self, now: Timestamp, alerts: &[Occurrence]) -> Vec<(Arc<Window>, Preview)> {
        self.enabled().map(|w| (Arc::clone(w), w.preview(now, alerts))).collect()
    }

    fn enabled(&self) -> impl Iterator<Item = &Arc<Window>> {
        self.windows.iter().filter(|window| window.enabled)
    }
}

/// Windows that are open at some instant.
#[derive(Clone, Debug, Default)]
pub struct Active {
    open: Vec<(Arc<Window>, Timestamp)>,
}

impl Active {
    /// The windows, and until when each is open.
    pub fn windows(&self) -> impl Iterator<Item = (&Window, Timestamp)> {
        self.open.iter().map(|(window, until)| (&**window, *until))
    }

    /// The first window that speaks of an occurrence.
    pub fn verdict(&self, occurrence: &Occurrence) -> Option<Held> {
        if self.open.is_empty() {
            return None;
        }
        let by_condition = self.open.iter().any(|(w, _)| matches!(w.scope, Scope::Cel(_)));
        let alert = if by_condition { occurrence.to_json() } else { Value::Null };
        let (window, until) =
            self.open.iter().find(|(window, _)| window.speaks_of(occurrence, &alert))?;
        Some(Held { window: Arc::clone(window), until: *until, action: window.action })
    }
}

/// An occurrence is in a window.
#[derive(Clone, Debug)]
pub struct Held {
    /// Which one.
    pub window: Arc<Window>,
    /// When it closes.
    pub until: Timestamp,
    /// What is to be done.
    pub action: HoldAction,
}

/// Where the status before is kept.
const PREVIOUS: &str = "previous_status";
/// Which windows held an occurrence.
const TRACE: &str = "maintenance_windows_trace";

impl Held {
    /// Marks the occurrence: its status, what it was before, and by which window.
    pub fn apply(&self, occurrence: &mut Occurrence) {
        let state = match self.action {
            HoldAction::Suppress => AlertState::Suppressed,
            HoldAction::Hold => AlertState::Maintenance,
        };
        if occurrence.state != state {
            let before = occurrence.state.as_str();
            occurrence.fields.insert(PREVIOUS, before);
            occurrence.state = state;
        }
        let trace = occurrence.fields.get_or_null(TRACE);
        field::add_texts(trace, std::iter::once(&*self.window.id));
    }
}

/// Takes the mark of a window off a stored alert.
pub(crate) fn forget(alert: &mut JsonMap) {
    alert.shift_remove(PREVIOUS);
}
