//! Codes of this module's diagnostics; `docs/diagnostics.md` explains them.

/// Not YAML, or too much of it.
pub const SYNTAX: &str = "BS1001";
/// A value of the wrong shape.
pub const TYPE: &str = "BS1002";
/// A key nobody knows.
pub const UNKNOWN_KEY: &str = "BS1003";
/// A key twice in one mapping.
pub const REPEATED_KEY: &str = "BS1004";
/// A value its own rule does not accept.
pub const REFUSED: &str = "BS1005";
/// Settings of one block that are incomplete or contradict each other.
pub const INCONSISTENT: &str = "BS1006";
