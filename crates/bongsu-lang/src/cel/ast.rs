//! An expression after parsing: names resolved, macros and functions known, patterns compiled.
//!
//! Out: text again through `Display`, for explanations.

use std::fmt::{self, Display, Formatter};

/// A node.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Const(Const),
    /// Keys from the alert down.
    Path(Vec<String>),
    /// Variable of a macro: its place among the open ones.
    Local(usize, String),
    Member(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    /// Whether a map has a key, even with a null.
    Has(Box<Expr>, String),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Choose(Box<[Expr; 3]>),
    Call(Function, Vec<Expr>),
    Matches(Box<Expr>, regex::Regex),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Each(Box<Each>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Const {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

/// `range.kind(variable, body)`.
#[derive(Clone, Debug)]
pub(super) struct Each {
    pub(super) kind: EachKind,
    pub(super) range: Expr,
    pub(super) variable: String,
    /// The condition; of `map` what stands before the result, if anything.
    pub(super) condition: Option<Expr>,
    /// Of `map` the result.
    pub(super) result: Option<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EachKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    pub(super) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
        }
    }

    /// What stands there with the sides exchanged.
    pub(super) fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
        }
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// A function with its receiver, if it has one, as first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Size,
    Lower,
    Upper,
    Int,
    Double,
    Text,
    Bool,
    Timestamp,
    Duration,
}

impl Function {
    /// Name, function, arguments, whether it may be written `f(x)`, and `x.f()`.
    pub(super) const KNOWN: &'static [(&'static str, Self, usize, bool, bool)] = &[
        ("contains", Self::Contains, 2, false, true),
        ("startsWith", Self::StartsWith, 2, false, true),
        ("endsWith", Self::EndsWith, 2, false, true),
        ("size", Self::Size, 1, true, true),
        ("lowerAscii", Self::Lower, 1, false, true),
        ("upperAscii", Self::Upper, 1, false, true),
        ("int", Self::Int, 1, true, false),
        ("double", Self::Double, 1, true, false),
        ("string", Self::Text, 1, true, false),
        ("bool", Self::Bool, 1, true, false),
        ("timestamp", Self::Timestamp, 1, true, false),
        ("duration", Self::Duration, 1, true, false),
    ];

    fn entry(self) -> Option<&'static (&'static str, Self, usize, bool, bool)> {
        Self::KNOWN.iter().find(|(_, function, ..)| *function == self)
    }
}

impl Expr {
    /// Whether it is the field compared by the order of severities.
    pub(super) fn is_severity(&self) -> bool {
        matches!(self, Self::Path(keys) if keys.len() == 1 && keys[0] == "severity")
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Const(Const::Null))
    }

    /// Whether it names data: as a condition it is false where there is none.
    pub(super) fn is_place(&self) -> bool {
        matches!(self, Self::Path(_) | Self::Local(..) | Self::Member(..) | Self::Index(..))
    }

    /// How tightly it binds, for brackets.
    fn tightness(&self) -> u8 {
        match self {
            Self::Choose(_) => 0,
            Self::Any(_) => 1,
            Self::All(_) => 2,
            Self::Compare(..) | Self::In(..) => 3,
            Self::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => 4,
            Self::Arithmetic(..) => 5,
            Self::Not(_) | Self::Negate(_) => 6,
            _ => 7,
        }
    }
}

/// An operand with brackets if it binds less tightly than its place asks.
struct Within<'e>(&'e Expr, u8);

impl Display for Within<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.tightness() < self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

/// Things with something between them.
struct Joined<'e>(&'e [Expr], &'static str, u8);

impl Display for Joined<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(self.1)?;
            }
            Within(item, self.2).fmt(f)?;
        }
        Ok(())
    }
}

/// A text with the escapes CEL and JSON share.
struct Quoted<'t>(&'t str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        serde_json::Value::from(self.0).fmt(f)
    }
}

fn write_key(f: &mut Formatter<'_>, key: &str, first: bool) -> fmt::Result {
    let plain = !key.is_empty()
        && !key.as_bytes()[0].is_ascii_digit()
        && key.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
    match (plain, first) {
        (true, true) => f.write_str(key),
        (true, false) => write!(f, ".{key}"),
        (false, true) => write!(f, "alert[{}]", Quoted(key)),
        (false, false) => write!(f, "[{}]", Quoted(key)),
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(constant) => constant.fmt(f),
            Self::Path(keys) if keys.is_empty() => f.write_str("alert"),
            Self::Path(keys) => {
                keys.iter().enumerate().try_for_each(|(at, key)| write_key(f, key, at == 0))
            }
            Self::Local(_, name) => f.write_str(name),
            Self::Member(of, key) => {
                Within(of, 7).fmt(f)?;
                write_key(f, key, false)
            }
            Self::Index(of, index) => write!(f, "{}[{index}]", Within(of, 7)),
            Self::Has(of, key) => {
                // Only a key after a point is taken here; other characters stand in backticks.
                let plain = key.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
                let tick = if plain { "" } else { "`" };
                write!(f, "has({}.{tick}{key}{tick})", Within(of, 7))
            }
            Self::Not(of) => write!(f, "!{}", Within(of, 6)),
            Self::Negate(of) => write!(f, "-{}", Within(of, 6)),
            Self::All(terms) => Joined(terms, " && ", 3).fmt(f),
            Self::Any(terms) => Joined(terms, " || ", 2).fmt(f),
            Self::Compare(op, a, b) => write!(f, "{} {} {}", Within(a, 3), op.sign(), Within(b, 4)),
            Self::In(a, b) => write!(f, "{} in {}", Within(a, 3), Within(b, 4)),
            Self::Arithmetic(op, a, b) => {
                let tight = self.tightness();
                write!(f, "{} {} {}", Within(a, tight), op.sign(), Within(b, tight + 1))
            }
            Self::Choose(parts) => {
                write!(f, "{} ? {} : {}", Within(&parts[0], 1), Within(&parts[1], 1), parts[2])
            }
            Self::Call(function, arguments) => {
                let (name, member) = function.entry().map_or(("?", false), |e| (e.0, !e.3));
                match arguments.split_first() {
                    Some((of, rest)) if member => {
                        write!(f, "{}.{name}({})", Within(of, 7), Joined(rest, ", ", 0))
                    }
                    _ => write!(f, "{name}({})", Joined(arguments, ", ", 0)),
                }
            }
            Self::Matches(of, pattern) => {
                write!(f, "{}.matches({})", Within(of, 7), Quoted(pattern.as_str()))
            }
            Self::List(items) => write!(f, "[{}]", Joined(items, ", ", 0)),
            Self::Map(entries) => {
                f.write_str("{")?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    write!(f, "{comma}{key}: {value}")?;
                }
                f.write_str("}")
            }
            Self::Each(each) => each.fmt(f),
        }
    }
}

impl Display for Each {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            EachKind::All => "all",
            EachKind::Exists => "exists",
            EachKind::ExistsOne => "exists_one",
            EachKind::Filter => "filter",
            EachKind::Map => "map",
        };
        write!(f, "{}.{name}({}", Within(&self.range, 7), self.variable)?;
        for part in self.condition.iter().chain(&self.result) {
            write!(f, ", {part}")?;
        }
        f.write_str(")")
    }
}

impl Display for Const {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(b) => b.fmt(f),
            Self::Int(n) => n.fmt(f),
            Self::Float(n) => write!(f, "{n:?}"),
            Self::Text(s) => Quoted(s).fmt(f),
        }
    }
}
