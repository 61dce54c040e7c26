//! Tests with processes: what was answered survives `kill -9`; and, on demand, figures.

#![allow(clippy::unwrap_used)]

mod crash;
mod figures;
