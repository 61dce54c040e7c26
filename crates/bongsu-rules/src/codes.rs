//! Codes of this crate's diagnostics about rule files; `docs/diagnostics.md` explains them.

/// Not YAML, or too much of it.
pub const SYNTAX: &str = "BS2101";
/// A value of the wrong shape.
pub const TYPE: &str = "BS2102";
/// A key nobody knows, or one that stands twice.
pub const KEY: &str = "BS2103";
/// A group that cannot be.
pub const GROUP: &str = "BS2104";
/// A rule that cannot be.
pub const RULE: &str = "BS2105";
/// An expression that does not parse.
pub const EXPRESSION: &str = "BS2106";
/// A label or annotation whose template does not parse.
pub const TEMPLATE: &str = "BS2107";
/// A document that holds no rules.
pub const DOCUMENT: &str = "BS2108";
/// A patch that fits nothing, or cannot be applied.
pub const PATCH: &str = "BS2109";
/// A rule that cannot be limited to a label.
pub const ENFORCED: &str = "BS2110";
/// Warning: a key that is accepted but has no effect here.
pub const WITHOUT_EFFECT: &str = "BS2121";
/// A file of unit tests that cannot be run.
pub const UNIT_TEST: &str = "BS2141";
/// A policy of lints that cannot be.
pub const POLICY: &str = "BS2161";
/// A pack of rules that lacks something, or has something without a purpose.
pub const PACK: &str = "BS2151";
