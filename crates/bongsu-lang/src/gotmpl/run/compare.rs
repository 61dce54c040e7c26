//! `eq ne lt le gt ge` with Go's rules on types.

use std::cmp::Ordering;

use crate::gotmpl::gofmt;
use crate::gotmpl::value::{IntType, Shape, Value};

/// What Go compares as one family.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Complex,
    Float,
    Int,
    Text,
    Unsigned,
    Other,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) => Kind::Bool,
        Value::Complex(..) => Kind::Complex,
        Value::Float(_) => Kind::Float,
        Value::Int(_, IntType::Uint8) => Kind::Unsigned,
        Value::Int(..) | Value::Duration(_) => Kind::Int,
        Value::Str(_) | Value::Text(..) => Kind::Text,
        _ => Kind::Other,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n, _) | Value::Duration(n) => Some(*n),
        _ => None,
    }
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

/// Whether the first equals any of the others.
pub(super) fn eq(values: &[Value]) -> Result<bool, String> {
    let Some((first, others)) = values.split_first().filter(|(_, others)| !others.is_empty())
    else {
        return Err("missing argument for comparison".to_owned());
    };
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Ok(a == b);
    }
    if kind(a) != kind(b) {
        if a.is_nothing() || b.is_nothing() {
            return Ok(false);
        }
        return Err(incompatible(a, b));
    }
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Complex(a, i), Value::Complex(b, j)) => a == b && i == j,
        (Value::Time(a), Value::Time(b)) => a.at == b.at && a.zone.name() == b.zone.name(),
        (Value::Zone(a), Value::Zone(b)) => a.name() == b.name(),
        _ => match (a.as_str(), b.as_str()) {
            (Some(a), Some(b)) => a == b,
            _ => return uncommon(a, b),
        },
    })
}

/// Values without a basic kind: equal if both are nil, else Go must be able to compare them.
fn uncommon(a: &Value, b: &Value) -> Result<bool, String> {
    let is_nil = |value: &Value| match value {
        Value::Absent | Value::Nil => true,
        Value::Object(object) => object.is_nil(),
        _ => false,
    };
    if is_nil(a) || is_nil(b) {
        return Ok(is_nil(a) == is_nil(b));
    }
    match (a, b) {
        (Value::Object(x), Value::Object(y))
            if x.shape() == Shape::Pointer && y.shape() == Shape::Pointer =>
        {
            Ok(std::ptr::addr_eq(std::sync::Arc::as_ptr(x), std::sync::Arc::as_ptr(y)))
        }
        (Value::Object(x), Value::Object(y))
            if x.shape() == Shape::Struct
                && y.shape() == Shape::Struct
                && x.type_name() == y.type_name() =>
        {
            let (left, right) = (x.fields(), y.fields());
            for (left, right) in left.iter().zip(&right) {
                if !equal(&left.value, &right.value)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ if a.type_name() != b.type_name() => Err(format!(
            "non-comparable types {}: {}, {}: {}",
            gofmt::display(a),
            a.type_name(),
            b.type_name(),
            gofmt::display(b)
        )),
        _ => Err(format!("non-comparable type {}: {}", gofmt::display(b), b.type_name())),
    }
}

/// `a < b`, equal or greater; only numbers and strings have an order.
pub(super) fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    let ordered = |k: Kind| k != Kind::Other;
    if !ordered(kind(a)) || !ordered(kind(b)) {
        return Err("invalid type for comparison".to_owned());
    }
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Ok(Some(a.cmp(&b)));
    }
    if kind(a) != kind(b) {
        return Err(incompatible(a, b));
    }
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b)),
        _ => match (a.as_str(), b.as_str()) {
            (Some(a), Some(b)) => Ok(Some(a.cmp(b))),
            _ => Err("invalid type for comparison".to_owned()),
        },
    }
}
