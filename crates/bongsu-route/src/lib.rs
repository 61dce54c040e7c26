//! What happens to an alert between arrival and grouping, as pure functions and step machines.

pub mod accept;
