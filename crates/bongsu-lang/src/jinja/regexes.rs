//! Regular expressions that expressions use, compiled once each. They stand in manifests, so there
//! are few.

use std::collections::HashMap;
use std::sync::LazyLock;

use parking_lot::RwLock;
use regex::{Regex, RegexBuilder};

/// Bytes of a compiled program.
const SIZE: usize = 1 << 20;
/// Compiled ones kept.
const KEPT: usize = 4096;

static COMPILED: LazyLock<RwLock<HashMap<String, Regex>>> = LazyLock::new(RwLock::default);

pub(super) fn compiled(pattern: &str) -> Result<Regex, minijinja::Error> {
    if let Some(regex) = COMPILED.read().get(pattern) {
        return Ok(regex.clone());
    }
    let regex = RegexBuilder::new(pattern).size_limit(SIZE).build().map_err(|error| {
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, error.to_string())
    })?;
    let mut all = COMPILED.write();
    if all.len() < KEPT {
        all.insert(pattern.to_owned(), regex.clone());
    }
    Ok(regex)
}
