//! Function sets.

use super::function::FunctionSet;

/// The functions of Alertmanager's notification templates.
pub fn alertmanager() -> FunctionSet {
    FunctionSet::default()
}
