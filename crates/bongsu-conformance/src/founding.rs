//! The `founding-…` suites: files the product was asked to take as they are.

pub(crate) mod providers;
pub(crate) mod rules;
pub(crate) mod workflows;
