//! Summation that keeps what rounding loses.

/// A running sum after Neumaier: the error of each addition is collected apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

impl Sum {
    pub(crate) fn of(value: f64) -> Self {
        Self { value, error: 0.0 }
    }

    pub(crate) fn plus(self, term: f64) -> Self {
        let Self { value, error } = self;
        let sum = value + term;
        let error = if sum.is_infinite() {
            0.0
        } else if value.abs() >= term.abs() {
            error + ((value - sum) + term)
        } else {
            error + ((term - sum) + value)
        };
        Self { value: sum, error }
    }

    pub(crate) fn add(&mut self, term: f64) {
        *self = self.plus(term);
    }

    pub(crate) fn total(self) -> f64 {
        if self.value.is_infinite() { self.value } else { self.value + self.error }
    }
}

/// A running mean: the sum is divided at the end, unless it would overflow; from there on the mean
/// itself is carried forward.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    sum: Sum,
    mean: Option<Sum>,
    count: f64,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.sum = Sum::of(value);
            return;
        }
        let mean = match self.mean {
            Some(mean) => mean,
            None => {
                let sum = self.sum.plus(value);
                if !sum.value.is_infinite() {
                    self.sum = sum;
                    return;
                }
                let before = self.count - 1.0;
                Sum { value: self.sum.value / before, error: self.sum.error / before }
            }
        };
        let share = (self.count - 1.0) / self.count;
        let carried = Sum { value: share * mean.value, error: share * mean.error };
        self.mean = Some(carried.plus(value / self.count));
    }

    pub(crate) fn result(self) -> f64 {
        match self.mean {
            Some(mean) => mean.value + mean.error,
            None => self.sum.value / self.count + self.sum.error / self.count,
        }
    }
}
