//! Lengths of time: constants and duration arithmetic.

use super::{Parsed, Parser, binding_power};
use crate::ast::{Aggregation, BinaryOp, Length, LengthExpr, Span};
use crate::lexer::Kind;
use crate::parser::MAX_DEPTH;

/// Seconds in Go's longest duration.
const MAX_SECONDS: f64 = (1_u64 << 63) as f64 / 1e9;

/// Arithmetic with its place and depth.
pub(super) struct Arithmetic {
    expr: LengthExpr,
    span: Span,
    depth: u32,
}

impl Parser<'_> {
    /// Reads a length; if there is none, says what was expected where.
    pub(super) fn length_or(&mut self, context: &str, expected: &str) -> Parsed<Arithmetic> {
        if !begins_length(self.kind()) {
            return Err(self.unexpected(context, expected));
        }
        self.length(0)
    }

    /// What stands behind `offset`; arithmetic only in parentheses, so that `a offset 5m + b` adds
    /// `b`. `None` for zero.
    pub(super) fn offset_length(&mut self) -> Parsed<Option<Length>> {
        let token = self.token();
        let sign = match token.kind {
            Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.advance();
                Some(op)
            }
            _ => None,
        };
        if !begins_length(self.kind()) || matches!(self.kind(), Kind::Op(_)) {
            return Err(self.unexpected("offset", "number or duration"));
        }
        let parenthesised = self.kind() == Kind::LeftParen;
        let mut length = self.length_operand()?;
        if let Some(op) = sign {
            length = self.signed_length(op, token.span, length);
        } else if parenthesised {
            length = self.length_operators(length, 0)?;
        }
        Ok(match length.expr {
            LengthExpr::Number { seconds, .. } => match milliseconds(seconds) {
                0 => None,
                offset => Some(Length::Fixed(offset)),
            },
            expr => Some(Length::Computed(Box::new(expr))),
        })
    }

    /// The length as the tree holds it; a constant must be greater than zero.
    pub(super) fn positive(&mut self, length: Arithmetic) -> Length {
        match length.expr {
            LengthExpr::Number { seconds, .. } => {
                let fixed = milliseconds(seconds);
                if fixed <= 0 {
                    self.report(length.span, "duration must be greater than 0");
                }
                Length::Fixed(fixed)
            }
            expr => Length::Computed(Box::new(expr)),
        }
    }

    fn length(&mut self, least: u8) -> Parsed<Arithmetic> {
        if self.nesting >= MAX_DEPTH {
            let span = self.token().span;
            return Err(self.too_much(span, "expression is nested too deeply"));
        }
        self.nesting += 1;
        let parsed = match self.length_operand() {
            Ok(lhs) => self.length_operators(lhs, least),
            Err(reported) => Err(reported),
        };
        self.nesting -= 1;
        parsed
    }

    fn length_operators(&mut self, mut lhs: Arithmetic, least: u8) -> Parsed<Arithmetic> {
        while let Kind::Op(op) = self.kind() {
            let arithmetic = matches!(
                op,
                BinaryOp::Add
                    | BinaryOp::Sub
                    | BinaryOp::Mul
                    | BinaryOp::Div
                    | BinaryOp::Mod
                    | BinaryOp::Pow
            );
            let power = binding_power(op);
            if !arithmetic || power < least {
                break;
            }
            let token = self.advance();
            let rhs = self.length(if op == BinaryOp::Pow { power } else { power + 1 })?;
            self.experimental(lhs.span);
            let by_zero = matches!(rhs.expr, LengthExpr::Number { seconds, .. } if seconds == 0.0);
            match op {
                BinaryOp::Div if by_zero => {
                    self.report(token.span, "division by zero");
                }
                BinaryOp::Mod if by_zero => {
                    self.report(token.span, "modulo by zero");
                }
                _ => {}
            }
            let span = Span { start: lhs.span.start, end: rhs.span.end };
            let depth = lhs.depth.max(rhs.depth) + 1;
            if depth > MAX_DEPTH {
                return Err(self.too_much(span, "expression is nested too deeply"));
            }
            let (left, right) = (Box::new(lhs.expr), Box::new(rhs.expr));
            let expr = LengthExpr::Binary { op, lhs: left, rhs: right };
            lhs = Arithmetic { expr, span, depth };
        }
        Ok(lhs)
    }

    fn length_operand(&mut self) -> Parsed<Arithmetic> {
        let token = self.token();
        match token.kind {
            Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.advance();
                let operand = self.length(binding_power(BinaryOp::Mul) + 1)?;
                Ok(self.signed_length(op, token.span, operand))
            }
            Kind::Number | Kind::Duration => {
                self.advance();
                let (seconds, duration) = self.number(token);
                if seconds.is_nan() || seconds.abs() > MAX_SECONDS {
                    self.report(token.span, "duration out of range");
                }
                let expr = LengthExpr::Number { seconds, duration };
                Ok(Arithmetic { expr, span: token.span, depth: 1 })
            }
            Kind::LeftParen => {
                self.advance();
                let inner = self.length(0)?;
                let end = self.close()?;
                let span = Span { start: token.span.start, end };
                self.experimental(inner.span);
                // Parentheses around a constant are not kept.
                let expr = match inner.expr {
                    number @ LengthExpr::Number { .. } => number,
                    expr => LengthExpr::Paren(Box::new(expr)),
                };
                Ok(Arithmetic { expr, span, depth: inner.depth + 1 })
            }
            Kind::Step => {
                self.advance();
                self.open()?;
                let span = Span { start: token.span.start, end: self.close()? };
                self.experimental(span);
                Ok(Arithmetic { expr: LengthExpr::Step, span, depth: 1 })
            }
            Kind::Aggregation(op @ (Aggregation::Min | Aggregation::Max)) => {
                self.advance();
                self.open()?;
                let first = self.length(0)?;
                if !self.accept(Kind::Comma) {
                    return Err(self.unexpected("duration expression", "\",\""));
                }
                let second = self.length(0)?;
                let span = Span { start: token.span.start, end: self.close()? };
                self.experimental(span);
                let depth = first.depth.max(second.depth) + 1;
                let args = vec![first.expr, second.expr];
                let expr = LengthExpr::Call { function: op.name(), args };
                Ok(Arithmetic { expr, span, depth })
            }
            _ => Err(self.unexpected("duration expression", "")),
        }
    }

    fn signed_length(&mut self, op: BinaryOp, sign: Span, operand: Arithmetic) -> Arithmetic {
        let span = Span { start: sign.start, end: operand.span.end };
        let expr = match operand.expr {
            expr if op == BinaryOp::Add => expr,
            LengthExpr::Number { seconds, duration } => {
                LengthExpr::Number { seconds: -seconds, duration }
            }
            expr => LengthExpr::Negative(Box::new(expr)),
        };
        Arithmetic { expr, span, depth: operand.depth + 1 }
    }

    fn open(&mut self) -> Parsed<()> {
        if self.accept(Kind::LeftParen) {
            return Ok(());
        }
        Err(self.unexpected("duration expression", "\"(\""))
    }

    fn close(&mut self) -> Parsed<u32> {
        if self.kind() == Kind::RightParen {
            return Ok(self.advance().span.end);
        }
        Err(self.unexpected("duration expression", "\")\""))
    }

    fn experimental(&mut self, span: Span) {
        let message = "experimental duration expression is not enabled";
        let told = self.errors.last().is_some_and(|error| error.message == message);
        if !self.features.duration_expressions && !told {
            self.report(span, message);
        }
    }
}

/// Whether a length can begin with such a token.
fn begins_length(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Number
            | Kind::Duration
            | Kind::LeftParen
            | Kind::Step
            | Kind::Aggregation(Aggregation::Min | Aggregation::Max)
            | Kind::Op(BinaryOp::Add | BinaryOp::Sub)
    )
}

/// Whole milliseconds; out of range at most if that has been reported.
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
