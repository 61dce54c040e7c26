//! Stage 4 of 12, the part before routing: what is known of each alert, what is added to it, what is
//! held back.
//!
//! In: reports ([`bongsu_model::Occurrence`]) in the order they came, changes by hand, the rules people
//! wrote, an instant. Out: which reports are duplicates, the alert with more fields, each with its
//! origin, whether a maintenance window holds it, the form it is routed in ([`Routed`]), and what to
//! remember. Pure: time is an argument, storing is the caller's.
//!
//! The order of a report is fixed: extraction on the raw payload, (mapping, elsewhere), duplicates,
//! extraction on the alert, tables, topology, what was written by hand, maintenance. Rules and formats
//! are those of Keep without their traps; `docs/enrichment.md` says which.

mod cell;
mod content;
pub mod csv;
mod dedup;
mod engine;
mod enricher;
mod extraction;
mod field;
mod http_table;
mod known;
pub mod maintenance;
mod mapping;
pub mod preset;
pub mod provenance;
mod read;
pub mod recurrence;
mod routed;
mod rules;
mod table;
pub mod topology;

pub use content::content_hash;
pub use dedup::{DedupRule, DedupRules, Ratio};
pub use engine::{Alerts, Arrival, Change, ChangeError, Last, Report, Stored, Taken};
pub use enricher::{Enricher, Files, Outcome, Step};
pub use extraction::Extraction;
pub use field::set_field;
pub use http_table::{HttpHeader, HttpTable, TableFormat};
pub use known::Known;
pub use maintenance::{Held, HoldAction, Maintenance, Window};
pub use mapping::{Mapping, MappingSource};
pub use preset::Preset;
pub use provenance::{Enrichment, Enrichments, Origin};
pub use recurrence::Recurrence;
pub use routed::{Routed, annotations_of, labels_of};
pub use table::{Table, TableFault};
pub use topology::Topology;
