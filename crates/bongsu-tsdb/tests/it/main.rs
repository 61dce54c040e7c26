//! Tests with processes: what was answered survives `kill -9`; and, on demand, figures.

mod crash;
mod figures;
