//! The founding workflows, as they are written, in a running server: what they call is played by
//! exact fakes behind the addresses their services have, over TLS and a proxy.
//!
//! In: `BONGSU_FIXTURES`. Each test is one file: what starts it, both ways of its conditions, and the
//! requests it makes.

mod alerts;
mod requests;
mod scene;
mod times;
