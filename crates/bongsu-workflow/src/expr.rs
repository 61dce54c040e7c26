//! Expressions: what stands in `{{ … }}`, in `if`, in the arguments of `keep.…( )`.
//!
//! In: a text of the configuration. Out: an [`Expr`], which a [`Scope`] gives a value. The grammar is
//! Jinja's and Python's, with `&&`, `||`, `!` and `a ? b : c` beside theirs. In `if` and in arguments
//! values stand in braces, `{{ alert.severity }} == 'critical'`, also inside quotes; what a value
//! says is never parsed, so quotes and braces in data mean nothing.

mod eval;
mod filter;
mod lex;
mod parse;
mod scope;

use std::sync::Arc;

use serde_json::Value;

use crate::functions::Function;
use crate::text::Template;

pub(crate) use eval::{Evaluation, Found, compare};
pub(crate) use filter::Filter;
pub(crate) use parse::{ROOTS, parse, parse_call, parse_condition};
pub use scope::{Facts, Scope};

/// Why an expression is refused: where in its text, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// Byte.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Mistake {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Why a text or an expression has no value in a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub(crate) String);

/// `alert.labels.pod`, `steps.get-pods.results.0`: a name and the keys below it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    pub(crate) root: Box<str>,
    pub(crate) keys: Vec<Box<str>>,
}

impl Path {
    /// `a.b-c.0`: what Keep can look up; the dash belongs to the name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_part = |part: &str| {
            let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$');
            !part.is_empty() && part.chars().all(word)
        };
        if text == "." {
            return Some(Self { root: ".".into(), keys: Vec::new() });
        }
        let mut parts = text.split('.');
        let root = parts.next().filter(|root| is_part(root))?;
        if root.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return None;
        }
        let keys: Vec<Box<str>> = parts.map(Box::from).collect();
        keys.iter().all(|key| is_part(key)).then(|| Self { root: root.into(), keys })
    }

    pub(crate) fn text(&self) -> String {
        let mut text = self.root.to_string();
        for key in &self.keys {
            text.push('.');
            text.push_str(key);
        }
        text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Floor,
    Remainder,
    Power,
    Concat,
}

/// Python's functions that conditions use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    Int,
    Float,
    Len,
    Str,
    Bool,
    Abs,
    Min,
    Max,
    Round,
}

/// Arguments with a name and those before, by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) positional: Vec<Expr>,
    pub(crate) named: Vec<(Box<str>, Expr)>,
}

/// A parsed expression.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Const(Value),
    /// A quoted text with values in braces in it.
    Text(Arc<Template>),
    Path(Path),
    Member(Box<Expr>, Box<str>),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    /// `a < b < c`.
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Choose(Box<[Expr; 3]>),
    Filter(Box<Expr>, Arc<Filter>, Arguments),
    /// `a is defined`; the flag negates.
    Test(Box<Expr>, Arc<Filter>, Arguments, bool),
    Defined(Box<Expr>, bool),
    Keep(Function, Arguments),
    Builtin(Builtin, Arguments),
    Method(Box<Expr>, Box<str>, Arguments),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
}

impl Expr {
    /// Visits itself and everything in it.
    pub(crate) fn visit<'e>(&'e self, see: &mut impl FnMut(&'e Expr)) {
        see(self);
        match self {
            Self::Const(_) | Self::Path(_) => {}
            Self::Text(template) => template.expressions(&mut |expr, _| expr.visit(see)),
            Self::Member(of, _) | Self::Not(of) | Self::Negate(of) | Self::Defined(of, _) => {
                of.visit(see);
            }
            Self::Index(a, b) | Self::Arithmetic(_, a, b) => {
                a.visit(see);
                b.visit(see);
            }
            Self::Slice(of, from, to) => {
                of.visit(see);
                from.iter().chain(to).for_each(|end| end.visit(see));
            }
            Self::All(items) | Self::Any(items) | Self::List(items) => {
                items.iter().for_each(|item| item.visit(see));
            }
            Self::Compare(first, rest) => {
                first.visit(see);
                rest.iter().for_each(|(_, item)| item.visit(see));
            }
            Self::Choose(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Filter(of, _, arguments)
            | Self::Test(of, _, arguments, _)
            | Self::Method(of, _, arguments) => {
                of.visit(see);
                arguments.all().for_each(|argument| argument.visit(see));
            }
            Self::Keep(_, arguments) | Self::Builtin(_, arguments) => {
                arguments.all().for_each(|argument| argument.visit(see));
            }
            Self::Map(entries) => entries.iter().for_each(|(key, value)| {
                key.visit(see);
                value.visit(see);
            }),
        }
    }
}

impl Expr {
    /// Whether its value is a number, whatever data says.
    pub(crate) fn is_number(&self) -> bool {
        match self {
            Self::Const(value) => value.is_number(),
            Self::Filter(_, filter, _) => {
                matches!(filter.name(), "int" | "float" | "length" | "count" | "abs" | "round")
            }
            Self::Builtin(builtin, _) => {
                matches!(builtin, Builtin::Int | Builtin::Float | Builtin::Len | Builtin::Round)
            }
            _ => false,
        }
    }

    /// The paths in it.
    pub(crate) fn paths<'e>(&'e self, see: &mut impl FnMut(&'e Path)) {
        self.visit(&mut |expr| {
            if let Self::Path(path) = expr {
                see(path);
            }
        });
    }
}

impl Arguments {
    fn all(&self) -> impl Iterator<Item = &Expr> {
        self.positional.iter().chain(self.named.iter().map(|(_, value)| value))
    }
}
