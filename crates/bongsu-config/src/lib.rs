//! Configuration files: typed, validated, with every mistake reported at its place.
//!
//! In: texts (nothing here opens a file). Out: values that cannot hold an invalid configuration, or
//! diagnostics. The codes are listed in `docs/diagnostics.md`.

#![allow(unreachable_pub, reason = "settings! makes every group public; not all are exported")]

pub mod alertmanager;
pub mod import;
pub mod monitoring;
pub mod providers;
pub mod relabel;
pub mod scripts;
pub mod secret;
mod settings;
