//! What a rendering may see of the world and how much it may use.

use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::value::Value;

/// What a rendering sees besides its data.
#[derive(Clone, Debug)]
pub struct Context {
    /// The result of `now` and the reference of `since`.
    pub now: Timestamp,
    /// The zone of `now` and of a time's `Local` method.
    pub local: TimeZone,
    /// Who answers functions that need more than their arguments (`query`).
    pub host: Option<Arc<dyn Host>>,
}

/// The program around a rendering, for what only it can know.
pub trait Host: Debug + Send + Sync {
    /// Answers the function of that name for its text, which is empty for functions without one.
    ///
    /// # Errors
    /// What the template's error says.
    fn answer(&self, function: &'static str, text: &str) -> Result<Value, String>;
}

impl Context {
    /// `now` in UTC.
    pub fn at(now: Timestamp) -> Self {
        Self { now, local: TimeZone::UTC, host: None }
    }

    /// With a program that answers.
    #[must_use]
    pub fn with_host(self, host: Arc<dyn Host>) -> Self {
        Self { host: Some(host), ..self }
    }
}

/// Bounds of one parse and one rendering; exceeding one is an error, never a panic or a hang.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one template text.
    pub source: usize,
    /// Nesting of blocks and parentheses in one text.
    pub nesting: usize,
    /// Actions, commands and loop turns executed, plus one per 64 bytes built by functions.
    pub steps: u64,
    /// Templates inside templates.
    pub calls: usize,
    /// Bytes of output, and of any one string built on the way.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { source: 1 << 20, nesting: 64, steps: 2_000_000, calls: 100, output: 8 << 20 }
    }
}
