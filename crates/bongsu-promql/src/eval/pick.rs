//! Aggregations that choose samples of a group: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use xxhash_rust::xxh64::Xxh64;

use super::EvalError;
use super::aggregate::{Grouped, bounds, group};
use super::evaluator::Evaluator;
use super::frame::{Cell, Frame};
use super::key::Key;
use super::metric::Metric;
use crate::Span;
use crate::ast::Aggregation;
use crate::number::Shortest;

impl Evaluator<'_> {
    pub(crate) fn pick(
        &mut self,
        op: Aggregation,
        frame: &Frame,
        key: Key<'_>,
        params: &[f64],
        param_span: Span,
        span: Span,
    ) -> Result<Frame, EvalError> {
        if frame.rows() == 0 || self.nothing_wanted(op, params, param_span)? {
            return Ok(Frame::new(frame.steps()));
        }
        let grouped = group(frame, key);
        let mut chosen: Vec<Vec<usize>> = Vec::with_capacity(frame.steps());
        for (step, param) in params.iter().enumerate() {
            self.check_cancelled()?;
            let rows = match op {
                Aggregation::LimitRatio => by_ratio(frame, step, param.clamp(-1.0, 1.0)),
                Aggregation::Limitk => first_ones(frame, &grouped, step, wanted(*param, frame)),
                _ => self.extremes(op, frame, &grouped, step, wanted(*param, frame), span),
            };
            chosen.push(rows);
        }
        Ok(only(frame, &chosen))
    }

    /// Checks the parameters; whether no step wants any sample.
    fn nothing_wanted(
        &mut self,
        op: Aggregation,
        params: &[f64],
        span: Span,
    ) -> Result<bool, EvalError> {
        let (low, high) = bounds(params);
        let nan = params.iter().any(|param| param.is_nan());
        if op == Aggregation::LimitRatio {
            if nan {
                return Err(EvalError::execution("Ratio value is NaN"));
            }
            if high > 1.0 {
                self.notes.invalid_ratio(span, high, 1.0);
            }
            if low < -1.0 {
                self.notes.invalid_ratio(span, low, -1.0);
            }
            return Ok(high == 0.0 && low == 0.0);
        }
        if nan {
            return Err(EvalError::execution("Parameter value is NaN"));
        }
        if high < 1.0 {
            return Ok(true);
        }
        let flows = |value: f64, how: &str| {
            let value = Shortest(value);
            Err(EvalError::execution(format!("Scalar value {value} {how}flows int64")))
        };
        if low <= i64::MIN as f64 {
            return flows(low, "under");
        }
        if high >= i64::MAX as f64 {
            return flows(high, "over");
        }
        Ok(false)
    }

    fn extremes(
        &mut self,
        op: Aggregation,
        frame: &Frame,
        grouped: &Grouped,
        step: usize,
        k: usize,
        span: Span,
    ) -> Vec<usize> {
        let largest = op == Aggregation::Topk;
        let mut heaps = vec![Heap::new(k, largest); grouped.firsts.len()];
        for (row, group) in grouped.of_row.iter().enumerate() {
            match frame.cell(row, step) {
                Cell::Absent => {}
                Cell::Float(value) => heaps[*group].offer(value, row),
                Cell::Histogram(_) => self.notes.ignored_in_aggregation(span, op.name()),
            }
        }
        heaps.into_iter().flat_map(Heap::into_rows).collect()
    }
}

/// How many samples of a group a parameter asks for.
fn wanted(param: f64, frame: &Frame) -> usize {
    if param < 1.0 { 0 } else { (param as usize).min(frame.rows()) }
}

fn first_ones(frame: &Frame, grouped: &Grouped, step: usize, k: usize) -> Vec<usize> {
    let mut taken = vec![0; grouped.firsts.len()];
    let mut rows = Vec::new();
    for (row, group) in grouped.of_row.iter().enumerate() {
        if frame.has(row, step) && taken[*group] < k {
            taken[*group] += 1;
            rows.push(row);
        }
    }
    rows
}

