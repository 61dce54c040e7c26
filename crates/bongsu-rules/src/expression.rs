//! What rules need to know of an expression's shape.

use bongsu_promql::ast::BinaryOp;
use bongsu_promql::{Expr, ExprKind, Span};

use crate::condition::{Comparison, Operator};

/// An expression that ends in a comparison with a number: `x / y > 0.9`.
#[derive(Clone, Debug, PartialEq)]
pub struct Split<'e> {
    /// What is compared.
    pub value: &'e Expr,
    /// How; a number on the left has been turned round.
    pub comparison: Comparison,
    /// Where the number stands.
    pub number: Span,
}

/// Splits off the last comparison, if it filters by a number.
pub fn split_comparison(expr: &Expr) -> Option<Split<'_>> {
    match &expr.kind {
        ExprKind::Paren(inner) => split_comparison(inner),
        ExprKind::Binary { op, lhs, rhs, return_bool: false, .. } => {
            let op = operator(*op)?;
            match (number(lhs), number(rhs)) {
                (None, Some(value)) => {
                    let comparison = Comparison { op, value };
                    Some(Split { value: lhs, comparison, number: rhs.span })
                }
                (Some(value), None) => {
                    let comparison = Comparison { op: turned(op), value };
                    Some(Split { value: rhs, comparison, number: lhs.span })
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Number { value, .. } => Some(*value),
        ExprKind::Paren(inner) => number(inner),
        ExprKind::Unary { negative, expr } => {
            number(expr).map(|value| if *negative { -value } else { value })
        }
        _ => None,
    }
}

fn operator(op: BinaryOp) -> Option<Operator> {
    Some(match op {
        BinaryOp::Gt => Operator::Greater,
        BinaryOp::Ge => Operator::GreaterOrEqual,
        BinaryOp::Lt => Operator::Less,
        BinaryOp::Le => Operator::LessOrEqual,
        BinaryOp::Eq => Operator::Equal,
        BinaryOp::Ne => Operator::NotEqual,
        _ => return None,
    })
}

fn turned(op: Operator) -> Operator {
    match op {
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        same => same,
    }
}

#[cfg(test)]
mod tests {
    use super::split_comparison;

    #[test]
    fn last_comparisons() {
        for (text, value, comparison) in [
            ("a / b > 0.9", "a / b", "> 0.9"),
            ("(a > -5)", "a", "> -5"),
            ("5 < a", "a", "> 5"),
            ("a >= 60 < 240", "a >= 60", "< 240"),
        ] {
            let expr = bongsu_promql::parse(text).unwrap();
            let split = split_comparison(&expr).unwrap();
            assert_eq!(split.value.to_string(), value, "{text}");
            assert_eq!(split.comparison.to_string(), comparison, "{text}");
        }
        for text in ["a", "a > b", "a > bool 1", "a > 1 and b", "rate(a[5m])"] {
            assert_eq!(split_comparison(&bongsu_promql::parse(text).unwrap()), None, "{text}");
        }
    }
}
