//! Bounds of one rendering.

use crate::gotmpl::limits::Limits;

/// What is left of the limits; shared by nested renderings.
pub(crate) struct Budget {
    steps: u64,
    calls: usize,
    nesting: usize,
}

/// Levels of evaluation inside each other; keeps the machine's own stack small.
const MOST_NESTED: usize = 400;

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { steps: limits.steps, calls: 0, nesting: 0 }
    }

    pub(super) fn spend(&mut self, steps: u64) -> Result<(), String> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err("template takes too many steps".to_owned()),
        }
    }

    /// Enters a template called by another.
    pub(super) fn enter(&mut self, limits: &Limits) -> Result<(), String> {
        if self.calls >= limits.calls {
            return Err(format!("exceeded maximum template depth ({})", limits.calls));
        }
        self.calls += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.calls -= 1;
    }

    /// Goes one level deeper in blocks and parentheses.
    pub(super) fn descend(&mut self) -> Result<(), String> {
        if self.nesting >= MOST_NESTED {
            return Err("template is nested too deeply".to_owned());
        }
        self.nesting += 1;
        Ok(())
    }

    pub(super) fn ascend(&mut self) {
        self.nesting -= 1;
    }
}
