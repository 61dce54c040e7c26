//! Operators between two vectors.

use super::{Cause, Flow, LabelFlow, Loss, NAME, Presence, flow as flow_of};
use crate::ast::{BinaryOp, Cardinality, Expr, Matching, Span};

/// Series of the two sides of an operator do not find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible {
    /// The operator with its sides.
    pub span: Span,
    /// Whether it is so; else it is unless the data is unusual.
    pub certain: bool,
    /// The label they differ in.
    pub label: String,
    /// How.
    pub mismatch: Mismatch,
}

/// How two sides differ in a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// In its value.
    Values {
        /// On the left.
        left: String,
        /// On the right.
        right: String,
    },
    /// One does not have it.
    Missing {
        /// Which.
        side: Side,
        /// Since when.
        loss: Loss,
    },
    /// `group_left` or `group_right` copies it from a side that does not have it.
    NotCopied {
        /// Since when.
        loss: Loss,
    },
}

/// A side of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the operator.
    Left,
    /// Behind it.
    Right,
}

/// The result of `lhs op rhs`.
pub(super) fn flow<'e>(
    op: BinaryOp,
    return_bool: bool,
    [lhs, rhs]: [&'e Expr; 2],
    matching: &Matching,
    span: Span,
) -> Flow<'e> {
    combined(op, return_bool, flow_of(lhs), flow_of(rhs), matching, span)
}

fn combined<'e>(
    op: BinaryOp,
    return_bool: bool,
    left: Flow<'e>,
    right: Flow<'e>,
    matching: &Matching,
    span: Span,
) -> Flow<'e> {
    let mut impossible = left.impossible;
    impossible.extend(right.impossible);
    let known = impossible.len();
    let pair = Pair { left: &left.labels, right: &right.labels, matching, span };
    if op != BinaryOp::Or {
        pair.differences(&mut impossible);
    }
    let never = impossible[known..].iter().any(|found| found.certain);
    pair.not_copied(&mut impossible);
    let labels = pair.labels(op, return_bool);
    let mut counters = left.counters;
    if !matches!(op, BinaryOp::And | BinaryOp::Unless) {
        counters.extend(right.counters);
    }
    let filters = op == BinaryOp::Unless || (op.is_comparison() && !return_bool);
    let (conditional, empty) = match op {
        BinaryOp::Or => (left.conditional && right.conditional, left.empty && right.empty),
        BinaryOp::Unless => (true, left.empty),
        _ => (left.conditional || right.conditional || filters, left.empty || right.empty || never),
    };
    Flow {
        labels,
        conditional,
        absent: left.absent.or(right.absent),
        empty,
        constant: left.constant && right.constant,
        counters,
        impossible,
    }
}

/// Two sides and how they find each other.
struct Pair<'a> {
    left: &'a LabelFlow,
    right: &'a LabelFlow,
    matching: &'a Matching,
    span: Span,
}

impl Pair<'_> {
    /// Labels that must be equal on both sides and of which something is known.
    fn matched(&self) -> Vec<&str> {
        if self.matching.on {
            return self.matching.labels.iter().map(String::as_str).collect();
        }
        let mut names = self.left.names_with(self.right);
        names.retain(|name| !self.matching.labels.iter().any(|ignored| ignored == name));
        names
    }

    /// Labels in which no two series are equal.
    fn differences(&self, found: &mut Vec<Impossible>) {
        for label in self.matched() {
            let (left, right) = (self.left.get(label), self.right.get(label));
            let mismatch = match (left, right) {
                (Presence::Fixed(left), Presence::Fixed(right)) if left != right => {
                    Mismatch::Values { left: left.clone(), right: right.clone() }
                }
                (Presence::Never(_), Presence::Never(_)) => continue,
                (Presence::Never(loss), _) => Mismatch::Missing { side: Side::Left, loss: *loss },
                (_, Presence::Never(loss)) => Mismatch::Missing { side: Side::Right, loss: *loss },
                _ => continue,
            };
            let certain = left.excludes(right);
            // Of a label that only may be there it is said if somebody asked for it by name.
            let named = self.matching.on || (self.left.is_closed() && self.right.is_closed());
            if certain || named {
                found.push(Impossible {
                    span: self.span,
                    certain,
                    label: label.to_owned(),
                    mismatch,
                });
            }
        }
    }

    /// The side each of whose series has many partners, and the other.
    fn sides(&self) -> (&LabelFlow, &LabelFlow) {
        if self.matching.cardinality == Cardinality::OneToMany {
            (self.right, self.left)
        } else {
            (self.left, self.right)
        }
    }

    fn not_copied(&self, found: &mut Vec<Impossible>) {
        let (_, one) = self.sides();
        for label in &self.matching.include {
            if let Presence::Never(loss) = one.get(label) {
                found.push(Impossible {
                    span: self.span,
                    certain: false,
                    label: label.clone(),
                    mismatch: Mismatch::NotCopied { loss: *loss },
                });
            }
        }
    }

    fn labels(&self, op: BinaryOp, return_bool: bool) -> LabelFlow {
        if op == BinaryOp::Or {
            return self.left.or(self.right);
        }
        let (many, one) = self.sides();
        let mut labels = many.clone();
        if op == BinaryOp::Unless {
            return labels;
        }
        for label in self.matched() {
            labels.set(label, many.get(label).and(one.get(label)));
        }
        if op == BinaryOp::And {
            return labels;
        }
        if !op.is_comparison() || return_bool {
            labels.remove(NAME, Loss { span: self.span, cause: Cause::Operator });
        }
        let loss = Loss { span: self.span, cause: Cause::Matching };
        if self.matching.cardinality == Cardinality::OneToOne {
            if self.matching.on {
                labels.keep(&self.matching.labels, loss);
            } else {
                for label in &self.matching.labels {
                    labels.remove(label, loss);
                }
            }
        }
        for label in &self.matching.include {
            labels.set(label, one.get(label).clone());
        }
        labels
    }
}
