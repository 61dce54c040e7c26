//! Stage 4 of 12, the part before routing: what is added to an alert, and what is held back.
//!
//! In: an [`Occurrence`](bongsu_model::Occurrence), the rules people wrote, an instant. Out: the
//! occurrence with more fields, each with its origin, and whether a maintenance window holds it. The
//! order is fixed: extraction on the raw payload, (normalizing, elsewhere), extraction on the alert,
//! tables, topology. Rules and formats are those of Keep without their traps; `docs/enrichment.md`
//! says which.

mod cell;
pub mod csv;
mod enricher;
mod extraction;
mod field;
pub mod maintenance;
mod mapping;
pub mod provenance;
mod read;
pub mod recurrence;
mod rules;
mod table;
pub mod topology;

pub use enricher::{Enricher, Files, Outcome, Step};
pub use extraction::Extraction;
pub use field::set_field;
pub use maintenance::{Held, HoldAction, Maintenance, Window};
pub use mapping::{HttpTable, Mapping, MappingSource};
pub use provenance::{Enrichment, Enrichments, Origin};
pub use recurrence::Recurrence;
pub use table::{Table, TableFault};
pub use topology::Topology;
