//! Go's builtin template functions.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{compare, escape};
use crate::gotmpl::function::{Parameter, Signature};
use crate::gotmpl::gofmt;
use crate::gotmpl::html;
use crate::gotmpl::limits::Limits;
use crate::gotmpl::value::{IntType, List, Object, Shape, TextKind, Value};

type Body = fn(&[Value], &Limits) -> Result<Value, String>;

pub(super) enum Builtin {
    And,
    Or,
    Plain(Signature, Body),
}

const ANY: Signature = Signature::variadic(&[Parameter::Any]);
const RAW: Signature = Signature::fixed(&[Parameter::Raw]);
const TWO: Signature = Signature::fixed(&[Parameter::Raw, Parameter::Raw]);
const MORE: Signature = Signature::variadic(&[Parameter::Raw, Parameter::Raw]);

/// Whether Go has a builtin of this name.
pub(crate) fn is_builtin(name: &str) -> bool {
    !name.starts_with('_') && find(name).is_some()
}

pub(super) fn find(name: &str) -> Option<Builtin> {
    let (signature, body): (Signature, Body) = match name {
        "and" => return Some(Builtin::And),
        "or" => return Some(Builtin::Or),
        "not" => (RAW, |v, _| Ok(Value::Bool(!v[0].is_true()))),
        "len" => (RAW, |v, _| length(&v[0])),
        "index" => (MORE, |v, _| index(v)),
        "slice" => (MORE, |v, _| slice(v)),
        "call" => (MORE, |v, _| call(&v[0])),
        "print" => (ANY, |v, _| Ok(Value::from(gofmt::sprint(v)))),
        "println" => (ANY, |v, _| Ok(Value::from(gofmt::sprintln(v)))),
        "printf" => (Signature::variadic(&[Parameter::Str, Parameter::Any]), printf),
        "html" => (ANY, |v, _| Ok(Value::from(escape::html(&escape::joined(v))))),
        "js" => (ANY, |v, _| Ok(Value::from(escape::js(&escape::joined(v))))),
        "urlquery" => (ANY, |v, _| Ok(Value::from(escape::url_query(&escape::joined(v))))),
        "eq" => (MORE, |v, _| compare::eq(v).map(Value::Bool)),
        "ne" => (TWO, |v, _| compare::eq(v).map(|equal| Value::Bool(!equal))),
        "lt" => (TWO, |v, _| ordered(v, |o| o == Ordering::Less)),
        "le" => (TWO, |v, _| ordered(v, |o| o != Ordering::Greater)),
        "gt" => (TWO, |v, _| ordered(v, |o| o == Ordering::Greater)),
        "ge" => (TWO, |v, _| ordered(v, |o| o != Ordering::Less)),
        _ => return html::escaper(name).map(|body| Builtin::Plain(ANY, body)),
    };
    Some(Builtin::Plain(signature, body))
}

fn ordered(values: &[Value], wanted: fn(Ordering) -> bool) -> Result<Value, String> {
    Ok(Value::Bool(compare::order(&values[0], &values[1])?.is_some_and(wanted)))
}

fn printf(values: &[Value], limits: &Limits) -> Result<Value, String> {
    let format = values[0].as_str().unwrap_or("");
    gofmt::sprintf(format, &values[1..], limits.output)
        .map(Value::from)
        .ok_or_else(|| format!("text is longer than {} bytes", limits.output))
}

fn call(value: &Value) -> Result<Value, String> {
    if value.is_nothing() {
        return Err("call of nil".to_owned());
    }
    let shown = match value.as_str() {
        Some(text) => format!("{text:?}"),
        None => gofmt::display(value),
    };
    Err(format!("non-function {shown} of type {}", value.type_name()))
}

