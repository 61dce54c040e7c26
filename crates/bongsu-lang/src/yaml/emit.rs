//! Values back to text, in the block style yaml.v2 prints: lists not indented under their key.

use std::fmt::Write as _;

use super::scalar::{Scalar, resolve_plain};
use super::value::Value;

/// Prints a value as one document with a final line break. Reading it back gives the same value.
pub fn emit(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Map(pairs) if !pairs.is_empty() => map(pairs, 0, &mut out),
        Value::List(items) if !items.is_empty() => list(items, 0, &mut out),
        scalar => {
            inline(scalar, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn map(pairs: &[(Value, Value)], depth: usize, out: &mut String) {
    for (i, (key, value)) in pairs.iter().enumerate() {
        if i > 0 {
            indent(depth, out);
        }
        match key {
            Value::List(_) | Value::Map(_) => flow(key, out),
            _ => scalar(key, out),
        }
        out.push(':');
        nested(value, depth, false, out);
    }
}

fn list(items: &[Value], depth: usize, out: &mut String) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            indent(depth, out);
        }
        out.push('-');
        nested(item, depth, true, out);
    }
}

/// What follows `key:` or `-`.
fn nested(value: &Value, depth: usize, in_list: bool, out: &mut String) {
    match value {
        Value::Map(pairs) if !pairs.is_empty() => {
            if in_list {
                out.push(' ');
            } else {
                out.push('\n');
                indent(depth + 1, out);
            }
            map(pairs, depth + 1, out);
        }
        Value::List(items) if !items.is_empty() => {
            if in_list {
                out.push(' ');
                list(items, depth + 1, out);
            } else {
                out.push('\n');
                indent(depth, out);
                list(items, depth, out);
            }
        }
        Value::Null if !in_list => out.push_str(" null\n"),
        scalar => {
            out.push(' ');
            inline(scalar, depth + 1, out);
            out.push('\n');
        }
    }
}

/// A scalar or an empty collection; long text with line breaks becomes a block.
fn inline(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Text(text) if fits_block(text) => block(text, depth, out),
        Value::List(_) | Value::Map(_) => flow(value, out),
        other => scalar(other, out),
    }
}

fn flow(value: &Value, out: &mut String) {
    match value {
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                flow(item, out);
            }
            out.push(']');
        }
        Value::Map(pairs) => {
            out.push('{');
            for (i, (key, item)) in pairs.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                flow(key, out);
                out.push_str(": ");
                flow(item, out);
            }
            out.push('}');
        }
        other => scalar(other, out),
    }
}

fn scalar(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::List(_) | Value::Map(_) => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Uint(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Float(f) if f.is_nan() => out.push_str(".nan"),
        Value::Float(f) if f.is_infinite() => out.push_str(if *f > 0.0 { ".inf" } else { "-.inf" }),
        Value::Float(f) => {
            // `{:?}` always shows a fraction or an exponent, so it reads back as a float.
            let _ = write!(out, "{f:?}");
        }
        Value::Text(text) => quoted(text, out),
    }
}

fn quoted(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else if text.chars().all(is_printable) {
        let resolves = !matches!(resolve_plain(text), Scalar::Text(_));
        if resolves {
            // As yaml.v2 does for text that would read as something else.
            let _ = write!(out, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        } else {
            let _ = write!(out, "'{}'", text.replace('\'', "''"));
        }
    } else {
        double_quoted(text, out);
    }
}

fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}' | '\u{85}')
}

fn is_plain(text: &str) -> bool {
    let first_allows = |c: char| {
        !c.is_whitespace()
            && !matches!(
                c,
                '-' | '?'
                    | ':'
                    | ','
                    | '['
                    | ']'
                    | '{'
                    | '}'
                    | '#'
                    | '&'
                    | '*'
                    | '!'
                    | '|'
                    | '>'
                    | '\''
                    | '"'
                    | '%'
                    | '@'
                    | '`'
                    | '='
            )
    };
    text.chars().next().is_some_and(first_allows)
        && text.chars().all(is_printable)
        && !text.contains([',', '[', ']', '{', '}'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' ', '\u{a0}'])
        && !text.starts_with("...")
        && text != "<<"
        && matches!(resolve_plain(text), Scalar::Text(_))
        && !looks_like_a_time(text)
}

/// Date-like text is left to no reader's taste.
fn looks_like_a_time(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.contains([':', '-'])
}

fn double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c if (c as u32) <= 0xff => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c if (c as u32) <= 0xffff => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => {
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
        }
    }
    out.push('"');
}

/// Several lines that a `|` block gives back exactly.
fn fits_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && text.chars().all(|c| c == '\n' || is_printable(c))
        && !text.ends_with("\n\n")
        // A line of spaces only is legal but fragile.
        && text.lines().all(|line| line.is_empty() || !line.trim().is_empty())
        && text.trim_end_matches('\n').contains(|c: char| c != '\n')
}

fn block(text: &str, depth: usize, out: &mut String) {
    out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.lines() {
        out.push('\n');
        if !line.is_empty() {
            indent(depth.max(1), out);
            out.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::yaml::{Limits, parse_value};

    #[test]
    fn prints_as_people_write() {
        let text = "a: 1\nb:\n- x\n- k: v\n  l: []\n- - 1\n  - \"2\"\nc: '{{ x }}'\nd: \"yes\"\n\
                    e: |-\n  one\n  two\nf: {}\ng: ''\n\"n\": null\n";
        let value = parse_value(text, &Limits::default()).unwrap();
        assert_eq!(emit(&value), text.replace("''", "\"\""));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[ -~]{0,12}",
            "\\PC{0,8}",
            "([a-z: #'\"\\-]{0,6}\n){0,3}[a-z ]{0,3}",
            any::<String>(),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (i64::MAX as u64 + 1..).prop_map(Value::Uint),
            any::<f64>()
                .prop_filter("NaN is not equal to itself", |f| !f.is_nan())
                .prop_map(Value::Float),
            text.prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map("\\PC{0,6}", inner, 0..4).prop_map(|map| {
                    Value::Map(map.into_iter().map(|(k, v)| (Value::Text(k), v)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_back_what_it_prints(value in any_value()) {
            let text = emit(&value);
            let again = parse_value(&text, &Limits::default());
            prop_assert_eq!(again, Ok(value), "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}|([-?:,\\[\\]{}#&*!|>'\"%@` a\n]){0,40}") {
            let _ = parse_value(&text, &Limits::default());
        }
    }
}
