//! Aggregations and lists of label names.

use super::literal::NOT_UTF8;
use super::{Arguments, Node, Parsed, Parser};
use crate::ast::{Aggregation, Expr, ExprKind, Grouping, Span};
use crate::lexer::{Keyword, Kind, quoted};

impl Parser<'_> {
    /// `sum by (a) (x)` or `sum(x) by (a)`, the present token being the aggregation.
    pub(super) fn aggregate(&mut self, op: Aggregation) -> Parsed<Node> {
        let token = self.advance();
        let before = self.grouping()?;
        if self.kind() != Kind::LeftParen {
            return Err(self.unexpected("aggregation", ""));
        }
        let Arguments { mut list, depth, mut end } = self.arguments()?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => match self.grouping()? {
                Some(grouping) => {
                    end = self.closed();
                    grouping
                }
                None => Grouping::default(),
            },
        };
        let span = Span { start: token.span.start, end };
        let wanted = 1 + usize::from(op.param().is_some());
        if list.is_empty() {
            self.report(span, "no arguments for aggregate expression provided");
        } else if op.is_experimental() && !self.features.experimental_functions {
            let message = format!(
                "{}() is experimental and must be enabled with \
                 --enable-feature=promql-experimental-functions",
                op.name()
            );
            self.report(span, message);
        } else if list.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, \
                 expected {wanted}, got {}",
                list.len()
            );
            self.report(span, message);
        }
        // Of a wrong list any expression will do: the mistake has been reported.
        let nothing = Expr { kind: ExprKind::Number { value: 0.0, duration: false }, span };
        let expr = Box::new(list.pop().unwrap_or(nothing));
        if let (Aggregation::CountValues, Some(label)) = (op, list.last()) {
            self.name_bad_label(label.span);
        }
        let param = if wanted == 2 { list.pop().map(Box::new) } else { None };
        self.node(ExprKind::Aggregate { op, expr, param, grouping }, span, depth)
    }

    /// Text that is not UTF-8 is told as what it was meant to be: a label name.
    fn name_bad_label(&mut self, span: Span) {
        for error in self.errors.iter_mut().filter(|error| error.span == span) {
            if let Some(text) = error.message.strip_prefix(NOT_UTF8) {
                error.message = format!("invalid label name {text}");
            }
        }
    }

    /// `by (…)` or `without (…)`, if it stands here.
    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = match self.kind() {
            Kind::Keyword(Keyword::By) => false,
            Kind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(Grouping { without, labels: self.label_names()? }))
    }

    /// End of the token before the present one.
    pub(super) fn closed(&self) -> u32 {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.map_or(0, |token| token.span.end)
    }

    /// `(a, "b c", by,)`.
    pub(super) fn label_names(&mut self) -> Parsed<Vec<String>> {
        if self.kind() != Kind::LeftParen {
            return Err(self.unexpected("grouping opts", "\"(\""));
        }
        self.advance();
        let mut names = Vec::new();
        while !self.accept(Kind::RightParen) {
            let token = self.token();
            match token.kind {
                Kind::Identifier
                | Kind::MetricIdentifier
                | Kind::Op(_)
                | Kind::Aggregation(_)
                | Kind::Keyword(_)
                | Kind::Start
                | Kind::EndOf
                | Kind::Step
                    if is_word(token.text(self.text)) =>
                {
                    self.advance();
                    names.push(token.text(self.text).to_owned());
                }
                Kind::Text => {
                    self.advance();
                    let name = self.string(token);
                    if name.is_empty() {
                        let name = quoted(&name);
                        let message = format!("invalid label name for grouping: {name}");
                        self.report(token.span, message);
                    }
                    names.push(name);
                }
                _ => return self.end_of_names("label"),
            }
            match self.kind() {
                Kind::Comma => {
                    self.advance();
                }
                Kind::RightParen => {}
                _ => return self.end_of_names("\",\" or \")\""),
            }
        }
        Ok(names)
    }

    /// Reports the present token and goes on behind the list's parenthesis, if there is one.
    fn end_of_names(&mut self, expected: &str) -> Parsed<Vec<String>> {
        let reported = self.unexpected("grouping opts", expected);
        while !matches!(self.kind(), Kind::RightParen | Kind::End | Kind::Broken) {
            self.advance();
        }
        if self.accept(Kind::RightParen) { Ok(Vec::new()) } else { Err(reported) }
    }
}

/// Operators that are words (`and`) name labels, too; `without` is the one keyword that does not.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && !text.eq_ignore_ascii_case("without")
}