fn length(value: &Value) -> Result<Value, String> {
    let count = match value {
        Value::Str(text) | Value::Text(_, text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Map(map) => map.entries().len(),
        Value::Object(object) if matches!(object.shape(), Shape::List | Shape::Map) => object.len(),
        Value::Absent | Value::Nil => return Err("len of nil pointer".to_owned()),
        other => return Err(format!("len of type {}", other.type_name().trim_start_matches('*'))),
    };
    Ok(Value::int(count as i64))
}

fn index(values: &[Value]) -> Result<Value, String> {
    let mut item = values[0].clone();
    if item.is_nothing() {
        return Err("index of untyped nil".to_owned());
    }
    for key in &values[1..] {
        item = element(&item, key)?;
    }
    Ok(item)
}

fn element(item: &Value, key: &Value) -> Result<Value, String> {
    let missing = || "reflect: slice index out of range".to_owned();
    match item {
        Value::Str(text) | Value::Text(_, text) => {
            let at = position(key, text.len())?;
            let byte = text.as_bytes().get(at).ok_or("reflect: string index out of range")?;
            Ok(Value::Int(i64::from(*byte), IntType::Uint8))
        }
        Value::List(list) => {
            list.items().get(position(key, list.items().len())?).cloned().ok_or_else(missing)
        }
        Value::Map(map) => Ok(map.entries().get(key_text(key)?).cloned().unwrap_or(Value::Nil)),
        Value::Object(object) => object_element(object.as_ref(), item, key),
        Value::Absent | Value::Nil => Err("index of nil pointer".to_owned()),
        other => Err(format!("can't index item of type {}", other.type_name())),
    }
}

fn object_element(object: &dyn Object, item: &Value, key: &Value) -> Result<Value, String> {
    match object.shape() {
        Shape::List => object
            .item(position(key, object.len())?)
            .ok_or_else(|| "reflect: slice index out of range".to_owned()),
        Shape::Map => Ok(object.entry(key_text(key)?).unwrap_or_else(|| object.zero())),
        _ => Err(format!("can't index item of type {}", item.type_name().trim_start_matches('*'))),
    }
}

fn key_text(key: &Value) -> Result<&str, String> {
    match key {
        Value::Str(text) | Value::Text(TextKind::Template, text) => Ok(text),
        Value::Absent | Value::Nil => Err("value is nil; should be of type string".to_owned()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

/// An index into `most` elements; `most` itself is let through, as in Go.
fn position(key: &Value, most: usize) -> Result<usize, String> {
    match key {
        Value::Int(n, _) | Value::Duration(n) => usize::try_from(*n)
            .ok()
            .filter(|at| *at <= most)
            .ok_or_else(|| format!("index out of range: {n}")),
        Value::Absent | Value::Nil => Err("cannot index slice/array with nil".to_owned()),
        other => Err(format!("cannot index slice/array with type {}", other.type_name())),
    }
}

fn slice(values: &[Value]) -> Result<Value, String> {
    let (item, bounds) = (&values[0], &values[1..]);
    if item.is_nothing() {
        return Err("slice of untyped nil".to_owned());
    }
    if bounds.len() > 3 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    let length = match item {
        Value::Str(text) | Value::Text(_, text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Object(object) if object.shape() == Shape::List => object.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    if item.as_str().is_some() && bounds.len() == 3 {
        return Err("cannot 3-index slice a string".to_owned());
    }
    let mut marks = [0, length, length];
    for (mark, bound) in marks.iter_mut().zip(bounds) {
        *mark = position(bound, length)?;
    }
    let [from, to, most] = marks;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > most {
        return Err(format!("invalid slice index: {to} > {most}"));
    }
    Ok(match item {
        Value::List(list) => {
            Value::List(Arc::new(List::new(list.type_name(), list.items()[from..to].to_vec())))
        }
        Value::Object(object) => object.slice(from, to).unwrap_or_else(|| {
            let strings = object.element_type() == "string";
            let type_name = if strings { "[]string" } else { object.type_name() };
            Value::List(Arc::new(List::new(
                type_name,
                (from..to).filter_map(|i| object.item(i)).collect(),
            )))
        }),
        _ => {
            // A cut inside a character leaves replacement characters, text is Unicode here.
            let bytes = &item.as_str().unwrap_or("").as_bytes()[from..to];
            Value::from(String::from_utf8_lossy(bytes).into_owned())
        }
    })
}
