//! What happens to an alert between arrival and grouping, as pure functions and step machines.

pub mod accept;
mod alerts;
mod engine;
pub mod filter;
mod group;
pub mod inhibit;
pub mod mute;
pub mod order;
mod plan;
pub mod silence;
pub mod tree;

pub use alerts::Put;
pub use engine::{Effect, GRACE, GroupRef, Muting, Plan, RouteEngine, RouteSet, Settings};
pub use group::{GroupId, GroupRecord};
pub use inhibit::{InhibitRule, Inhibitor};
pub use mute::{MuteTimes, Suppression};
pub use silence::{
    Change, Draft, MatcherDraft, SilenceError, SilenceLimits, Silences, StateFilter,
};
pub use tree::{GroupBy, Route, RouteSpec, RouteTree};
