//! Binary operators: scalars, a vector and a scalar; two vectors are in `matching`.

use super::EvalError;
use super::annotation::Annotations;
use super::arithmetic::{Combined, apply, combine, holds, is_comparison};
use super::evaluator::{Data, Evaluator};
use super::frame::{Cell, Frame, absent, is_absent};
use super::grid::Grid;
use crate::ast::{BinaryOp, Matching};
use crate::{Expr, ExprKind, Span};

/// An operator between two samples, with where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Operator {
    pub(crate) op: BinaryOp,
    pub(crate) return_bool: bool,
    pub(crate) span: Span,
}

impl Operator {
    /// Whether the result is another thing than the operand, so that its name goes.
    pub(crate) fn renames(self) -> bool {
        !is_comparison(self.op) || self.return_bool
    }

    /// Puts what the operator makes of two samples into a cell. Answers whether they went together.
    pub(crate) fn put(
        self,
        lhs: Cell<'_>,
        rhs: Cell<'_>,
        out: &mut Frame,
        (row, step): (usize, usize),
        notes: &mut Annotations,
    ) -> bool {
        let truth = |keep: bool| f64::from(u8::from(keep));
        match combine(self.op, lhs, rhs) {
            Combined::Nothing => out.clear(row, step),
            Combined::Float { keep, .. } | Combined::Histogram { keep, .. } if self.return_bool => {
                out.set(row, step, truth(keep));
            }
            Combined::Float { keep: false, .. } | Combined::Histogram { keep: false, .. } => {
                out.clear(row, step);
            }
            Combined::Float { value, .. } => out.set(row, step, value),
            Combined::Histogram { value, .. } => out.set_histogram(row, step, value),
            Combined::Mismatch(left, right) => {
                notes.incompatible_types(self.span, left, self.op.name(), right);
                out.clear(row, step);
                return false;
            }
            Combined::Incompatible => {
                notes.incompatible_layout(self.span, self.op.name());
                out.clear(row, step);
                return false;
            }
        }
        true
    }
}

impl Evaluator<'_> {
    pub(crate) fn binary(&mut self, expr: &Expr, grid: Grid) -> Result<Data, EvalError> {
        let ExprKind::Binary { op, lhs, rhs, return_bool, matching } = &expr.kind else {
            return Err(EvalError::execution("expected a binary expression"));
        };
        let operator = Operator { op: *op, return_bool: *return_bool, span: expr.span };
        let left = self.eval(lhs, grid)?;
        let right = self.eval(rhs, grid)?;
        match (left, right) {
            (Data::Scalar(mut left), Data::Scalar(right)) => {
                left.iter_mut().zip(right).for_each(|(l, r)| *l = apply(*op, *l, r));
                Ok(Data::Scalar(left))
            }
            (Data::Vector(frame), Data::Scalar(scalars)) => {
                self.with_scalar(operator, frame, &scalars, false).map(Data::Vector)
            }
            (Data::Scalar(scalars), Data::Vector(frame)) => {
                self.with_scalar(operator, frame, &scalars, true).map(Data::Vector)
            }
            (Data::Vector(left), Data::Vector(right)) => {
                let default = Matching {
                    cardinality: crate::ast::Cardinality::OneToOne,
                    on: false,
                    labels: Vec::new(),
                    include: Vec::new(),
                };
                let matching = matching.as_ref().unwrap_or(&default);
                self.between(operator, &left, &right, matching).map(Data::Vector)
            }
            _ => Err(EvalError::execution("a string cannot be an operand")),
        }
    }

    /// `frame op scalar`, or with `swapped` the other way round.
    fn with_scalar(
        &mut self,
        operator: Operator,
        mut frame: Frame,
        scalars: &[f64],
        swapped: bool,
    ) -> Result<Frame, EvalError> {
        if frame.has_histograms() {
            self.cells_with_scalar(operator, &mut frame, scalars, swapped);
        } else {
            floats_with_scalar(operator, &mut frame, scalars, swapped);
        }
        if is_comparison(operator.op) || frame.has_histograms() {
            frame.drop_empty_rows();
        }
        if operator.renames() {
            frame.drop_names(self.dropping())?;
        }
        Ok(frame)
    }

    fn cells_with_scalar(
        &mut self,
        operator: Operator,
        frame: &mut Frame,
        scalars: &[f64],
        swapped: bool,
    ) {
        let before = frame.clone();
        for row in 0..before.rows() {
            for (step, scalar) in scalars.iter().enumerate() {
                let (cell, scalar) = (before.cell(row, step), Cell::Float(*scalar));
                let (lhs, rhs) = if swapped { (scalar, cell) } else { (cell, scalar) };
                operator.put(lhs, rhs, frame, (row, step), &mut self.notes);
                // A comparison answers the vector's value, wherever it stands.
                if swapped && !operator.renames() && frame.has(row, step) {
                    frame.set_cell(row, step, cell);
                }
            }
        }
    }
}

fn floats_with_scalar(operator: Operator, frame: &mut Frame, scalars: &[f64], swapped: bool) {
    let op = operator.op;
    let filter = is_comparison(op) && !operator.return_bool;
    for row in 0..frame.rows() {
        for (value, scalar) in frame.row_mut(row).iter_mut().zip(scalars) {
            if is_absent(*value) {
                continue;
            }
            let (lhs, rhs) = if swapped { (*scalar, *value) } else { (*value, *scalar) };
            if !filter {
                *value = apply(op, lhs, rhs);
            } else if !holds(op, lhs, rhs) {
                *value = absent();
            }
        }
    }
}
