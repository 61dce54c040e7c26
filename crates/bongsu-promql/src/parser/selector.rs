//! Selectors and what is written behind them: ranges, `offset`, `@`.

use bongsu_model::{MatchOp, Matcher};

use super::{Node, Parsed, Parser};
use crate::ast::{At, BinaryOp, ExprKind, Selector, Shift, Span};
use crate::lexer::{Keyword, Kind, Token};

/// The label that holds a metric's name.
const NAME: &str = "__name__";

impl Parser<'_> {
    /// `name{a="b"}`.
    pub(super) fn selector(&mut self) -> Parsed<Node> {
        let token = self.token();
        let name = if names_metric(token.kind) {
            self.advance();
            Some(token.text(self.text).to_owned())
        } else if token.kind == Kind::LeftBrace {
            None
        } else {
            return Err(self.unexpected("", ""));
        };
        let mut matchers = Vec::new();
        if self.accept(Kind::LeftBrace) {
            self.matchers(&mut matchers)?;
        }
        let span = Span { start: token.span.start, end: self.closed() };
        if let Some(name) = &name {
            matchers.extend(self.matcher(NAME, MatchOp::Equal, name, span));
        }
        let selector = Selector { name, matchers, shift: Shift::default() };
        self.node(ExprKind::Vector(selector), span, 0)
    }

    /// Up to the closing brace.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<()> {
        while !self.accept(Kind::RightBrace) {
            match self.label_matcher() {
                Ok(matcher) => matchers.extend(matcher),
                Err(reported) => return self.end_of_matchers().ok_or(reported),
            }
            match self.kind() {
                Kind::Comma => {
                    self.advance();
                }
                Kind::RightBrace => {}
                _ => {
                    let reported = self.unexpected("label matching", "\",\" or \"}\"");
                    return self.end_of_matchers().ok_or(reported);
                }
            }
        }
        Ok(())
    }

    /// Goes on behind the braces, if they are closed.
    fn end_of_matchers(&mut self) -> Option<()> {
        while !matches!(self.kind(), Kind::RightBrace | Kind::End | Kind::Broken) {
            self.advance();
        }
        self.accept(Kind::RightBrace).then_some(())
    }

    /// `a="b"`, `"a b"=~"c"` or `"metric"`; nothing if its regular expression has been refused.
    fn label_matcher(&mut self) -> Parsed<Option<Matcher>> {
        let token = self.token();
        let name = match token.kind {
            Kind::Identifier => {
                self.advance();
                token.text(self.text).to_owned()
            }
            Kind::Text => {
                self.advance();
                let name = self.string(token);
                if matches!(self.kind(), Kind::Comma | Kind::RightBrace) {
                    return Ok(self.matcher(NAME, MatchOp::Equal, &name, token.span));
                }
                name
            }
            _ => return Err(self.unexpected("label matching", "identifier or \"}\"")),
        };
        let op = match self.kind() {
            Kind::Assign => MatchOp::Equal,
            Kind::Op(BinaryOp::Ne) => MatchOp::NotEqual,
            Kind::Match => MatchOp::Regex,
            Kind::NotMatch => MatchOp::NotRegex,
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.advance();
        let value = self.token();
        if value.kind != Kind::Text {
            return Err(self.unexpected("label matching", "string"));
        }
        self.advance();
        let text = self.string(value);
        let span = Span { start: token.span.start, end: value.span.end };
        Ok(self.matcher(&name, op, &text, span))
    }

    fn matcher(&mut self, name: &str, op: MatchOp, value: &str, span: Span) -> Option<Matcher> {
        match Matcher::new(name, op, value) {
            Ok(matcher) => Some(matcher),
            Err(error) => {
                self.report(span, error.to_string());
                None
            }
        }
    }

    /// `[5m]` or `[5m:1m]` behind `node`.
    pub(super) fn brackets(&mut self, node: Node) -> Parsed<Node> {
        let open = self.advance();
        let range = self.length_or("subquery or range selector", "number or duration")?;
        let range = self.positive(range);
        let start = node.expr.span.start;
        if self.accept(Kind::Colon) {
            let step = if self.kind() == Kind::RightBracket {
                None
            } else {
                let expected = "number or duration or \"]\"";
                let step = self.length_or("subquery selector", expected)?;
                Some(self.positive(step))
            };
            if self.kind() != Kind::RightBracket {
                return Err(self.unexpected("subquery selector", "\"]\""));
            }
            let span = Span { start, end: self.advance().span.end };
            let expr = Box::new(node.expr);
            let kind = ExprKind::Subquery { expr, range, step, shift: Shift::default() };
            return self.node(kind, span, node.depth);
        }
        if self.kind() != Kind::RightBracket {
            return Err(self.unexpected("subquery or range", "\":\" or \"]\""));
        }
        let close = self.advance();
        let wrong = match &node.expr.kind {
            ExprKind::Vector(selector) if selector.shift.offset.is_some() => {
                Some("no offset modifiers allowed before range")
            }
            ExprKind::Vector(selector) if selector.shift.at.is_some() => {
                Some("no @ modifiers allowed before range")
            }
            ExprKind::Vector(_) => None,
            _ => Some("ranges only allowed for vector selectors"),
        };
        if let Some(message) = wrong {
            let brackets = Span { start: open.span.start, end: close.span.end };
            self.report(brackets, message);
        }
        let span = Span { start, end: close.span.end };
        match node.expr.kind {
            ExprKind::Vector(selector) => self.node(ExprKind::Matrix { selector, range }, span, 0),
            // Reported above; what stands behind is still looked at.
            _ => Ok(node),
        }
    }

    /// `offset 5m` behind `node`.
    pub(super) fn offset(&mut self, mut node: Node) -> Parsed<Node> {
        self.advance();
        let offset = self.offset_length()?;
        let end = self.closed();
        let span = node.expr.span;
        match shift_of(&mut node.expr.kind) {
            None => {
                let message = "offset modifier must be preceded by an instant vector selector or \
                               range vector selector or a subquery";
                self.report(span, message);
            }
            Some(shift) if shift.offset.is_some() => {
                self.report(span, "offset may not be set multiple times");
            }
            Some(shift) => {
                shift.offset = offset;
                node.expr.span.end = end;
            }
        }
        Ok(node)
    }

    /// `@ 123.4` or `@ start()` behind `node`.
    pub(super) fn at_time(&mut self, mut node: Node) -> Parsed<Node> {
        self.advance();
        let at = self.at_value(&node)?;
        let end = self.closed();
        let span = node.expr.span;
        match shift_of(&mut node.expr.kind) {
            None => {
                let message = "@ modifier must be preceded by an instant vector selector or range \
                               vector selector or a subquery";
                self.report(span, message);
            }
            Some(shift) if shift.at.is_some() => {
                self.report(span, "@ <timestamp> may not be set multiple times");
            }
            Some(shift) => {
                shift.at = Some(at);
                node.expr.span.end = end;
            }
        }
        Ok(node)
    }

    fn at_value(&mut self, node: &Node) -> Parsed<At> {
        let token: Token = self.token();
        let preprocessor = match token.kind {
            Kind::Start => Some(At::Start),
            Kind::EndOf => Some(At::End),
            _ => None,
        };
        if let Some(at) = preprocessor {
            self.advance();
            for kind in [Kind::LeftParen, Kind::RightParen] {
                if !self.accept(kind) {
                    return Err(self.unexpected("@", "timestamp"));
                }
            }
            return Ok(at);
        }
        let negative = self.accept(Kind::Op(BinaryOp::Sub));
        if !negative {
            self.accept(Kind::Op(BinaryOp::Add));
        }
        if !matches!(self.kind(), Kind::Number | Kind::Duration) {
            return Err(self.unexpected("@", "timestamp"));
        }
        let number = self.advance();
        let (seconds, _) = self.number(number);
        let seconds = if negative { -seconds } else { seconds };
        // What fits an i64 of seconds but not of milliseconds is moved to its end.
        if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 {
            let shown = go_fixed(seconds);
            let message = format!("timestamp out of bounds for @ modifier: {shown}");
            self.report(node.expr.span, message);
        }
        Ok(At::Time((seconds * 1000.0).round() as i64))
    }
}

/// Go's `%f`.
fn go_fixed(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value:.6}")
    }
}

fn shift_of(kind: &mut ExprKind) -> Option<&mut Shift> {
    match kind {
        ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => Some(&mut selector.shift),
        ExprKind::Subquery { shift, .. } => Some(shift),
        _ => None,
    }
}

/// Whether a word of this kind names a metric where an operand is expected: most keywords do.
fn names_metric(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Identifier
            | Kind::MetricIdentifier
            | Kind::Aggregation(_)
            | Kind::Start
            | Kind::EndOf
            | Kind::Step
            | Kind::Op(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
            | Kind::Keyword(Keyword::By | Keyword::Without | Keyword::Offset)
    )
}
