//! Text to tree: a Pratt parser over [`crate::lexer`]'s tokens.
//!
//! In: the text of an expression. Out: a tree whose types have been checked, or every mistake found,
//! in Prometheus' words. After a mistake the parser goes on at the next comma or closing parenthesis
//! of the list it is in. Types are checked only when the text has no other mistake.

mod aggregate;
mod length;
mod literal;
mod selector;

use bongsu_model::Matcher;

use crate::ast::{BinaryOp, Cardinality, Expr, ExprKind, Matching, Span};
use crate::check;
use crate::lexer::{self, Keyword, Kind, Token};
use crate::signature::Signature;

/// Longest text taken, in bytes.
pub const MAX_TEXT: usize = 128 << 10;
/// Most nodes a tree may have.
pub const MAX_NODES: u32 = 20_000;
/// Deepest tree; `a + b + c` is one deeper than `a + b`.
pub const MAX_DEPTH: u32 = 200;
/// Mistakes reported of one text.
const MAX_ERRORS: usize = 20;

/// A mistake in an expression, in Prometheus' words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parse error: {message}")]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
}

impl ParseError {
    /// Line and column in `text`, the parsed one, both from 1; columns count bytes as Prometheus'.
    pub fn place(&self, text: &str) -> (usize, usize) {
        let before = text.as_bytes().get(..self.span.start as usize).unwrap_or(text.as_bytes());
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        (before.iter().filter(|b| **b == b'\n').count() + 1, before.len() - line_start + 1)
    }

    /// `1:5: parse error: message`, the line Prometheus prints.
    pub fn render(&self, text: &str) -> String {
        let (line, column) = self.place(text);
        format!("{line}:{column}: {self}")
    }
}

/// What is understood beyond the stable language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Experimental functions and aggregations.
    pub experimental_functions: bool,
    /// Arithmetic where a length is expected: `[5m * 2]`.
    pub duration_expressions: bool,
}

impl Features {
    /// Everything.
    pub fn all() -> Self {
        Self { experimental_functions: true, duration_expressions: true }
    }
}

/// Parses an expression of the stable language.
pub fn parse(text: &str) -> Result<Expr, Vec<ParseError>> {
    parse_with(text, &Features::default())
}

/// Parses an expression.
pub fn parse_with(text: &str, features: &Features) -> Result<Expr, Vec<ParseError>> {
    let mut parser = Parser::new(text, *features)?;
    let parsed = if parser.kind() == Kind::End {
        parser.report(Span::default(), "no expression found in input");
        Err(Reported)
    } else {
        parser.whole(|parser| parser.expr(0))
    };
    let Parser { mut errors, .. } = parser;
    match parsed {
        Ok(Node { mut expr, .. }) if errors.is_empty() => {
            check::check(&mut expr, text, &mut errors);
            if errors.is_empty() { Ok(expr) } else { Err(errors) }
        }
        _ => Err(errors),
    }
}

/// Parses a selector without a range, as in `match[]` of the HTTP API; its matchers, the name's last.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, Vec<ParseError>> {
    let mut parser = Parser::new(text, Features::default())?;
    let parsed = parser.whole(Parser::selector);
    let Parser { mut errors, .. } = parser;
    match parsed {
        Ok(Node { expr: mut expr @ Expr { kind: ExprKind::Vector(_), .. }, .. })
            if errors.is_empty() =>
        {
            check::check(&mut expr, text, &mut errors);
            match expr.kind {
                ExprKind::Vector(selector) if errors.is_empty() => Ok(selector.matchers),
                _ => Err(errors),
            }
        }
        _ => Err(errors),
    }
}

/// The mistake is in the parser's list already.
struct Reported;

type Parsed<T> = Result<T, Reported>;

