//! Going through trees.

use std::collections::BTreeSet;

use bongsu_model::MatchOp;

use crate::ast::{Aggregation, Expr, ExprKind, Selector};

impl Expr {
    /// The expressions directly below, in the order they are written; of an aggregation the
    /// parameter first.
    pub fn children(&self) -> impl Iterator<Item = &Expr> {
        let (first, second, rest): (Option<&Expr>, Option<&Expr>, &[Expr]) = match &self.kind {
            ExprKind::Number { .. }
            | ExprKind::Text(_)
            | ExprKind::Vector(_)
            | ExprKind::Matrix { .. } => (None, None, &[]),
            ExprKind::Call { args, .. } => (None, None, args),
            ExprKind::Aggregate { expr, param, .. } => (param.as_deref(), Some(expr), &[]),
            ExprKind::Binary { lhs, rhs, .. } => (Some(lhs), Some(rhs), &[]),
            ExprKind::Subquery { expr, .. }
            | ExprKind::Unary { expr, .. }
            | ExprKind::Paren(expr) => (Some(expr), None, &[]),
        };
        first.into_iter().chain(second).chain(rest)
    }

    /// Calls `visit` with this expression and everything below it, parents first.
    pub fn walk<'e>(&'e self, visit: &mut impl FnMut(&'e Expr)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Calls `change` with every selector.
    pub fn selectors_mut(&mut self, change: &mut impl FnMut(&mut Selector)) {
        match &mut self.kind {
            ExprKind::Number { .. } | ExprKind::Text(_) => {}
            ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => change(selector),
            ExprKind::Call { args, .. } => {
                args.iter_mut().for_each(|arg| arg.selectors_mut(change));
            }
            ExprKind::Aggregate { expr, param, .. } => {
                param.iter_mut().for_each(|param| param.selectors_mut(change));
                expr.selectors_mut(change);
            }
            ExprKind::Binary { lhs, rhs, .. } => {
                lhs.selectors_mut(change);
                rhs.selectors_mut(change);
            }
            ExprKind::Subquery { expr, .. }
            | ExprKind::Unary { expr, .. }
            | ExprKind::Paren(expr) => expr.selectors_mut(change),
        }
    }

    /// The expression inside all parentheses around it.
    pub fn inner(&self) -> &Expr {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }

    /// The selector of a vector or a matrix.
    pub fn selector(&self) -> Option<&Selector> {
        match &self.kind {
            ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => Some(selector),
            _ => None,
        }
    }
}

impl Selector {
    /// The one metric it selects from, whether the name stands before the braces or inside.
    pub fn metric(&self) -> Option<&str> {
        self.name.as_deref().or_else(|| {
            let mut named = self.matchers.iter().filter(|matcher| {
                matcher.name() == "__name__"
                    && matcher.op() == MatchOp::Equal
                    && !matcher.value().is_empty()
            });
            named.next().map(bongsu_model::Matcher::value)
        })
    }
}

/// Names of the metrics `expr` selects from; selectors without one name are left out.
pub fn metrics(expr: &Expr) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    expr.walk(&mut |node| found.extend(node.selector().and_then(Selector::metric)));
    found
}

/// Names of the functions `expr` calls.
pub fn functions(expr: &Expr) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    expr.walk(&mut |node| {
        if let ExprKind::Call { function, .. } = &node.kind {
            found.insert(*function);
        }
    });
    found
}

/// Names of the aggregations in `expr`.
pub fn aggregations(expr: &Expr) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    expr.walk(&mut |node| {
        if let ExprKind::Aggregate { op, .. } = &node.kind {
            found.insert(Aggregation::name(*op));
        }
    });
    found
}
