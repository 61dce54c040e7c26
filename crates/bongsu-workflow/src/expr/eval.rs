//! The value of an expression.
//!
//! In: an [`Expr`] and a [`Scope`]. Out: a value, that it is missing and which path is, or why there
//! can be none. Work is bounded; comparing across types never fails, it is false.

use std::borrow::Cow;
use std::cell::Cell;

use bongsu_lang::jinja::{method, python_text};
use serde_json::{Map, Value};

use super::scope::child;
use super::{Arguments, Arithmetic, Builtin, Comparison, Expr, Fault, Scope};
use crate::functions::Call;
use crate::value::{contains, equal, integer, number, of_number, order, shown, truthy};

/// Parts of expressions a text or condition may evaluate.
const STEPS: u32 = 100_000;
/// Bytes a value made by an expression may have.
const MAX_TEXT: usize = 1 << 20;

/// A value, or the path that leads nowhere.
#[derive(Clone, Debug)]
pub(crate) enum Found<'a> {
    Value(Cow<'a, Value>),
    Missing(String),
}

impl<'a> Found<'a> {
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing(_) => None,
        }
    }

    /// Null for what is missing.
    pub(crate) fn or_null(self) -> Cow<'a, Value> {
        match self {
            Self::Value(value) => value,
            Self::Missing(_) => Cow::Owned(Value::Null),
        }
    }
}

impl From<Value> for Found<'_> {
    fn from(value: Value) -> Self {
        Self::Value(Cow::Owned(value))
    }
}

/// One evaluation with what is left of its budget.
pub(crate) struct Evaluation<'s, 'a> {
    pub(crate) scope: &'s Scope<'a>,
    left: Cell<u32>,
    /// What is missing stays missing under a filter; else filters see nothing.
    strict: bool,
}

impl<'s, 'a> Evaluation<'s, 'a> {
    pub(crate) fn new(scope: &'s Scope<'a>) -> Self {
        Self { scope, left: Cell::new(STEPS), strict: false }
    }

    pub(crate) fn strict(scope: &'s Scope<'a>, strict: bool) -> Self {
        Self { strict, ..Self::new(scope) }
    }

    /// Whether a condition holds; what is missing does not.
    pub(crate) fn holds(&self, expr: &Expr) -> Result<bool, Fault> {
        Ok(match expr {
            Expr::Not(of) => !self.holds(of)?,
            Expr::All(terms) => {
                for term in terms {
                    if !self.holds(term)? {
                        return Ok(false);
                    }
                }
                true
            }
            Expr::Any(terms) => {
                for term in terms {
                    if self.holds(term)? {
                        return Ok(true);
                    }
                }
                false
            }
            other => self.find(other)?.value().is_some_and(truthy),
        })
    }

    /// The value; null if it is missing.
    pub(crate) fn value(&self, expr: &Expr) -> Result<Value, Fault> {
        Ok(self.find(expr)?.or_null().into_owned())
    }

