//! Targets: where they are found, how they are asked, which labels their samples get.
//!
//! In: jobs of the configuration, what discovery tells. Out: [`Target`]s; samples as they are kept.
//! The loop that asks them is [`crate::pipeline::scrape`].

pub(crate) mod cluster;
pub(crate) mod group;
mod kubernetes;
pub(crate) mod sample;
pub(crate) mod target;

pub(crate) use group::TargetGroup;
pub(crate) use target::Target;
