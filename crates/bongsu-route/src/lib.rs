//! What happens to an alert between arrival and grouping, as pure functions and step machines.

pub mod accept;
pub mod filter;
pub mod inhibit;
pub mod mute;
pub mod order;
pub mod silence;
pub mod tree;

pub use inhibit::{InhibitRule, Inhibitor};
pub use mute::{MuteTimes, Suppression};
pub use silence::{SilenceLimits, Silences};
pub use tree::{GroupBy, Route, RouteSpec, RouteTree};
