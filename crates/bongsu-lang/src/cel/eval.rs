//! Running an expression over an alert.
//!
//! In: an expression, an alert. Out: a value, or that it took too many steps. What has no answer
//! (a missing field, a text where a number is wanted) is null, never an error.

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::ast::{Arithmetic, Comparison, Const, Each, EachKind, Expr, Function};
use super::value::{Str, Val, compare_ranks, instant, order, rank, same, span};
use super::{MAX_STEPS, Stopped};

/// Bytes of text looked at or made that cost a step.
const TEXT_STEP: usize = 64;

/// One run.
pub(super) struct Run<'a> {
    alert: &'a Value,
    locals: Vec<Val<'a>>,
    left: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(alert: &'a Value) -> Self {
        Self { alert, locals: Vec::new(), left: MAX_STEPS }
    }

    fn spend(&mut self, steps: usize) -> Result<(), Stopped> {
        self.left = self.left.checked_sub(steps as u64).ok_or(Stopped)?;
        Ok(())
    }

    fn spend_text(&mut self, bytes: usize) -> Result<(), Stopped> {
        self.spend(bytes / TEXT_STEP)
    }

    /// The expression as a condition; `None` is null.
    pub(super) fn condition(&mut self, expr: &'a Expr) -> Result<Option<bool>, Stopped> {
        let truth = self.value(expr)?.truth();
        Ok(if expr.is_place() { Some(truth == Some(true)) } else { truth })
    }

    /// The value of an expression.
    pub(super) fn value(&mut self, expr: &'a Expr) -> Result<Val<'a>, Stopped> {
        self.spend(1)?;
        Ok(match expr {
            Expr::Const(constant) => constant_value(constant),
            Expr::Path(keys) => {
                let mut at = Val::from(self.alert);
                for key in keys {
                    at = at.get(key).unwrap_or(Val::Null);
                }
                at
            }
            Expr::Local(slot, _) => self.locals.get(*slot).cloned().unwrap_or(Val::Null),
            Expr::Member(of, key) => self.value(of)?.get(key).unwrap_or(Val::Null),
            Expr::Index(of, index) => {
                let of = self.value(of)?;
                match self.value(index)? {
                    Val::Int(n) => usize::try_from(n).map_or(Val::Null, |n| of.at(n)),
                    Val::Text(key) => of.get(&key).unwrap_or(Val::Null),
                    _ => Val::Null,
                }
            }
            Expr::Has(of, key) => Val::Bool(self.value(of)?.get(key).is_some()),
            Expr::Not(of) => known(self.condition(of)?.map(|b| !b)),
            Expr::Negate(of) => match self.value(of)? {
                Val::Int(n) => n.checked_neg().map_or(Val::Null, Val::Int),
                Val::Float(n) => Val::Float(-n),
                Val::Span(s) => s.checked_neg().map_or(Val::Null, Val::Span),
                _ => Val::Null,
            },
            Expr::All(terms) => known(self.fold(terms, false)?),
            Expr::Any(terms) => known(self.fold(terms, true)?),
            Expr::Compare(op, left, right) => known(self.compare(*op, left, right)?),
            Expr::In(item, list) => known(self.within(item, list)?),
            Expr::Arithmetic(op, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.arithmetic(*op, left, right)?
            }
            Expr::Choose(parts) => match self.condition(&parts[0])? {
                Some(true) => self.value(&parts[1])?,
                Some(false) => self.value(&parts[2])?,
                None => Val::Null,
            },
            Expr::Call(function, arguments) => self.call(*function, arguments)?,
            Expr::Matches(of, pattern) => {
                let of = self.value(of)?;
                known(self.texts(&of, |text| pattern.is_match(text))?)
            }
            Expr::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|i| self.value(i)).collect();
                Val::List(items?.into())
            }
            Expr::Map(entries) => {
                let mut map: Vec<(Str<'a>, Val<'a>)> = Vec::new();
                for (key, value) in entries {
                    let (key, value) = (self.value(key)?, self.value(value)?);
                    let Some(key) = self.text(&key)? else { return Ok(Val::Null) };
                    map.push((key, value));
                }
                Val::Record(map.into())
            }
            Expr::Each(each) => self.each(each)?,
        })
    }

    /// `&&` and `||`: the first term that is `decisive` decides, else a null does.
    fn fold(&mut self, terms: &'a [Expr], decisive: bool) -> Result<Option<bool>, Stopped> {
        let mut result = Some(!decisive);
        for term in terms {
            match self.condition(term)? {
                Some(b) if b == decisive => return Ok(Some(decisive)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn compare(
        &mut self,
        op: Comparison,
        left: &'a Expr,
        right: &'a Expr,
    ) -> Result<Option<bool>, Stopped> {
        let equality = matches!(op, Comparison::Equal | Comparison::NotEqual);
        let severity = left.is_severity() || right.is_severity();
        let null_test = left.is_null() || right.is_null();
        let (left, right) = (self.value(left)?, self.value(right)?);
        if null_test && equality {
            let both = matches!((&left, &right), (Val::Null, Val::Null));
            return Ok(Some(both == (op == Comparison::Equal)));
        }
        if severity {
            let (Some(left), Some(right)) = (rank(&left), rank(&right)) else { return Ok(None) };
            return Ok(Some(compare_ranks(op, left, right)));
        }
        if equality {
            let equal = self.equal(&left, &right)?;
            return Ok(equal.map(|equal| equal == (op == Comparison::Equal)));
        }
        self.spend_both(&left, &right)?;
        Ok(order(&left, &right).map(|order| op.holds(order)))
    }

    /// What comparing two single values costs.
    fn spend_both(&mut self, left: &Val<'a>, right: &Val<'a>) -> Result<(), Stopped> {
        match (left, right) {
            (Val::Text(a), Val::Text(b)) => self.spend_text(a.len().min(b.len())),
            _ => Ok(()),
        }
    }

    fn same(&mut self, left: &Val<'a>, right: &Val<'a>) -> Result<Option<bool>, Stopped> {
        self.spend(1)?;
        self.spend_both(left, right)?;
        Ok(same(left, right))
    }

    /// Equality; a list and what is none by containment.
    fn equal(&mut self, left: &Val<'a>, right: &Val<'a>) -> Result<Option<bool>, Stopped> {
        match (left, right) {
            (Val::Null, _) | (_, Val::Null) => Ok(None),
            (a, b) if a.is_list() && b.is_list() => {
                if a.len() != b.len() {
                    return Ok(Some(false));
                }
                for at in 0..a.len() {
                    if !self.identical(&a.at(at), &b.at(at))? {
                        return Ok(Some(false));
                    }
                }
                Ok(Some(true))
            }
            (list, one) | (one, list) if list.is_list() => self.contains(list, one).map(Some),
            (a, b) if a.is_map() || b.is_map() => self.identical(a, b).map(Some),
            (a, b) => self.same(a, b),
        }
    }

    /// Whether an element equals a single value.
    fn contains(&mut self, list: &Val<'a>, one: &Val<'a>) -> Result<bool, Stopped> {
        for at in 0..list.len() {
            if self.same(&list.at(at), one)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Equality of what is inside lists and maps: nulls are equal, a list is no element of itself.
    fn identical(&mut self, left: &Val<'a>, right: &Val<'a>) -> Result<bool, Stopped> {
        self.spend(1)?;
        match (left, right) {
            (Val::Null, Val::Null) => Ok(true),
            (a, b) if a.is_list() && b.is_list() => Ok(self.equal(a, b)? == Some(true)),
            (a, b) if a.is_map() && b.is_map() => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for at in 0..a.len() {
                    self.spend(1)?;
                    let Val::Text(key) = a.nth(at) else { return Ok(false) };
                    let (Some(a), Some(b)) = (a.get(&key), b.get(&key)) else { return Ok(false) };
                    if !self.identical(&a, &b)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (a, b) => Ok(self.same(a, b)? == Some(true)),
        }
    }

    /// `in`: one of a list, or a key of a map.
    fn within(&mut self, item: &'a Expr, list: &'a Expr) -> Result<Option<bool>, Stopped> {
        // Of a list written out every element is compared as if written with `==`, so that null
        // and severities mean the same in both.
        if let Expr::List(alternatives) = list {
            let mut result = Some(false);
            for alternative in alternatives {
                match self.compare(Comparison::Equal, item, alternative)? {
                    Some(true) => return Ok(Some(true)),
                    Some(false) => {}
                    None => result = None,
                }
            }
            return Ok(result);
        }
        let severity = item.is_severity();
        let (item, list) = (self.value(item)?, self.value(list)?);
        if matches!(item, Val::Null) {
            return Ok(None);
        }
        if list.is_map() {
            let Some(key) = self.text(&item)? else { return Ok(Some(false)) };
            return Ok(Some(list.get(&key).is_some()));
        }
        if !list.is_list() {
            return Ok(None);
        }
        for at in 0..list.len() {
            self.spend(1)?;
            let element = list.at(at);
            let found = if severity {
                let ranks = rank(&item).zip(rank(&element));
                ranks.is_some_and(|(a, b)| compare_ranks(Comparison::Equal, a, b))
            } else {
                self.identical(&item, &element)?
            };
            if found {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }

    /// Asks a text, an integer as it is written, or whether any text of a list says yes; the rest
    /// has no answer.
    fn texts(
        &mut self,
        of: &Val<'a>,
        test: impl Fn(&str) -> bool,
    ) -> Result<Option<bool>, Stopped> {
        match of {
            Val::Text(text) => {
                self.spend_text(text.len())?;
                Ok(Some(test(text)))
            }
            Val::Int(n) => Ok(Some(test(&n.to_string()))),
            list if list.is_list() => {
                for at in 0..list.len() {
                    self.spend(1)?;
                    if let Val::Text(text) = list.at(at) {
                        self.spend_text(text.len())?;
                        if test(&text) {
                            return Ok(Some(true));
                        }
                    }
                }
                Ok(Some(false))
            }
            _ => Ok(None),
        }
    }

    /// A single value as text.
    fn text(&mut self, value: &Val<'a>) -> Result<Option<Str<'a>>, Stopped> {
        Ok(match value {
            Val::Text(text) => {
                self.spend_text(text.len())?;
                Some(text.clone())
            }
            Val::Bool(b) => Some(b.to_string().into()),
            Val::Int(n) => Some(n.to_string().into()),
            Val::Float(n) => Some(n.to_string().into()),
            Val::Time(at) => Some(at.to_string().into()),
            Val::Span(span) => Some(span.to_string().into()),
            _ => None,
        })
    }

    fn call(&mut self, function: Function, arguments: &'a [Expr]) -> Result<Val<'a>, Stopped> {
        let Some(first) = arguments.first() else { return Ok(Val::Null) };
        let of = self.value(first)?;
        if let Function::Contains | Function::StartsWith | Function::EndsWith = function {
            let Some(second) = arguments.get(1) else { return Ok(Val::Null) };
            let part = self.value(second)?;
            if function == Function::Contains && of.is_list() {
                return Ok(match part {
                    Val::Null => Val::Null,
                    part => Val::Bool(self.contains(&of, &part)?),
                });
            }
            let part = match &part {
                Val::Text(_) | Val::Int(_) => self.text(&part)?,
                _ => None,
            };
            let Some(part) = part else { return Ok(Val::Null) };
            return Ok(known(self.texts(&of, |text| match function {
                Function::StartsWith => text.starts_with(&*part),
                Function::EndsWith => text.ends_with(&*part),
                _ => text.contains(&*part),
            })?));
        }
        Ok(match function {
            Function::Size => match &of {
                Val::Text(text) => {
                    self.spend_text(text.len())?;
                    count(text.chars().count())
                }
                of if of.is_list() || of.is_map() => count(of.len()),
                _ => Val::Null,
            },
            Function::Lower | Function::Upper => match of {
                Val::Text(text) => {
                    self.spend_text(text.len())?;
                    let lower = function == Function::Lower;
                    let text =
                        if lower { text.to_ascii_lowercase() } else { text.to_ascii_uppercase() };
                    Val::Text(text.into())
                }
                _ => Val::Null,
            },
            Function::Int => match of {
                Val::Int(n) => Val::Int(n),
                Val::Float(n) => whole(n),
                Val::Bool(b) => Val::Int(b.into()),
                Val::Text(text) => text.trim().parse().map_or(Val::Null, Val::Int),
                Val::Time(at) => Val::Int(at.as_second()),
                _ => Val::Null,
            },
            Function::Double => match of {
                Val::Int(n) => Val::Float(n as f64),
                Val::Float(n) => Val::Float(n),
                Val::Text(text) => text.trim().parse().map_or(Val::Null, Val::Float),
                _ => Val::Null,
            },
            Function::Text => self.text(&of)?.map_or(Val::Null, Val::Text),
            Function::Bool => match of {
                Val::Bool(b) => Val::Bool(b),
                Val::Text(text) if text.eq_ignore_ascii_case("true") => Val::Bool(true),
                Val::Text(text) if text.eq_ignore_ascii_case("false") => Val::Bool(false),
                _ => Val::Null,
            },
            Function::Timestamp => match of {
                Val::Time(at) => Val::Time(at),
                Val::Text(text) => instant(&text).map_or(Val::Null, Val::Time),
                Val::Int(n) => Timestamp::from_second(n).map_or(Val::Null, Val::Time),
                _ => Val::Null,
            },
            Function::Duration => match of {
                Val::Span(s) => Val::Span(s),
                Val::Text(text) => span(&text).map_or(Val::Null, Val::Span),
                _ => Val::Null,
            },
            Function::Contains | Function::StartsWith | Function::EndsWith => Val::Null,
        })
    }

    fn arithmetic(
        &mut self,
        op: Arithmetic,
        left: Val<'a>,
        right: Val<'a>,
    ) -> Result<Val<'a>, Stopped> {
        use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
        Ok(match (op, left, right) {
            (_, Val::Int(a), Val::Int(b)) => match op {
                Add => a.checked_add(b),
                Subtract => a.checked_sub(b),
                Multiply => a.checked_mul(b),
                Divide => a.checked_div(b),
                Remainder => a.checked_rem(b),
            }
            .map_or(Val::Null, Val::Int),
            (Add, Val::Text(a), Val::Text(b)) => {
                self.spend_text(a.len() + b.len())?;
                Val::Text(format!("{}{}", &*a, &*b).into())
            }
            (Add, a, b) if a.is_list() && b.is_list() => {
                self.spend(a.len() + b.len())?;
                let items = (0..a.len()).map(|at| a.at(at)).chain((0..b.len()).map(|at| b.at(at)));
                Val::List(items.collect())
            }
            (Add, Val::Time(a), Val::Span(b)) | (Add, Val::Span(b), Val::Time(a)) => {
                a.checked_add(b).map_or(Val::Null, Val::Time)
            }
            (Subtract, Val::Time(a), Val::Span(b)) => a.checked_sub(b).map_or(Val::Null, Val::Time),
            (Subtract, Val::Time(a), Val::Time(b)) => Val::Span(a.duration_since(b)),
            (Add, Val::Span(a), Val::Span(b)) => spanned(a.checked_add(b)),
            (Subtract, Val::Span(a), Val::Span(b)) => spanned(a.checked_sub(b)),
            (_, a, b) => match (float(&a), float(&b)) {
                (Some(a), Some(b)) => {
                    let result = match op {
                        Add => a + b,
                        Subtract => a - b,
                        Multiply => a * b,
                        Divide => a / b,
                        Remainder => a % b,
                    };
                    if result.is_finite() { Val::Float(result) } else { Val::Null }
                }
                _ => Val::Null,
            },
        })
    }

    fn each(&mut self, each: &'a Each) -> Result<Val<'a>, Stopped> {
        let range = self.value(&each.range)?;
        if !range.is_list() && !range.is_map() {
            return Ok(Val::Null);
        }
        let keys: Vec<Val<'a>> = match &range {
            // Keys are taken once: the nth of a map is found by counting.
            Val::Object(map) => map.keys().map(|key| Val::Text(Str::Given(key))).collect(),
            range => (0..range.len()).map(|at| range.nth(at)).collect(),
        };
        self.spend(keys.len())?;
        let (mut unknown, mut found, mut made) = (false, 0_u64, Vec::new());
        for item in keys {
            self.spend(1)?;
            self.locals.push(item);
            let turn = self.turn(each);
            let item = self.locals.pop().unwrap_or(Val::Null);
            let (holds, result) = turn?;
            match (each.kind, holds) {
                (EachKind::All, Some(false)) => return Ok(Val::Bool(false)),
                (EachKind::Exists, Some(true)) => return Ok(Val::Bool(true)),
                (EachKind::Filter, Some(true)) => made.push(item),
                (EachKind::Map, Some(true)) => made.push(result),
                (_, Some(holds)) => found += u64::from(holds),
                (_, None) => unknown = true,
            }
        }
        Ok(match each.kind {
            EachKind::Filter | EachKind::Map => Val::List(Rc::from(made)),
            _ if unknown => Val::Null,
            EachKind::All => Val::Bool(true),
            EachKind::Exists => Val::Bool(false),
            EachKind::ExistsOne => Val::Bool(found == 1),
        })
    }

    /// Condition and result for one element.
    fn turn(&mut self, each: &'a Each) -> Result<(Option<bool>, Val<'a>), Stopped> {
        let holds = match &each.condition {
            Some(condition) => self.condition(condition)?,
            None => Some(true),
        };
        let result = match &each.result {
            Some(result) if holds == Some(true) => self.value(result)?,
            _ => Val::Null,
        };
        Ok((holds, result))
    }
}

fn constant_value(constant: &Const) -> Val<'_> {
    match constant {
        Const::Null => Val::Null,
        Const::Bool(b) => Val::Bool(*b),
        Const::Int(n) => Val::Int(*n),
        Const::Float(n) => Val::Float(*n),
        Const::Text(s) => Val::Text(Str::Given(s)),
    }
}

fn known<'a>(answer: Option<bool>) -> Val<'a> {
    answer.map_or(Val::Null, Val::Bool)
}

fn spanned<'a>(span: Option<SignedDuration>) -> Val<'a> {
    span.map_or(Val::Null, Val::Span)
}

fn count<'a>(n: usize) -> Val<'a> {
    i64::try_from(n).map_or(Val::Null, Val::Int)
}

fn whole<'a>(n: f64) -> Val<'a> {
    // Beyond 2^62 floats are whole and further apart than anyone counts.
    if n.abs() < 4.6e18 { Val::Int(n as i64) } else { Val::Null }
}

fn float(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Int(n) => Some(*n as f64),
        Val::Float(n) => Some(*n),
        _ => None,
    }
}
