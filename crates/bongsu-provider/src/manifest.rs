//! What a provider is, as data: the manifest `provider.yaml` of its folder.
//!
//! In: the text of a manifest. Out: a [`Manifest`], or everything that is wrong with it, each with
//! its place. The folder's name is the provider's slug.
//!
//! ```yaml
//! name: {en: Grafana, ko: 그라파나}
//! summary: {en: Dashboards and alerting, ko: 대시보드와 알람}
//! categories: [monitoring]
//! docs: https://grafana.com/docs/…
//! setup: {en: …, ko: …}              # what to do on the other side
//! ingest:                            # shapes of payloads; the first that fits is taken
//! - shape: unified
//!   when: body.alerts is defined     # absent: always
//!   each: body.alerts                # absent: the body is one alert
//!   skip: item.kind == 'ping'        # not an alert, on purpose
//!   let:                             # names for what comes after, in order
//!     labels: item.labels | lower_keys
//!   fields:
//!     name: labels.alertname
//!     severity: {of: labels.severity, map: {page: critical}, otherwise: info}
//!   spread: [labels]                 # keys that become fields where none is yet
//!   fingerprint: item.fingerprint    # or a list of fields to hash
//! departures:                        # where this mapping means to differ from others, and why
//! - …
//! ```
//!
//! What a provider can be asked to do (`auth`, `connect`, `actions`, `queries`, `pull`, `check`,
//! `verify`) is described in `docs/providers.md`; [`crate::call`] carries it out.
//!
//! Expressions are those of [`bongsu_lang::jinja`] over `body` (the payload), `item` (the alert in
//! it) and the names of `let`.

mod catalogue;
mod fixture;
mod ingest;
mod keys;
pub(crate) mod operation;
mod read;
mod schema;
mod verify;

use std::sync::Arc;

use bongsu_lang::jinja::Expression;
use bongsu_model::{Diagnostic, Json, SmolStr, Source};

pub use catalogue::Catalogue;
pub use fixture::{CallCase, Case, Checked, Fixture, MappingCase};
pub use ingest::{Mapped, Unmappable};
pub use operation::{Input, InputKind, Operation, OperationKind, Pull, Transport};
pub use schema::schema;
pub(crate) use verify::is_of_sns;
pub use verify::{Incoming, Signature, SnsMessage, Verdict};

/// A text in the languages of the product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

/// A provider.
#[derive(Debug)]
pub struct Manifest {
    /// Name of its folder; part of URLs and configuration.
    pub slug: String,
    /// What people call it.
    pub name: Text,
    /// One sentence.
    pub summary: Text,
    /// Where it stands in the catalogue.
    pub categories: Vec<String>,
    /// The vendor's page about it.
    pub docs: Option<String>,
    /// What to do on the other side so that alerts arrive.
    pub setup: Text,
    /// Other slugs people use for it.
    pub aliases: Vec<String>,
    /// What an instance is configured with.
    pub auth: Vec<Input>,
    /// What it can be told to do; the first is the usual one.
    pub actions: Vec<Operation>,
    /// What it can be asked; the first is the usual one.
    pub queries: Vec<Operation>,
    /// How alerts are fetched.
    pub pull: Option<Pull>,
    /// One request for each permission that is needed.
    pub checks: Vec<Operation>,
    /// The language in which rules ask it, if they may: `promql`, `metricsql`, `logql`, `logsql` or
    /// `elasticsearch`.
    pub datasource: Option<&'static str>,
    /// Signatures of what comes in; any that holds is enough.
    pub verify: Vec<Signature>,
    pub(crate) select: Option<Expression>,
    /// Shapes of payloads, in the order they are tried.
    pub ingest: Vec<Shape>,
    /// Where the mapping means to differ from what people may be used to, and why.
    pub departures: Vec<String>,
}

/// What a payload stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Event {
    /// Alerts.
    #[default]
    Alert,
    /// Changes: deployments and the like.
    Change,
}

/// How one shape of payload becomes alerts or changes.
#[derive(Debug)]
pub struct Shape {
    /// Its name, for messages.
    pub name: String,
    /// What it maps to.
    pub event: Event,
    when: Option<Expression>,
    each: Option<Expression>,
    skip: Option<Expression>,
    lets: Vec<(Arc<str>, Expression)>,
    /// Each name once.
    fields: Vec<(SmolStr, Rule)>,
    spread: Vec<Expression>,
    fingerprint: Option<Identity>,
}

/// How a field gets its value.
#[derive(Debug)]
enum Rule {
    Value(Expression),
    /// Looked up by its text; numbers by how they print.
    Mapped {
        of: Expression,
        map: Vec<(String, Json)>,
        fold: bool,
        otherwise: Option<Expression>,
    },
}

/// What identifies an alert over time.
#[derive(Debug)]
enum Identity {
    Value(Expression),
    /// Fields whose values are hashed, by dotted path.
    Fields(Vec<String>),
}

impl Manifest {
    /// Whether a folder's name may be a slug: lower case letters, digits and `_`.
    pub fn is_slug(name: &str) -> bool {
        let may = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        !name.is_empty() && name.bytes().all(may)
    }

    /// Reads a manifest.
    pub fn parse(slug: &str, source: Arc<Source>) -> Result<Self, Vec<Diagnostic>> {
        read::manifest(slug, source)
    }
}
