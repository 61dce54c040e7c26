//! `absent` and `absent_over_time`: what is not there.

use bongsu_model::{Labels, MatchOp, Matcher};

use super::frame::Frame;
use super::grid::Grid;
use super::metric::{Metric, NAME};
use crate::{Expr, ExprKind};

/// A one in each step without any value in `frame`, with the labels `arg` asks for.
pub(crate) fn where_absent(frame: &Frame, arg: &Expr, grid: Grid) -> Frame {
    let mut out = Frame::new(grid.steps);
    let row = out.push(Metric::new(asked_for(arg)));
    for step in 0..grid.steps {
        if !(0..frame.rows()).any(|row| frame.has(row, step)) {
            out.set(row, step, 1.0);
        }
    }
    out.drop_empty_rows();
    out
}

/// The labels that a selector's `=` matchers fix; none that is asked for twice.
fn asked_for(arg: &Expr) -> Labels {
    let matchers: &[Matcher] = match &arg.kind {
        ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => &selector.matchers,
        _ => &[],
    };
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name() != NAME) {
        if matcher.op() == MatchOp::Equal && !seen.contains(&matcher.name()) {
            seen.push(matcher.name());
            pairs.push((matcher.name(), matcher.value()));
        } else {
            pairs.retain(|(name, _)| *name != matcher.name());
        }
    }
    pairs.retain(|(_, value)| !value.is_empty());
    Labels::from_pairs(pairs)
}
