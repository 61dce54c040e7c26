//! The vocabulary every floor speaks: alerts, labels, matchers, silences, documents, time, diagnostics.
//!
//! In: nothing. Out: plain values. No clock, randomness or I/O; the text forms (`Display`) are the
//! ones Alertmanager prints, because people's dedup keys and filters are built on them.

mod alert;
mod change;
mod diagnostic;
mod fingerprint;
mod flush;
mod json;
mod labels;
mod matcher;
mod occurrence;
mod quote;
pub mod re2;
mod secret;
mod silence;
mod time;

pub use alert::{Alert, AlertStatus};
pub use change::{Change, ChangeOutcome};
pub use diagnostic::{Diagnostic, Place, Severity, Source, render_diagnostics};
pub use fingerprint::{Fingerprint, LabelHash};
pub use flush::{FlushedAlert, GroupFlush, GroupKey};
pub use json::{Json, JsonMap, Number, SmolStr};
pub use labels::{LabelNames, Labels, LabelsBuilder, RecentNames};
pub use matcher::{MatchOp, Matcher, Matchers};
pub use occurrence::{AlertSeverity, AlertState, Occurrence, UnknownName, Unmapped, time_text};
pub use quote::go_quote;
pub use secret::Secret;
pub use silence::{Silence, SilenceState};
pub use time::Time;

/// An instant with nanosecond resolution.
pub use jiff::Timestamp;