    pub(crate) fn find(&self, expr: &Expr) -> Result<Found<'s>, Fault> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(Fault("the expression takes too many steps".to_owned()));
        };
        self.left.set(left);
        Ok(match expr {
            Expr::Const(value) => value.clone().into(),
            Expr::Text(template) => Value::String(template.quoted(self)?).into(),
            Expr::Path(path) => self.scope.find(path),
            Expr::Member(of, key) => self.member(self.find(of)?, key),
            Expr::Index(of, index) => {
                let index = shown(&self.value(index)?);
                self.member(self.find(of)?, &index)
            }
            Expr::Slice(of, from, to) => self.slice(of, from.as_deref(), to.as_deref())?,
            Expr::Not(of) => Value::Bool(!self.holds(of)?).into(),
            // As in Python: the term that decided, not just whether it held.
            Expr::All(terms) => self.deciding(terms, false)?,
            Expr::Any(terms) => self.deciding(terms, true)?,
            Expr::Negate(of) => match number(&self.value(of)?) {
                Some(n) => of_number(-n).into(),
                None => return Err(Fault("only a number can be negative".to_owned())),
            },
            Expr::Compare(first, rest) => Value::Bool(self.compare(first, rest)?).into(),
            Expr::Arithmetic(sign, a, b) => {
                arithmetic(*sign, &self.value(a)?, &self.value(b)?)?.into()
            }
            Expr::Choose(parts) => {
                let [condition, yes, no] = &**parts;
                self.find(if self.holds(condition)? { yes } else { no })?
            }
            Expr::Filter(of, filter, arguments) => {
                let of = self.find(of)?;
                if self.strict && of.value().is_none() && !filter.is_default() {
                    return Ok(of);
                }
                let arguments = self.flat(arguments)?;
                match filter.apply(of.value(), &arguments)? {
                    Some(value) => value.into(),
                    None => match of {
                        Found::Missing(path) => Found::Missing(path),
                        Found::Value(_) => Found::Missing("the filtered value".to_owned()),
                    },
                }
            }
            Expr::Test(of, test, arguments, negated) => {
                let of = self.find(of)?;
                let result = test.apply(of.value(), &self.flat(arguments)?)?;
                Value::Bool(result.as_ref().is_some_and(truthy) != *negated).into()
            }
            Expr::Defined(of, wanted) => {
                Value::Bool(self.find(of)?.value().is_some() == *wanted).into()
            }
            Expr::Keep(function, arguments) => {
                let positional = self.values(&arguments.positional)?;
                let mut named = Vec::new();
                for (name, value) in &arguments.named {
                    named.push((&**name, self.value(value)?));
                }
                let call = Call { positional, named, facts: self.scope.facts };
                let value = function
                    .call(&call)
                    .map_err(|why| Fault(format!("keep.{}: {why}", function.name())))?;
                bounded(value)?.into()
            }
            Expr::Builtin(builtin, arguments) => {
                self.builtin(*builtin, &self.values(&arguments.positional)?)?.into()
            }
            Expr::Method(of, name, arguments) => {
                let of = match self.find(of)? {
                    Found::Value(value) => value,
                    missing @ Found::Missing(_) => return Ok(missing),
                };
                match method(&of, name, &self.flat(arguments)?) {
                    Some(result) => bounded(result.map_err(Fault)?)?.into(),
                    None => return Err(Fault(format!("there is no method {name} here"))),
                }
            }
            Expr::List(items) => Value::Array(self.values(items)?).into(),
            Expr::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(shown(&self.value(key)?), self.value(value)?);
                }
                Value::Object(map).into()
            }
        })
    }

    fn deciding(&self, terms: &[Expr], decisive: bool) -> Result<Found<'s>, Fault> {
        let mut last = Found::from(Value::Null);
        for term in terms {
            last = self.find(term)?;
            if last.value().is_some_and(truthy) == decisive {
                break;
            }
        }
        Ok(last)
    }

    fn values(&self, exprs: &[Expr]) -> Result<Vec<Value>, Fault> {
        exprs.iter().map(|expr| self.value(expr)).collect()
    }

    fn flat(&self, arguments: &Arguments) -> Result<Vec<Value>, Fault> {
        arguments.all().map(|expr| self.value(expr)).collect()
    }

    fn member(&self, of: Found<'s>, key: &str) -> Found<'s> {
        match of {
            Found::Missing(path) => Found::Missing(format!("{path}.{key}")),
            Found::Value(Cow::Borrowed(value)) => match child(value, key) {
                Some(value) => Found::Value(Cow::Borrowed(value)),
                None => Found::Missing(key.to_owned()),
            },
            Found::Value(Cow::Owned(value)) => match child(&value, key) {
                Some(value) => value.clone().into(),
                None => Found::Missing(key.to_owned()),
            },
        }
    }

    fn slice(&self, of: &Expr, from: Option<&Expr>, to: Option<&Expr>) -> Result<Found<'s>, Fault> {
        let of = match self.find(of)? {
            Found::Value(value) => value,
            missing @ Found::Missing(_) => return Ok(missing),
        };
        let end = |expr: Option<&Expr>, otherwise: usize, length: usize| -> Result<usize, Fault> {
            let Some(expr) = expr else { return Ok(otherwise) };
            let at = integer(&self.value(expr)?)
                .ok_or_else(|| Fault("a slice needs numbers".to_owned()))?;
            let length = i64::try_from(length).unwrap_or(i64::MAX);
            let at = if at < 0 { at + length } else { at };
            Ok(usize::try_from(at.clamp(0, length)).unwrap_or_default())
        };
        Ok(match &*of {
            Value::Array(items) => {
                let (a, b) = (end(from, 0, items.len())?, end(to, items.len(), items.len())?);
                Value::Array(items.get(a..b).unwrap_or_default().to_vec()).into()
            }
            Value::String(text) => {
                let length = text.chars().count();
                let (a, b) = (end(from, 0, length)?, end(to, length, length)?);
                Value::String(text.chars().skip(a).take(b.saturating_sub(a)).collect()).into()
            }
            _ => return Err(Fault("only texts and lists have slices".to_owned())),
        })
    }

    fn compare(&self, first: &Expr, rest: &[(Comparison, Expr)]) -> Result<bool, Fault> {
        let mut left = self.find(first)?.or_null();
        for (sign, right) in rest {
            let right = self.find(right)?.or_null();
            if !compare(*sign, &left, &right) {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn builtin(&self, builtin: Builtin, arguments: &[Value]) -> Result<Value, Fault> {
        let one = arguments.first().unwrap_or(&Value::Null);
        let wanted = |what: &str| Fault(format!("{} is no {what}", python_text(one)));
        Ok(match builtin {
            Builtin::Int => match integer(one) {
                Some(n) => n.into(),
                None => of_number(number(one).ok_or_else(|| wanted("number"))?.trunc()),
            },
            Builtin::Float => number(one).map(of_number).ok_or_else(|| wanted("number"))?,
            Builtin::Abs => {
                number(one).map(|n| of_number(n.abs())).ok_or_else(|| wanted("number"))?
            }
            Builtin::Round => {
                let digits = arguments.get(1).and_then(integer).unwrap_or(0).clamp(0, 12);
                let scale = 10f64.powi(i32::try_from(digits).unwrap_or(0));
                let n = number(one).ok_or_else(|| wanted("number"))?;
                of_number((n * scale).round() / scale)
            }
            Builtin::Str => Value::String(python_text(one)),
            Builtin::Bool => Value::Bool(truthy(one)),
            Builtin::Len => crate::functions::length(one).into(),
            Builtin::Min | Builtin::Max => {
                let items = match one {
                    Value::Array(items) if arguments.len() == 1 => items.as_slice(),
                    _ => arguments,
                };
                let mut best = items.first().cloned().unwrap_or(Value::Null);
                for item in items {
                    let better = order(item, &best).is_some_and(|o| {
                        if builtin == Builtin::Min { o.is_lt() } else { o.is_gt() }
                    });
                    if better {
                        best = item.clone();
                    }
                }
                best
            }
        })
    }
}

pub(crate) fn compare(sign: Comparison, left: &Value, right: &Value) -> bool {
    let ordered = |holds: fn(std::cmp::Ordering) -> bool| order(left, right).is_some_and(holds);
    match sign {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        Comparison::Less => ordered(std::cmp::Ordering::is_lt),
        Comparison::LessEqual => ordered(std::cmp::Ordering::is_le),
        Comparison::Greater => ordered(std::cmp::Ordering::is_gt),
        Comparison::GreaterEqual => ordered(std::cmp::Ordering::is_ge),
        Comparison::In => contains(right, left),
        Comparison::NotIn => !contains(right, left),
    }
}

fn bounded(value: Value) -> Result<Value, Fault> {
    match &value {
        Value::String(text) if text.len() > MAX_TEXT => {
            Err(Fault(format!("the text is longer than {MAX_TEXT} bytes")))
        }
        _ => Ok(value),
    }
}

fn arithmetic(sign: Arithmetic, a: &Value, b: &Value) -> Result<Value, Fault> {
    if sign == Arithmetic::Concat {
        return bounded(Value::String(shown(a) + &shown(b)));
    }
    if sign == Arithmetic::Add {
        match (a, b) {
            (Value::Array(a), Value::Array(b)) => {
                return Ok(a.iter().chain(b).cloned().collect());
            }
            (Value::String(a), Value::String(b)) => {
                return bounded(Value::String(format!("{a}{b}")));
            }
            _ => {}
        }
    }
    if let (Some(x), Some(y)) = (integer(a), integer(b)) {
        let whole = match sign {
            Arithmetic::Add => x.checked_add(y),
            Arithmetic::Subtract => x.checked_sub(y),
            Arithmetic::Multiply => x.checked_mul(y),
            Arithmetic::Floor if y > 0 => x.checked_div_euclid(y),
            Arithmetic::Remainder if y > 0 => x.checked_rem_euclid(y),
            Arithmetic::Power => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
            _ => None,
        };
        if let Some(whole) = whole {
            return Ok(whole.into());
        }
    }
    let (Some(x), Some(y)) = (number(a), number(b)) else {
        let text = |v: &Value| if v.is_null() { "nothing".to_owned() } else { python_text(v) };
        return Err(Fault(format!("{} and {} are not both numbers", text(a), text(b))));
    };
    let result = match sign {
        Arithmetic::Add => x + y,
        Arithmetic::Subtract => x - y,
        Arithmetic::Multiply => x * y,
        Arithmetic::Divide => x / y,
        Arithmetic::Floor => (x / y).floor(),
        Arithmetic::Remainder => x - y * (x / y).floor(),
        Arithmetic::Power => x.powf(y),
        Arithmetic::Concat => return Ok(Value::Null),
    };
    if result.is_finite() {
        Ok(of_number(result))
    } else {
        Err(Fault("the result is no number".to_owned()))
    }
}
