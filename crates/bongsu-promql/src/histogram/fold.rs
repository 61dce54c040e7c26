//! Sum and mean of many histograms.

use super::{FloatHistogram, Incompatible};

/// Sum or mean of the histograms that were pushed. It has the coarsest layout of them.
#[derive(Clone, Debug)]
pub struct Fold {
    value: Option<FloatHistogram>,
    mean: bool,
    count: f64,
    broken: bool,
}

impl Fold {
    /// A sum.
    pub fn sum() -> Self {
        Self { value: None, mean: false, count: 0.0, broken: false }
    }

    /// A mean; computed bit by bit, so that it does not overflow where a sum would.
    pub fn mean() -> Self {
        Self { mean: true, ..Self::sum() }
    }

    /// Takes one more. After one that does not fit there is no result; only that one is told.
    pub fn push(&mut self, histogram: &FloatHistogram) -> Result<(), Incompatible> {
        if self.broken {
            return Ok(());
        }
        self.count += 1.0;
        let Some(value) = &mut self.value else {
            self.value = Some(histogram.clone());
            return Ok(());
        };
        let pushed =
            if self.mean { shift(value, histogram, self.count) } else { value.add(histogram) };
        self.broken = pushed.is_err();
        pushed
    }

    /// The result, compact; `None` without any histogram, or if one did not fit.
    pub fn finish(self) -> Option<FloatHistogram> {
        let mut value = self.value.filter(|_| !self.broken)?;
        value.compact(0);
        Some(value)
    }
}

/// Moves a mean towards the `count`th value.
fn shift(mean: &mut FloatHistogram, next: &FloatHistogram, count: f64) -> Result<(), Incompatible> {
    let (mut step, mut share) = (next.clone(), mean.clone());
    step.div(count);
    share.div(count);
    step.sub(&share)?;
    mean.add(&step)
}
