//! Types of expressions and the signatures of functions and aggregations, as in Prometheus 3.5.

use crate::ast::{Aggregation, Expr, ExprKind};

/// What an expression evaluates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A number.
    Scalar,
    /// A set of series with one sample each.
    Vector,
    /// A set of series with samples over a range.
    Matrix,
    /// A string.
    Text,
}

impl ValueType {
    /// The name in answers of the HTTP API: `scalar`, `vector`, `matrix`, `string`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::Text => "string",
        }
    }

    /// The name in error messages: `instant vector` and the like.
    pub fn documented(self) -> &'static str {
        match self {
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            other => other.name(),
        }
    }
}

/// A function's arguments and result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// Types of its arguments; the last may be optional or repeated.
    pub args: &'static [ValueType],
    /// 0: exactly `args`; n: `args.len() - 1 ..= args.len() - 1 + n`; -1: the last any number of
    /// times, also none.
    pub variadic: i8,
    /// Type of its result.
    pub result: ValueType,
    /// Only with [`crate::Features::experimental_functions`].
    pub experimental: bool,
}

impl Signature {
    /// The function called `name`.
    pub fn of(name: &str) -> Option<&'static Self> {
        FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|i| &FUNCTIONS[i])
    }

    /// The type of argument `index`, counted from 0.
    pub fn arg(&self, index: usize) -> Option<ValueType> {
        let last = self.args.len().checked_sub(1)?;
        if index > last && self.variadic == 0 { None } else { Some(self.args[index.min(last)]) }
    }
}

const S: ValueType = ValueType::Scalar;
const V: ValueType = ValueType::Vector;
const M: ValueType = ValueType::Matrix;
const T: ValueType = ValueType::Text;

const fn vector(name: &'static str, args: &'static [ValueType]) -> Signature {
    Signature { name, args, variadic: 0, result: V, experimental: false }
}

const fn variadic(name: &'static str, args: &'static [ValueType], variadic: i8) -> Signature {
    Signature { variadic, ..vector(name, args) }
}

const fn scalar(name: &'static str, args: &'static [ValueType]) -> Signature {
    Signature { result: S, ..vector(name, args) }
}

const fn experimental(signature: Signature) -> Signature {
    Signature { experimental: true, ..signature }
}

/// All functions, by name.
pub const FUNCTIONS: &[Signature] = &[
    vector("abs", &[V]),
    vector("absent", &[V]),
    vector("absent_over_time", &[M]),
    vector("acos", &[V]),
    vector("acosh", &[V]),
    vector("asin", &[V]),
    vector("asinh", &[V]),
    vector("atan", &[V]),
    vector("atanh", &[V]),
    vector("avg_over_time", &[M]),
    vector("ceil", &[V]),
    vector("changes", &[M]),
    vector("clamp", &[V, S, S]),
    vector("clamp_max", &[V, S]),
    vector("clamp_min", &[V, S]),
    vector("cos", &[V]),
    vector("cosh", &[V]),
    vector("count_over_time", &[M]),
    variadic("day_of_month", &[V], 1),
    variadic("day_of_week", &[V], 1),
    variadic("day_of_year", &[V], 1),
    variadic("days_in_month", &[V], 1),
    vector("deg", &[V]),
    vector("delta", &[M]),
    vector("deriv", &[M]),
    experimental(vector("double_exponential_smoothing", &[M, S, S])),
    vector("exp", &[V]),
    vector("floor", &[V]),
    vector("histogram_avg", &[V]),
    vector("histogram_count", &[V]),
    vector("histogram_fraction", &[S, S, V]),
    vector("histogram_quantile", &[S, V]),
    vector("histogram_stddev", &[V]),
    vector("histogram_stdvar", &[V]),
    vector("histogram_sum", &[V]),
    variadic("hour", &[V], 1),
    vector("idelta", &[M]),
    vector("increase", &[M]),
    experimental(variadic("info", &[V, V], 1)),
    vector("irate", &[M]),
    variadic("label_join", &[V, T, T, T], -1),
    vector("label_replace", &[V, T, T, T, T]),
    vector("last_over_time", &[M]),
    vector("ln", &[V]),
    vector("log10", &[V]),
    vector("log2", &[V]),
    experimental(vector("mad_over_time", &[M])),
    vector("max_over_time", &[M]),
    vector("min_over_time", &[M]),
    variadic("minute", &[V], 1),
    variadic("month", &[V], 1),
    scalar("pi", &[]),
    vector("predict_linear", &[M, S]),
    vector("present_over_time", &[M]),
    vector("quantile_over_time", &[S, M]),
    vector("rad", &[V]),
    vector("rate", &[M]),
    vector("resets", &[M]),
    variadic("round", &[V, S], 1),
    scalar("scalar", &[V]),
    vector("sgn", &[V]),
    vector("sin", &[V]),
    vector("sinh", &[V]),
    vector("sort", &[V]),
    experimental(variadic("sort_by_label", &[V, T], -1)),
    experimental(variadic("sort_by_label_desc", &[V, T], -1)),
    vector("sort_desc", &[V]),
    vector("sqrt", &[V]),
    vector("stddev_over_time", &[M]),
    vector("stdvar_over_time", &[M]),
    vector("sum_over_time", &[M]),
    vector("tan", &[V]),
    vector("tanh", &[V]),
    scalar("time", &[]),
    vector("timestamp", &[V]),
    experimental(vector("ts_of_last_over_time", &[M])),
    experimental(vector("ts_of_max_over_time", &[M])),
    experimental(vector("ts_of_min_over_time", &[M])),
    vector("vector", &[S]),
    variadic("year", &[V], 1),
];

