//! The tree of an expression. Every node knows where it stands in the text, so that a mistake found
//! later (a type, a lint) can still be shown in place.

use bongsu_model::Matcher;

/// Bytes `start..end` of the expression's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A number; `duration` when it was written as one (`5m`), which only printing cares about.
    Number {
        /// Seconds for a duration.
        value: f64,
        /// Written as a duration.
        duration: bool,
    },
    /// A string.
    Text(String),
    /// An instant vector selector.
    Vector(Selector),
    /// A range vector selector: `selector[range]`.
    Matrix {
        /// What is selected; offset and `@` stand behind the brackets but belong to it.
        selector: Selector,
        /// How far back, left-open.
        range: Length,
    },
    /// `expr[range:step]`.
    Subquery {
        /// What is evaluated at each step.
        expr: Box<Expr>,
        /// How far back.
        range: Length,
        /// `None`: the default step of the evaluation.
        step: Option<Length>,
        /// Where in time it is looked at.
        shift: Shift,
    },
    /// A call of a function known by name; arity and types have been checked.
    Call {
        /// Name as in Prometheus.
        function: &'static str,
        /// Arguments in order.
        args: Vec<Expr>,
    },
    /// `sum by (a) (expr)`.
    Aggregate {
        /// Which.
        op: Aggregation,
        /// The vector.
        expr: Box<Expr>,
        /// Of `topk`, `quantile`, `count_values` and their like.
        param: Option<Box<Expr>>,
        /// `by` or `without`; empty `by` if neither was written.
        grouping: Grouping,
    },
    /// `lhs op rhs`.
    Binary {
        /// Which.
        op: BinaryOp,
        /// Left side.
        lhs: Box<Expr>,
        /// Right side.
        rhs: Box<Expr>,
        /// Comparison answers 0 or 1 instead of filtering.
        return_bool: bool,
        /// How vectors find each other; `None` if a side is a scalar.
        matching: Option<Matching>,
    },
    /// `-expr` (`+expr` is kept for printing only).
    Unary {
        /// Whether the sign is `-`.
        negative: bool,
        /// What it applies to.
        expr: Box<Expr>,
    },
    /// `(expr)`.
    Paren(Box<Expr>),
}

/// A metric name and matchers with their place in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// The name written before the braces, if any; `matchers` holds it, too, as `__name__`.
    pub name: Option<String>,
    /// All matchers in written order, the name's last.
    pub matchers: Vec<Matcher>,
    /// Where in time it is looked at.
    pub shift: Shift,
}

/// `offset` and `@`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shift {
    /// How far back; negative looks ahead.
    pub offset: Option<Length>,
    /// A fixed time instead of that of the evaluation.
    pub at: Option<At>,
}

/// What stands after `@`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// A time in milliseconds since 1970.
    Time(i64),
    /// `start()` of the query.
    Start,
    /// `end()` of the query.
    End,
}

/// A length of time: usually a constant; else an arithmetic expression over constants and `step()`,
/// reduced once the step of the query is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Length {
    /// Milliseconds.
    Fixed(i64),
    /// Duration arithmetic that needs the query's step or must be printed as it was written.
    Computed(Box<LengthExpr>),
}

/// Duration arithmetic (`5m * 2`, `step() + 1m`).
#[derive(Clone, Debug, PartialEq)]
pub enum LengthExpr {
    /// A constant in seconds.
    Number {
        /// Seconds.
        seconds: f64,
        /// Written as a duration.
        duration: bool,
    },
    /// `step()`: the step of the query, zero for an instant query.
    Step,
    /// `range()`-like functions and `min`/`max` of two lengths.
    Call {
        /// `min` or `max`.
        function: &'static str,
        /// Its operands.
        args: Vec<LengthExpr>,
    },
    /// A sign.
    Negative(Box<LengthExpr>),
    /// Arithmetic: `+ - * / % ^`.
    Binary {
        /// Which.
        op: BinaryOp,
        /// Left side.
        lhs: Box<LengthExpr>,
        /// Right side.
        rhs: Box<LengthExpr>,
    },
    /// `(…)`.
    Paren(Box<LengthExpr>),
}

/// Aggregations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are PromQL's")]
pub enum Aggregation {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

/// Which labels groups are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// The labels are left out instead of kept.
    pub without: bool,
    /// Label names as written.
    pub labels: Vec<String>,
}

/// Operators between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are PromQL's")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    And,
    Or,
    Unless,
}

/// How many partners a side may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// One to one.
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`: many on the right.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// How vectors find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// Partners a side may have.
    pub cardinality: Cardinality,
    /// `on` instead of `ignoring`.
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Labels of the "one" side that `group_left` or `group_right` copies.
    pub include: Vec<String>,
}
