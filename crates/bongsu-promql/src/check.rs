//! Types: every operand must be what its operator or function takes.

use crate::ast::{BinaryOp, Cardinality, Expr, ExprKind, Matching, Selector, Span};
use crate::lexer::quoted;
use crate::parser::ParseError;
use crate::signature::{Signature, ValueType};

/// Reports what does not fit, and removes the matching of operators between other than vectors.
pub(crate) fn check(expr: &mut Expr, text: &str, errors: &mut Vec<ParseError>) {
    Check { text, errors }.expr(expr);
}

struct Check<'a> {
    text: &'a str,
    errors: &'a mut Vec<ParseError>,
}

impl Check<'_> {
    fn report(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError { message: message.into(), span });
    }

    fn expr(&mut self, expr: &mut Expr) -> ValueType {
        let span = expr.span;
        match &mut expr.kind {
            ExprKind::Number { .. } => ValueType::Scalar,
            ExprKind::Text(_) => ValueType::Text,
            ExprKind::Vector(selector) => {
                self.selector(selector, span);
                ValueType::Vector
            }
            ExprKind::Matrix { selector, .. } => {
                self.selector(selector, span);
                ValueType::Matrix
            }
            ExprKind::Subquery { expr, .. } => {
                let inner = self.expr(expr);
                if inner != ValueType::Vector {
                    let got = inner.name();
                    let message =
                        format!("subquery is only allowed on instant vector, got {got} instead");
                    self.report(span, message);
                }
                ValueType::Matrix
            }
            ExprKind::Call { function, args } => self.call(function, args, span),
            ExprKind::Aggregate { op, expr, param, .. } => {
                self.expect(expr, ValueType::Vector, "aggregation expression");
                if let (Some(param), Some(wanted)) = (param, op.param()) {
                    self.expect(param, wanted, "aggregation parameter");
                }
                ValueType::Vector
            }
            ExprKind::Binary { .. } => self.binary(expr),
            ExprKind::Unary { expr, .. } => {
                let inner = self.expr(expr);
                if !matches!(inner, ValueType::Scalar | ValueType::Vector) {
                    let got = quoted(inner.documented());
                    let message = format!(
                        "unary expression only allowed on expressions of type scalar or instant \
                         vector, got {got}"
                    );
                    self.report(span, message);
                }
                inner
            }
            ExprKind::Paren(expr) => self.expr(expr),
        }
    }

    fn expect(&mut self, expr: &mut Expr, wanted: ValueType, context: &str) {
        let got = self.expr(expr);
        if got != wanted {
            let (wanted, got) = (wanted.documented(), got.documented());
            self.report(expr.span, format!("expected type {wanted} in {context}, got {got}"));
        }
    }

    fn selector(&mut self, selector: &Selector, span: Span) {
        let Some(name) = &selector.name else {
            if selector.matchers.iter().all(|matcher| matcher.matches_value("")) {
                let message = "vector selector must contain at least one non-empty matcher";
                self.report(span, message);
            }
            return;
        };
        // The last is the one of the name itself.
        let others = selector.matchers.split_last().map_or(&[][..], |(_, others)| others);
        for twice in others.iter().filter(|matcher| matcher.name() == "__name__") {
            let (name, other) = (quoted(name), quoted(twice.value()));
            self.report(span, format!("metric name must not be set twice: {name} or {other}"));
        }
    }

    fn call(&mut self, function: &str, args: &mut [Expr], span: Span) -> ValueType {
        let Some(signature) = Signature::of(function) else { return ValueType::Vector };
        self.arity(signature, args.len(), span);
        for (index, arg) in args.iter_mut().enumerate() {
            if signature.name == "info" && index == 1 {
                self.info_labels(arg);
                continue;
            }
            let Some(wanted) = signature.arg(index) else { break };
            let name = quoted(signature.name);
            self.expect(arg, wanted, &format!("call to function {name}"));
        }
        signature.result
    }

    fn arity(&mut self, signature: &Signature, got: usize, span: Span) {
        let name = quoted(signature.name);
        let wanted = signature.args.len();
        let least = wanted.saturating_sub(1);
        let message = match usize::try_from(signature.variadic) {
            Ok(0) if got != wanted => {
                format!("expected {wanted} argument(s) in call to {name}, got {got}")
            }
            Ok(0) => return,
            _ if got < least => {
                format!("expected at least {least} argument(s) in call to {name}, got {got}")
            }
            Ok(more) if got > least + more => {
                let most = least + more;
                format!("expected at most {most} argument(s) in call to {name}, got {got}")
            }
            _ => return,
        };
        self.report(span, message);
    }

    /// The second argument of `info` restricts labels and may select nothing in particular.
    fn info_labels(&mut self, arg: &Expr) {
        let message = match &arg.kind {
            ExprKind::Vector(Selector { name: None, .. }) => return,
            ExprKind::Vector(_) => "expected label selectors only, got vector selector instead",
            _ => "expected label selectors only",
        };
        self.report(arg.span, message);
    }

    fn binary(&mut self, expr: &mut Expr) -> ValueType {
        let span = expr.span;
        let ExprKind::Binary { op, lhs, rhs, return_bool, matching } = &mut expr.kind else {
            return ValueType::Vector;
        };
        let (left, right) = (self.expr(lhs), self.expr(rhs));
        let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        let between = self.between(lhs.span, rhs.span);
        if *return_bool && !op.is_comparison() {
            self.report(between, "bool modifier can only be used on comparison operators");
        }
        if op.is_comparison() && !*return_bool && scalars {
            self.report(between, "comparisons between scalars must use BOOL modifier");
        }
        if let Some(matching) = matching {
            for label in matching.labels.iter().filter(|_| matching.on) {
                if matching.include.contains(label) {
                    let label = quoted(label);
                    let message =
                        format!("label {label} must not occur in ON and GROUP clause at once");
                    self.report(between, message);
                }
            }
        }
        for (side, at) in [(left, lhs.span), (right, rhs.span)] {
            if !matches!(side, ValueType::Scalar | ValueType::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                self.report(at, message);
            }
        }
        if left != ValueType::Vector || right != ValueType::Vector {
            if matching.take().is_some_and(|matching| !matching.labels.is_empty()) {
                self.report(span, "vector matching only allowed between instant vectors");
            }
        } else if op.is_set() {
            self.set_matching(*op, matching.as_ref(), span);
        }
        if (left == ValueType::Scalar || right == ValueType::Scalar) && op.is_set() {
            let op = quoted(op.name());
            let message = format!("set operator {op} not allowed in binary scalar expression");
            self.report(span, message);
        }
        if scalars { ValueType::Scalar } else { ValueType::Vector }
    }

    fn set_matching(&mut self, op: BinaryOp, matching: Option<&Matching>, span: Span) {
        if matching.is_some_and(|matching| matching.cardinality != Cardinality::ManyToMany) {
            let op = quoted(op.name());
            self.report(span, format!("no grouping allowed for {op} operation"));
        }
    }

    /// What stands between two operands, without the space around it.
    fn between(&self, lhs: Span, rhs: Span) -> Span {
        let text = self.text.get(lhs.end as usize..rhs.start as usize).unwrap_or_default();
        let start = lhs.end + (text.len() - text.trim_start().len()) as u32;
        Span { start, end: start + text.trim().len() as u32 }
    }
}
