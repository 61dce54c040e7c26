//! Wide alerts, what was reported of them, and the payloads they came in.

use std::sync::Arc;

use bongsu_lang::cel::Program;
use bongsu_model::Timestamp;

/// A payload as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadRow {
    /// Rises by one for each; given by the engine.
    pub id: i64,
    /// When it was received.
    pub at: Timestamp,
    /// Slug of the provider it was sent for.
    pub provider: String,
    /// Instance of the provider.
    pub instance: Option<String>,
    /// The engine's own encoding of what came beside the body (parameters, the name of the key).
    pub origin: String,
    /// The body.
    pub body: Vec<u8>,
    /// Why it could not be mapped, if so.
    pub problem: Option<String>,
}

/// Which payloads are asked for; newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadFilter {
    /// Only those that could not be mapped.
    pub problems: bool,
    /// Only those of this provider.
    pub provider: Option<String>,
    /// Only ids below this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// The current state of a wide alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OccurrenceRow {
    /// Its identity.
    pub fingerprint: String,
    /// Last report or change by hand.
    pub at: Timestamp,
    /// First report.
    pub first_at: Timestamp,
    /// As in the alert.
    pub name: String,
    /// As in the alert.
    pub status: String,
    /// 1 (low) to 5 (critical).
    pub severity: u8,
    /// Slug of the provider of the last report.
    pub provider: String,
    /// As in the alert.
    pub service: Option<String>,
    /// As in the alert.
    pub environment: Option<String>,
    /// Rises with every state.
    pub revision: u64,
    /// What the engine remembers beside the alert; its own encoding.
    pub known: Vec<u8>,
    /// The alert, a JSON object.
    pub alert: Arc<str>,
}

/// A report of a wide alert that says nothing new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OccurrenceTouch {
    /// Its identity.
    pub fingerprint: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// As in [`OccurrenceRow`].
    pub revision: u64,
    /// As in [`OccurrenceRow`].
    pub known: Vec<u8>,
}

/// A stored wide alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OccurrenceRecord {
    /// Place among those of the same instant, for [`OccurrenceFilter::before`].
    pub id: i64,
    /// See [`OccurrenceRow::at`].
    pub at: Timestamp,
    /// Its identity.
    pub fingerprint: String,
    /// See [`OccurrenceRow::known`].
    pub known: Vec<u8>,
    /// The alert, a JSON object.
    pub alert: String,
}

/// A field to order wide alerts by. Severity and status go by rank; where the field is missing comes
/// first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// Dotted path; `lastReceived` is [`OccurrenceRow::at`].
    pub field: String,
    /// The greatest first.
    pub descending: bool,
}

/// Which wide alerts are asked for; the last reported first.
#[derive(Clone, Copy, Debug, Default)]
pub struct OccurrenceFilter<'a> {
    /// A condition on the alert.
    pub condition: Option<&'a Program>,
    /// Words that must all stand in its texts, or begin one.
    pub text: Option<&'a str>,
    /// Only those that come after this one in the usual order: its `at` and `id`.
    pub before: Option<(Timestamp, i64)>,
    /// Another order; alike in all of it, the last reported is first.
    pub sort: &'a [SortKey],
    /// So many are left out from the first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// How many wide alerts a filter selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// So many were counted.
    pub n: u64,
    /// There may be more: words that stand in very many alerts are looked for in the newest ones only.
    pub more: bool,
}

/// How often values occur among the wide alerts a filter selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// The values of each field, the most frequent first.
    pub values: Vec<Vec<FacetValue>>,
    /// As in [`Total`].
    pub more: bool,
}

/// One report or change of a wide alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRecord {
    /// Rises with time; pages by `before`.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The engine's word for what happened.
    pub kind: String,
    /// JSON text.
    pub detail: String,
}

/// Something that was changed on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// When.
    pub at: Timestamp,
    /// Slug of the provider that reported it.
    pub source: String,
    /// Unique for the source; a later report replaces the one before.
    pub key: String,
    /// What it was made to.
    pub service: Option<String>,
    /// Where.
    pub environment: Option<String>,
    /// JSON text.
    pub detail: String,
}

/// Which changes are asked for; the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Only those to this service.
    pub service: Option<String>,
    /// Only those in this environment.
    pub environment: Option<String>,
    /// Only those from here on.
    pub since: Option<Timestamp>,
    /// Only those that come after this one: its `at` and `id`.
    pub before: Option<(Timestamp, i64)>,
    /// At most so many.
    pub limit: usize,
}

/// A stored change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRecord {
    /// Place among those of the same instant.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// JSON text.
    pub detail: String,
}

/// A saved search made by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetRow {
    /// Its name; unique.
    pub name: String,
    /// When it was last written.
    pub at: Timestamp,
    /// The engine's own encoding.
    pub data: String,
}

/// How often a value occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetValue {
    /// The value; `None` where the field is missing.
    pub value: Option<String>,
    /// Alerts that have it.
    pub count: u64,
}

/// States by rank, the least first; none is part of another.
pub(crate) const STATES: &str = "maintenance pending suppressed acknowledged resolved firing";

/// Words a text search is made of: letters and digits; everything else parts them.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(16)
        .map(str::to_lowercase)
        .collect()
}
