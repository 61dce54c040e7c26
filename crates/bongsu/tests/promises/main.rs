//! The promises Bongsu makes to whoever relies on it, each tried on the real binary from outside:
//! over HTTP, with signals, with a full disk, with a clock that jumps.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod bad_input;
mod clock;
mod crash;
mod disk_full;
mod injection;
mod kubernetes;
mod measuring;
mod overload;
mod receivers;
mod ruler;
mod secrets;
mod support;
mod workflows;
