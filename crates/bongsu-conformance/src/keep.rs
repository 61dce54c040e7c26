//! Suites recorded from Keep.

pub(crate) mod alerts;
