//! Operators between two instant vectors: which samples belong together.

use super::EvalError;
use super::arithmetic::is_set;
use super::binary::Operator;
use super::evaluator::Evaluator;
use super::frame::{Cell, Frame};
use super::key::{Key, Members, Ordinals};
use super::metric::{Metric, NAME, Naming};
use crate::ast::{BinaryOp, Cardinality, Matching};

/// Rows of both sides by the labels that matter.
struct Groups {
    /// The group of each row.
    left: Vec<usize>,
    right: Vec<usize>,
    count: usize,
}

fn groups(left: &Frame, right: &Frame, key: Key<'_>) -> Groups {
    let mut ordinals = Ordinals::for_rows(key, left.rows().min(right.rows()));
    let mut firsts: Vec<&Metric> = Vec::new();
    let mut number = |metric| {
        let (number, new) = ordinals.number(metric, |n| firsts[n]);
        if new {
            firsts.push(metric);
        }
        number
    };
    let left = left.metrics.iter().map(&mut number).collect();
    let right = right.metrics.iter().map(&mut number).collect();
    Groups { left, right, count: ordinals.len() }
}

impl Evaluator<'_> {
    pub(crate) fn between(
        &mut self,
        operator: Operator,
        left: &Frame,
        right: &Frame,
        matching: &Matching,
    ) -> Result<Frame, EvalError> {
        let key =
            if matching.on { Key::Only(&matching.labels) } else { Key::Except(&matching.labels) };
        if is_set(operator.op) {
            return set(operator.op, left, right, &groups(left, right, key));
        }
        if left.rows() == 0 || right.rows() == 0 {
            return Ok(Frame::new(left.steps()));
        }
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let groups = groups(many, one, key);
        let pairing = Pairing { operator, matching, key, many, one, swapped };
        pairing.run(&groups, self)
    }
}

/// Pairs of a side whose samples may have the same partner and of one whose may not.
struct Pairing<'p> {
    operator: Operator,
    matching: &'p Matching,
    key: Key<'p>,
    many: &'p Frame,
    one: &'p Frame,
    /// `one` is the left side.
    swapped: bool,
}