/// A node and how deep the tree below it is.
struct Node {
    expr: Expr,
    depth: u32,
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    /// Why the tokens end early, until it is reported.
    broken: Option<(String, Span)>,
    features: Features,
    errors: Vec<ParseError>,
    /// Calls of `expr` that have not returned.
    nesting: u32,
    nodes: u32,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, features: Features) -> Result<Self, Vec<ParseError>> {
        if text.len() > MAX_TEXT {
            let message = format!("expression is longer than {MAX_TEXT} bytes");
            return Err(vec![ParseError { message, span: Span::default() }]);
        }
        let lexer::Tokens { list, error } = lexer::tokens(text);
        Ok(Self {
            text,
            tokens: list,
            at: 0,
            broken: error,
            features,
            errors: Vec::new(),
            nesting: 0,
            nodes: 0,
        })
    }

    /// Reads with `read` what must be all of the text.
    fn whole(&mut self, read: impl FnOnce(&mut Self) -> Parsed<Node>) -> Parsed<Node> {
        let node = read(self)?;
        if self.kind() == Kind::End {
            return Ok(node);
        }
        Err(self.unexpected("", ""))
    }

    fn token(&self) -> Token {
        // The last token is the end, which `advance` never passes.
        let end = Token { kind: Kind::End, span: Span::default() };
        self.tokens.get(self.at).copied().unwrap_or(end)
    }

    fn kind(&self) -> Kind {
        self.token().kind
    }

    /// The kind of the token after the present one.
    fn next_kind(&self) -> Kind {
        self.tokens.get(self.at + 1).map_or(Kind::End, |token| token.kind)
    }

    fn advance(&mut self) -> Token {
        let token = self.token();
        if !matches!(token.kind, Kind::End | Kind::Broken) {
            self.at += 1;
        }
        token
    }

    fn accept(&mut self, kind: Kind) -> bool {
        let is = self.kind() == kind;
        if is {
            self.advance();
        }
        is
    }

    fn report(&mut self, span: Span, message: impl Into<String>) -> Reported {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(ParseError { message: message.into(), span });
        }
        Reported
    }

    /// The present token does not fit.
    fn unexpected(&mut self, context: &str, expected: &str) -> Reported {
        let token = self.token();
        if token.kind == Kind::Broken {
            return match self.broken.take() {
                Some((message, span)) => self.report(span, message),
                None => Reported,
            };
        }
        let mut message = format!("unexpected {}", token.describe(self.text));
        if !context.is_empty() {
            message.push_str(" in ");
            message.push_str(context);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        self.report(token.span, message)
    }

    /// Builds a node over children of which the deepest is `depth` deep.
    fn node(&mut self, kind: ExprKind, span: Span, depth: u32) -> Parsed<Node> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.too_much(span, "expression has too many parts"));
        }
        if depth >= MAX_DEPTH {
            return Err(self.too_much(span, "expression is nested too deeply"));
        }
        Ok(Node { expr: Expr { kind, span }, depth: depth + 1 })
    }

    /// Reports a limit once and gives up the rest of the text.
    fn too_much(&mut self, span: Span, message: &str) -> Reported {
        self.at = self.tokens.len().saturating_sub(1);
        self.broken = None;
        if let Some(last) = self.tokens.last_mut() {
            last.kind = Kind::Broken;
        }
        self.report(span, message)
    }

    /// Reads operators that bind at least as tight as `least`.
    fn expr(&mut self, least: u8) -> Parsed<Node> {
        if self.nesting >= MAX_DEPTH {
            let span = self.token().span;
            return Err(self.too_much(span, "expression is nested too deeply"));
        }
        self.nesting += 1;
        let node = self.operators(least);
        self.nesting -= 1;
        node
    }

    fn operators(&mut self, least: u8) -> Parsed<Node> {
        let mut lhs = self.operand()?;
        while let Kind::Op(op) = self.kind() {
            if binding_power(op) < least {
                break;
            }
            lhs = self.operator(op, lhs)?;
        }
        Ok(lhs)
    }

    /// An operator and what stands behind it.
    fn operator(&mut self, op: BinaryOp, lhs: Node) -> Parsed<Node> {
        self.advance();
        let return_bool = self.accept(Kind::Keyword(Keyword::Bool));
        let matching = self.matching(op)?;
        let power = binding_power(op);
        let rhs = self.expr(if op == BinaryOp::Pow { power } else { power + 1 })?;
        let span = Span { start: lhs.expr.span.start, end: rhs.expr.span.end };
        let depth = lhs.depth.max(rhs.depth);
        let kind = ExprKind::Binary {
            op,
            lhs: Box::new(lhs.expr),
            rhs: Box::new(rhs.expr),
            return_bool,
            // Whether the sides are vectors is known only when types are checked.
            matching: Some(matching),
        };
        self.node(kind, span, depth)
    }

    /// `on (…) group_left (…)` and their like.
    fn matching(&mut self, op: BinaryOp) -> Parsed<Matching> {
        let set = matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless);
        let mut matching = Matching {
            cardinality: if set { Cardinality::ManyToMany } else { Cardinality::OneToOne },
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
        };
        let Kind::Keyword(word @ (Keyword::On | Keyword::Ignoring)) = self.kind() else {
            return Ok(matching);
        };
        self.advance();
        matching.on = word == Keyword::On;
        matching.labels = self.label_names()?;
        matching.cardinality = match self.kind() {
            Kind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            Kind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(matching),
        };
        self.advance();
        if self.kind() == Kind::LeftParen {
            matching.include = self.label_names()?;
        }
        Ok(matching)
    }

    /// A sign with its operand, or something and what is written behind it.
    fn operand(&mut self) -> Parsed<Node> {
        if let Kind::Op(sign @ (BinaryOp::Add | BinaryOp::Sub)) = self.kind() {
            return self.signed(sign == BinaryOp::Sub);
        }
        let mut node = self.primary()?;
        loop {
            node = match self.kind() {
                Kind::LeftBracket => self.brackets(node)?,
                Kind::Keyword(Keyword::Offset) => self.offset(node)?,
                Kind::At => self.at_time(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn signed(&mut self, negative: bool) -> Parsed<Node> {
        let sign = self.advance();
        // As tight as multiplication, hence -1^2 is -(1^2).
        let mut operand = self.expr(binding_power(BinaryOp::Mul) + 1)?;
        let span = Span { start: sign.span.start, end: operand.expr.span.end };
        if let ExprKind::Number { value, .. } = &mut operand.expr.kind {
            if negative {
                *value = -*value;
            }
            operand.expr.span = span;
            return Ok(operand);
        }
        let kind = ExprKind::Unary { negative, expr: Box::new(operand.expr) };
        self.node(kind, span, operand.depth)
    }

    fn primary(&mut self) -> Parsed<Node> {
        match self.kind() {
            Kind::Number | Kind::Duration | Kind::Text => self.literal(),
            Kind::LeftParen => self.paren(),
            Kind::Identifier if self.next_kind() == Kind::LeftParen => self.call(),
            Kind::Aggregation(op)
                if matches!(
                    self.next_kind(),
                    Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without)
                ) =>
            {
                self.aggregate(op)
            }
            _ => self.selector(),
        }
    }

    fn literal(&mut self) -> Parsed<Node> {
        let token = self.advance();
        let kind = if token.kind == Kind::Text {
            ExprKind::Text(self.string(token))
        } else {
            let (value, duration) = self.number(token);
            ExprKind::Number { value, duration }
        };
        self.node(kind, token.span, 0)
    }

    fn paren(&mut self) -> Parsed<Node> {
        let open = self.advance();
        let inner = self.enclosed(false)?;
        let span = Span { start: open.span.start, end: self.advance().span.end };
        self.node(ExprKind::Paren(Box::new(inner.expr)), span, inner.depth)
    }

    fn call(&mut self) -> Parsed<Node> {
        let token = self.advance();
        let name = token.text(self.text);
        let signature = Signature::of(name);
        match signature {
            None => {
                let name = lexer::quoted(name);
                self.report(token.span, format!("unknown function with name {name}"));
            }
            Some(known) if known.experimental && !self.features.experimental_functions => {
                let name = lexer::quoted(name);
                self.report(token.span, format!("function {name} is not enabled"));
            }
            Some(_) => {}
        }
        let Arguments { list: args, depth, end } = self.arguments()?;
        let function = signature.map_or("", |known| known.name);
        let span = Span { start: token.span.start, end };
        self.node(ExprKind::Call { function, args }, span, depth)
    }

    /// `(a, b)`, the present token being the parenthesis.
    fn arguments(&mut self) -> Parsed<Arguments> {
        self.advance();
        let (mut list, mut depth) = (Vec::new(), 0);
        while self.kind() != Kind::RightParen {
            let argument = self.enclosed(true)?;
            depth = depth.max(argument.depth);
            list.push(argument.expr);
            let comma = self.token();
            if self.accept(Kind::Comma) && self.kind() == Kind::RightParen {
                self.report(comma.span, "trailing commas not allowed in function call args");
            }
        }
        Ok(Arguments { list, depth, end: self.advance().span.end })
    }

    /// An expression up to the parenthesis, or the comma `of_list`, that ends it. After a mistake the
    /// rest is skipped and a node nobody will see stands in.
    fn enclosed(&mut self, of_list: bool) -> Parsed<Node> {
        let ends = |kind| kind == Kind::RightParen || (of_list && kind == Kind::Comma);
        let reported = match self.expr(0) {
            Ok(node) if ends(self.kind()) => return Ok(node),
            Ok(_) => self.unexpected("", ""),
            Err(reported) => reported,
        };
        let mut open = 0_u32;
        loop {
            match self.kind() {
                Kind::End | Kind::Broken => return Err(reported),
                kind if open == 0 && ends(kind) => break,
                Kind::LeftParen => open += 1,
                Kind::RightParen => open = open.saturating_sub(1),
                _ => {}
            }
            self.advance();
        }
        let kind = ExprKind::Number { value: 0.0, duration: false };
        Ok(Node { expr: Expr { kind, span: self.token().span }, depth: 1 })
    }
}

/// Arguments of a call.
struct Arguments {
    list: Vec<Expr>,
    /// Of the deepest.
    depth: u32,
    /// Byte after the closing parenthesis.
    end: u32,
}

/// The higher, the tighter; all but `^` are left-associative.
pub(crate) fn binding_power(op: BinaryOp) -> u8 {
    use BinaryOp::{Add, And, Atan2, Div, Eq, Ge, Gt, Le, Lt, Mod, Mul, Ne, Or, Pow, Sub, Unless};
    match op {
        Or => 1,
        And | Unless => 2,
        Eq | Ne | Gt | Lt | Ge | Le => 3,
        Add | Sub => 4,
        Mul | Div | Mod | Atan2 => 5,
        Pow => 6,
    }
}

#[cfg(test)]
mod tests;