impl Aggregation {
    /// All of them with their names.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Sum, "sum"),
        (Self::Avg, "avg"),
        (Self::Min, "min"),
        (Self::Max, "max"),
        (Self::Count, "count"),
        (Self::Group, "group"),
        (Self::Stddev, "stddev"),
        (Self::Stdvar, "stdvar"),
        (Self::Topk, "topk"),
        (Self::Bottomk, "bottomk"),
        (Self::CountValues, "count_values"),
        (Self::Quantile, "quantile"),
        (Self::Limitk, "limitk"),
        (Self::LimitRatio, "limit_ratio"),
    ];

    pub(crate) fn by_name(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| known.as_bytes() == name).map(|(op, _)| *op)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(op, _)| *op == self).map_or("", |(_, name)| name)
    }

    /// The type of its parameter, if it has one.
    pub fn param(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::Text),
            _ => None,
        }
    }

    /// Whether it is only available with [`crate::Features::experimental_functions`].
    pub fn is_experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }

    /// Whether it picks whole series instead of computing new ones.
    pub fn picks(self) -> bool {
        matches!(self, Self::Topk | Self::Bottomk | Self::Limitk | Self::LimitRatio)
    }
}

impl Expr {
    /// What it evaluates to; of a tree [`crate::parse`] accepted.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number { .. } => ValueType::Scalar,
            ExprKind::Text(_) => ValueType::Text,
            ExprKind::Vector(_) | ExprKind::Aggregate { .. } => ValueType::Vector,
            ExprKind::Matrix { .. } | ExprKind::Subquery { .. } => ValueType::Matrix,
            ExprKind::Call { function, .. } => {
                Signature::of(function).map_or(ValueType::Vector, |signature| signature.result)
            }
            // Matching is kept where both sides are vectors; one side at least is if it is not.
            ExprKind::Binary { matching: Some(_), .. } => ValueType::Vector,
            ExprKind::Binary { lhs, rhs, .. } => {
                let scalars = lhs.value_type() == S && rhs.value_type() == S;
                if scalars { ValueType::Scalar } else { ValueType::Vector }
            }
            ExprKind::Unary { expr, .. } | ExprKind::Paren(expr) => expr.value_type(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_sorted_and_complete() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(FUNCTIONS.iter().filter(|f| !f.experimental).count(), 72);
        assert_eq!(Signature::of("rate").map(|f| f.args), Some(&[M][..]));
        assert_eq!(Signature::of("rates"), None);
        assert_eq!(Signature::of("label_join").and_then(|f| f.arg(9)), Some(T));
        assert_eq!(Signature::of("abs").and_then(|f| f.arg(1)), None);
    }
}
