//! The times an expression is evaluated at.

/// `steps` times from `start`, `step` apart, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) steps: usize,
}

impl Grid {
    pub(crate) fn instant(at: i64) -> Self {
        Self { start: at, step: 1, steps: 1 }
    }

    /// `start..=end`; empty if `end` lies before `start`.
    pub(crate) fn range(start: i64, end: i64, step: i64) -> Self {
        let steps = if end < start { 0 } else { end.saturating_sub(start) / step + 1 };
        Self { start, step, steps: usize::try_from(steps).unwrap_or(usize::MAX) }
    }

    pub(crate) fn at(self, step: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(step as i64))
    }

    pub(crate) fn end(self) -> i64 {
        self.at(self.steps.saturating_sub(1))
    }

    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.steps).map(move |step| self.at(step))
    }
}
