//! The escaping builtins `html`, `js`, `urlquery` and what they share.

use bongsu_model::go_quote;

use crate::gotmpl::gofmt;
use crate::gotmpl::value::Value;

/// The text a builtin escapes: a lone string as it is, anything else as `print` shows it.
pub(super) fn joined(values: &[Value]) -> String {
    match values {
        [Value::Str(text) | Value::Text(_, text)] => text.as_ref().to_owned(),
        many => {
            let shown = |value: &Value| match value {
                nothing if nothing.is_nothing() => Value::from("<no value>"),
                Value::Object(_) => Value::from(gofmt::printed(value)),
                other => other.clone(),
            };
            gofmt::sprint(&many.iter().map(shown).collect::<Vec<_>>())
        }
    }
}

/// `text/template`'s `HTMLEscapeString`.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// `text/template`'s `JSEscapeString`.
pub(super) fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..' ' => {
                out.push_str(&format!("\\u{:04X}", c as u32));
            }
            c if c.is_ascii() || is_printable(c) => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", c as u32)),
        }
    }
    out
}

fn is_printable(c: char) -> bool {
    // Go's quoting leaves exactly the printable characters alone.
    let mut quoted = String::new();
    let _ = go_quote(c.encode_utf8(&mut [0; 4]), &mut quoted);
    quoted.len() == c.len_utf8() + 2
}

/// `url.QueryEscape`.
pub(in crate::gotmpl) fn url_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char);
            }
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
