//! Workflows from outside: what files mean, what runs do.
#![allow(clippy::unwrap_used)]

mod files;
mod runs;
mod scripts;
mod support;
mod texts;
mod triggers;