impl Pairing<'_> {
    fn run(&self, groups: &Groups, this: &mut Evaluator<'_>) -> Result<Frame, EvalError> {
        let all_ones = Members::of(&groups.right, groups.count);
        let all_manies = Members::of(&groups.left, groups.count);
        let mut out = Frame::with_rows(self.many.steps(), self.many.rows().min(self.one.rows()));
        let one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        let mut may_repeat = !one_to_one;
        for group in 0..groups.count {
            let (manies, ones) = (all_manies.get(group), all_ones.get(group));
            self.check_one_side(ones)?;
            if ones.is_empty() || manies.is_empty() {
                continue;
            }
            let first = out.rows();
            for one in ones {
                for many in manies {
                    this.check_room(out.size() + out.steps())?;
                    self.pair(*many, *one, &mut out, this);
                }
            }
            if manies.len() > 1 {
                self.check_many_side(manies, ones, &out, first)?;
            }
            may_repeat |= manies.len() > 1 || ones.len() > 1;
        }
        if may_repeat {
            out.merge_same()?;
        }
        out.drop_empty_rows();
        Ok(out)
    }

    fn pair(&self, many: usize, one: usize, out: &mut Frame, this: &mut Evaluator<'_>) {
        let row = out.push(self.result_metric(many, one, this.dropping()));
        if !self.many.has_histograms() && !self.one.has_histograms() {
            return self.pair_floats(many, one, out, row);
        }
        for step in 0..out.steps() {
            let (many, one) = (self.many.cell(many, step), self.one.cell(one, step));
            let (lhs, rhs) = if self.swapped { (one, many) } else { (many, one) };
            self.operator.put(lhs, rhs, out, (row, step), &mut this.notes);
        }
    }

    fn pair_floats(&self, many: usize, one: usize, out: &mut Frame, row: usize) {
        use super::arithmetic::{apply, holds, is_comparison};
        use super::frame::is_absent;
        let op = self.operator.op;
        let filter = is_comparison(op) && !self.operator.return_bool;
        let sides = self.many.row(many).iter().zip(self.one.row(one));
        for (cell, (many, one)) in out.row_mut(row).iter_mut().zip(sides) {
            if is_absent(*many) || is_absent(*one) {
                continue;
            }
            let (lhs, rhs) = if self.swapped { (*one, *many) } else { (*many, *one) };
            if !filter {
                *cell = apply(op, lhs, rhs);
            } else if holds(op, lhs, rhs) {
                *cell = lhs;
            }
        }
    }

    /// The labels of a result: those of the "many" side, or those that match; and what
    /// `group_left` takes over.
    fn result_metric(&self, many: usize, one: usize, dropping: Naming) -> Metric {
        let (many, one) = (&self.many.metrics[many], &self.one.metrics[one]);
        let arithmetic = !super::arithmetic::is_comparison(self.operator.op);
        let naming = match many.naming {
            Naming::Hidden => Naming::Hidden,
            _ if arithmetic => Naming::Hidden,
            _ if self.operator.return_bool => dropping,
            naming => naming,
        };
        let mut metric = many.clone();
        metric.naming = naming;
        if self.matching.cardinality == Cardinality::OneToOne {
            let keep = |name: &str| match self.key {
                Key::Only(_) => self.key.has(name),
                _ => name == NAME || self.key.has(name),
            };
            if !metric.iter().all(|(name, _)| keep(name)) {
                metric = Metric::with(metric.project(keep), naming);
            }
        }
        if !self.matching.include.is_empty() {
            let include = self.matching.include.iter();
            let changes: Vec<(&str, Option<&str>)> =
                include.map(|name| (name.as_str(), Some(one.value(name)))).collect();
            let kept = if naming == Naming::Hidden { Naming::Kept } else { naming };
            metric = Metric::with(metric.edited(&changes), kept);
        }
        metric
    }

    /// No step may have two samples of a group on the "one" side.
    fn check_one_side(&self, ones: &[usize]) -> Result<(), EvalError> {
        if ones.len() < 2 {
            return Ok(());
        }
        for step in 0..self.one.steps() {
            let mut present = ones.iter().filter(|row| self.one.has(**row, step));
            let (Some(first), Some(second)) = (present.next(), present.next()) else { continue };
            let [first, second] = [*first, *second].map(|row| &self.one.metrics[row]);
            let group = self.key.labels(first);
            return Err(EvalError::execution(format!(
                "found duplicate series for the match group {group} on the {} hand-side of the \
                 operation: [{}, {}];many-to-many matching not allowed: matching labels must be \
                 unique on one side",
                if self.swapped { "left" } else { "right" },
                second.visible(),
                first.visible(),
            )));
        }
        Ok(())
    }

    /// No step may have two samples of a group on the "many" side that give the same result; one to
    /// one, it may not have two at all. `first` is the first row of `out` the group gave.
    fn check_many_side(
        &self,
        manies: &[usize],
        ones: &[usize],
        out: &Frame,
        first: usize,
    ) -> Result<(), EvalError> {
        let one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        let paired = |many: usize, step: usize| {
            self.many.has(many, step) && ones.iter().any(|one| self.one.has(*one, step))
        };
        let step_has_both =
            |a: usize, b: usize| (0..out.steps()).any(|step| paired(a, step) && paired(b, step));
        if one_to_one {
            let crowded = (0..out.steps())
                .any(|step| manies.iter().filter(|many| paired(**many, step)).count() > 1);
            if crowded {
                return Err(EvalError::execution(
                    "multiple matches for labels: many-to-one matching must be explicit \
                     (group_left/group_right)",
                ));
            }
            return Ok(());
        }
        let mut ordinals = Ordinals::new(Key::All);
        let mut firsts: Vec<usize> = Vec::new();
        for (number, many) in manies.iter().enumerate() {
            let metric = &out.metrics[first + number];
            let (same, new) = ordinals.number(metric, |n| &out.metrics[first + firsts[n]]);
            if new {
                firsts.push(number);
            } else if step_has_both(manies[firsts[same]], *many) {
                return Err(EvalError::execution(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                ));
            }
        }
        Ok(())
    }
}

/// `and`, `or`, `unless`.
fn set(op: BinaryOp, left: &Frame, right: &Frame, groups: &Groups) -> Result<Frame, EvalError> {
    let steps = left.steps();
    let present = |frame: &Frame, of: &[usize]| {
        let mut present = vec![false; groups.count * steps];
        for (row, group) in of.iter().enumerate() {
            for step in (0..steps).filter(|step| frame.has(row, *step)) {
                present[group * steps + step] = true;
            }
        }
        present
    };
    // Cells of `from` whose group is, or is not, in the other side's step.
    let copy = |from: &Frame, of: &[usize], other: &[bool], wanted: bool, out: &mut Frame| {
        for (row, group) in of.iter().enumerate() {
            let others = &other[group * steps..(group + 1) * steps];
            let keeps = |step: &usize| from.has(row, *step) && others[*step] == wanted;
            if !(0..steps).any(|step| keeps(&step)) {
                continue;
            }
            let to = out.push_row_of(from, row);
            for step in (0..steps).filter(|step| !keeps(step)) {
                out.set_cell(to, step, Cell::Absent);
            }
        }
    };
    let mut out = Frame::with_rows(steps, left.rows());
    match op {
        BinaryOp::And | BinaryOp::Unless => {
            let rights = present(right, &groups.right);
            copy(left, &groups.left, &rights, op == BinaryOp::And, &mut out);
        }
        _ => {
            (0..left.rows()).for_each(|row| {
                out.push_row_of(left, row);
            });
            let lefts = present(left, &groups.left);
            copy(right, &groups.right, &lefts, false, &mut out);
            out.merge_same()?;
        }
    }
    Ok(out)
}
