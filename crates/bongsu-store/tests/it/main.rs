//! Black-box tests of the store.

#![allow(clippy::unwrap_used)]

mod abundant;
mod backup;
mod codec;
mod conformance;
mod crash;
mod full;
mod memory;
mod opening;
mod support;