/// Samples whose hash, as a share of all hashes, lies below `ratio`; with a negative one those that
/// its complement leaves out.
fn by_ratio(frame: &Frame, step: usize, ratio: f64) -> Vec<usize> {
    let chosen = |row: &usize| {
        if ratio == 0.0 || !frame.has(*row, step) {
            return false;
        }
        let share = hash(&frame.metrics[*row]) as f64 / u64::MAX as f64;
        if ratio > 0.0 { share < ratio } else { share >= 1.0 + ratio }
    };
    (0..frame.rows()).filter(chosen).collect()
}

/// Prometheus' hash of a label set: xxHash64 of its strings, each behind its length.
fn hash(metric: &Metric) -> u64 {
    let mut hash = Xxh64::new(0);
    for text in metric.iter().flat_map(|(name, value)| [name, value]) {
        match u8::try_from(text.len()) {
            Ok(length) if length < u8::MAX => hash.update(&[length]),
            // Longer ones have three bytes of length behind a mark, the lowest first.
            _ => {
                hash.update(&[u8::MAX]);
                hash.update(&(text.len() as u32).to_le_bytes()[..3]);
            }
        }
        hash.update(text.as_bytes());
    }
    hash.digest()
}

/// The rows chosen in any step, without the steps they were not chosen in; in the order of the
/// only step.
fn only(frame: &Frame, chosen: &[Vec<usize>]) -> Frame {
    let mut out = Frame::new(frame.steps());
    if let [rows] = chosen {
        rows.iter().for_each(|row| {
            out.push_row_of(frame, *row);
        });
        return out;
    }
    let mut places: Vec<Option<usize>> = vec![None; frame.rows()];
    for (step, rows) in chosen.iter().enumerate() {
        for row in rows {
            let to = *places[*row].get_or_insert_with(|| out.push(frame.metrics[*row].clone()));
            out.set_cell(to, step, frame.cell(*row, step));
        }
    }
    out
}

/// The `k` best so far, the worst of them first. Which of equal values stay is decided as by Go's
/// `container/heap`.
#[derive(Clone)]
struct Heap {
    k: usize,
    largest: bool,
    entries: Vec<(f64, usize)>,
}

impl Heap {
    fn new(k: usize, largest: bool) -> Self {
        Self { k, largest, entries: Vec::new() }
    }

    /// Whether `a` is a worse value than `b`; NaN is the worst.
    fn worse(&self, a: f64, b: f64) -> bool {
        a.is_nan() || if self.largest { a < b } else { a > b }
    }

    fn offer(&mut self, value: f64, row: usize) {
        if self.k == 0 {
            return;
        }
        if self.entries.len() < self.k {
            self.entries.push((value, row));
            self.up(self.entries.len() - 1);
            return;
        }
        let worst = self.entries[0].0;
        let better = if self.largest { worst < value } else { worst > value };
        if better || worst.is_nan() && !value.is_nan() {
            self.entries[0] = (value, row);
            self.down(0);
        }
    }

    fn up(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.worse(self.entries[at].0, self.entries[parent].0) {
                return;
            }
            self.entries.swap(at, parent);
            at = parent;
        }
    }

    fn down(&mut self, mut at: usize) {
        loop {
            let mut child = 2 * at + 1;
            if child >= self.entries.len() {
                return;
            }
            let right = child + 1;
            if right < self.entries.len()
                && self.worse(self.entries[right].0, self.entries[child].0)
            {
                child = right;
            }
            if !self.worse(self.entries[child].0, self.entries[at].0) {
                return;
            }
            self.entries.swap(at, child);
            at = child;
        }
    }

    /// Rows, the best first.
    fn into_rows(mut self) -> impl Iterator<Item = usize> {
        let largest = self.largest;
        self.entries.sort_by(|(a, _), (b, _)| match (a.is_nan(), b.is_nan()) {
            (true, true) => std::cmp::Ordering::Equal,
            (true, false) => std::cmp::Ordering::Greater,
            (false, true) => std::cmp::Ordering::Less,
            _ if largest => b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal),
            _ => a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal),
        });
        self.entries.into_iter().map(|(_, row)| row)
    }
}
