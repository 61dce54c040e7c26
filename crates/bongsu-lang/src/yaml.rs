//! YAML as Go's yaml.v2 reads it: YAML 1.1 scalars (`yes`, `012`, `1_000`), merge keys, aliases.
//!
//! In: text. Out: a [`Node`] tree that knows lines and columns (for files people write), a plain
//! [`Value`] (for rendered template text), and back to text with [`emit`]. Size, depth and alias
//! expansion are limited, so a hostile document costs no more than a large one.

mod emit;
mod node;
mod read;
mod scalar;
mod value;

pub use emit::emit;
pub use node::{Entry, Kind, Node, Place};
pub use read::{Limits, parse, parse_all};
pub use scalar::{Scalar, resolve_plain};
pub use value::{Value, parse_value};

/// Why a text is not YAML, or is too much of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("yaml: line {line}: {message}")]
pub struct Error {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}
