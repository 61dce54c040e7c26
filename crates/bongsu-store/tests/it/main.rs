//! Black-box tests of the store.

#![allow(clippy::unwrap_used)]

mod abundant;
mod backup;
mod codec;
mod conformance;
mod crash;
mod full;
mod history;
mod memory;
mod opening;
mod support;
