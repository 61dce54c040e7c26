//! What values mean in conditions and texts.
//!
//! In: JSON. Out: truth, equality, order, text. The rules are those of the conditions on alerts
//! (`docs/cel.md`) as far as both have them: a text that is entirely a number compares with numbers,
//! nothing has no order, and "0" and "false" are not true.

use std::cmp::Ordering;

use bongsu_lang::jinja::python_text;
use serde_json::Value;

/// Whether a value counts as true: not null, false, 0 or empty, and no text that says one of these.
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => {
            let text = text.trim();
            let nothing = ["", "0", "false", "none", "null", "[]", "{}"];
            !nothing.iter().any(|word| text.eq_ignore_ascii_case(word))
        }
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// As part of a text: what is empty is empty, other values as Python writes them.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        other => python_text(other),
    }
}

/// A number, or a text that is one.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

/// A whole number, or a text that is one.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| {
            let float = n.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15)?;
            Some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some((*flag).into()),
        _ => None,
    }
}

/// A float as a whole number where it is one.
pub(crate) fn of_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Value::from(number as i64);
    }
    serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// Equality across the types a value may have been written in: `70` and `'70'`, `true` and
/// `'True'`, nothing and `''`.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, other) | (other, Value::Null) => match other {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            _ => false,
        },
        (Value::Number(_), Value::Number(_) | Value::String(_))
        | (Value::String(_), Value::Number(_)) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
        (Value::Bool(flag), Value::String(text)) | (Value::String(text), Value::Bool(flag)) => {
            text.trim().eq_ignore_ascii_case(if *flag { "true" } else { "false" })
        }
        (Value::Bool(flag), Value::Number(n)) | (Value::Number(n), Value::Bool(flag)) => {
            n.as_f64() == Some(f64::from(u8::from(*flag)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Order of numbers, of texts, of texts that are numbers; none between other things.
pub(crate) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a.partial_cmp(&b);
    }
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Array(a), Value::Array(b)) => {
            for (a, b) in a.iter().zip(b) {
                match order(a, b)? {
                    Ordering::Equal => {}
                    unequal => return Some(unequal),
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        _ => None,
    }
}

/// Whether one is in the other: part of a text, element of a list, key of a map.
pub(crate) fn contains(of: &Value, one: &Value) -> bool {
    match of {
        Value::String(text) => text.contains(&shown(one)),
        Value::Array(items) => items.iter().any(|item| equal(item, one)),
        Value::Object(map) => map.contains_key(&shown(one)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn rules() {
        for (value, want) in [
            (json!(null), false),
            (json!("False"), false),
            (json!("0"), false),
            (json!("abc"), true),
            (json!([]), false),
            (json!([0]), true),
            (json!(0.0), false),
        ] {
            assert_eq!(super::truthy(&value), want, "{value}");
        }
        for (a, b, want) in [
            (json!(70), json!("70"), true),
            (json!("70"), json!("70.0"), false),
            (json!(70), json!(70.0), true),
            (json!(true), json!("True"), true),
            (json!(null), json!(""), true),
            (json!(null), json!(0), false),
            (json!("x"), json!(["x"]), false),
        ] {
            assert_eq!(super::equal(&a, &b), want, "{a} {b}");
            assert_eq!(super::equal(&b, &a), want, "{b} {a}");
        }
        assert!(super::order(&json!("100"), &json!(90)).unwrap().is_gt());
        assert_eq!(super::order(&json!("x"), &json!(90)), None);
        assert!(super::contains(&json!("payments"), &json!("pay")));
    }
}
