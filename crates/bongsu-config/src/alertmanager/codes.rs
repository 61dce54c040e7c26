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
/// Global keys that exclude each other.
pub const GLOBAL_PAIR: &str = "BS1007";
/// A receiver's name or labels.
pub const RECEIVER_NAME: &str = "BS1008";
/// An integration lacks something neither it nor `global` gives.
pub const MISSING_CREDENTIAL: &str = "BS1009";
/// The root route.
pub const ROOT_ROUTE: &str = "BS1010";
/// A route names a receiver that does not exist.
pub const UNDEFINED_RECEIVER: &str = "BS1011";
/// Two time intervals with one name.
pub const INTERVAL_NAME: &str = "BS1012";
/// A route names a time interval that does not exist.
pub const UNDEFINED_INTERVAL: &str = "BS1013";
/// A matcher only the old grammar reads, or reads differently.
pub const CLASSIC_MATCHER: &str = "BS1101";
/// An inhibit rule without `equal`.
pub const INHIBITS_EVERYTHING: &str = "BS1102";
/// A route an earlier sibling leaves nothing for.
pub const UNREACHABLE_ROUTE: &str = "BS1103";
/// A receiver no route uses.
pub const UNUSED_RECEIVER: &str = "BS1104";
/// A time interval no route uses.
pub const UNUSED_INTERVAL: &str = "BS1105";
/// A key with a newer name.
pub const DEPRECATED_KEY: &str = "BS1106";
/// Repetition more often than the group is looked at.
pub const REPEAT_TOO_SHORT: &str = "BS1107";
/// Siblings with the same matchers share what was sent.
pub const SHARED_GROUP_KEY: &str = "BS1108";
/// A template uses something Alertmanager does not have.
pub const TEMPLATE_NAME: &str = "BS1109";
/// A value copied from documentation.
pub const PLACEHOLDER: &str = "BS1110";
/// A template that cannot be read.
pub const TEMPLATE_SYNTAX: &str = "BS1111";
