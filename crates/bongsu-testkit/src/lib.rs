//! Fakes the tests of every other crate lean on: peers that listen on loopback and the real binary.
//!
//! In: scripts of what a peer shall answer. Out: records of what it was sent. Every fake listens on
//! a free port of 127.0.0.1 and runs on its own threads, so that both plain and `async` tests can
//! use it. A step of a fake that cannot work fails the test by panicking: this crate is a
//! development dependency only.
#![allow(clippy::unwrap_used)]

mod background;
pub mod capture;
pub mod kubernetes;
pub mod oauth;
pub mod process;
pub mod proxy;
pub mod remote_write;
pub mod ruler;
pub mod smtp;
pub mod ssh;
pub mod tls;
