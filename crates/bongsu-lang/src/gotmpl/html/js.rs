//! Values inside scripts.

use crate::go_json;
use crate::gotmpl::gofmt;
use crate::gotmpl::value::{IntType, TextKind, Value};

use super::context::Slash;
use super::escapers::Typed;

/// Words after which a `/` starts a regular expression.
const PRECEDERS: &[&str] = &[
    "break",
    "case",
    "continue",
    "delete",
    "do",
    "else",
    "finally",
    "in",
    "instanceof",
    "return",
    "throw",
    "try",
    "typeof",
    "void",
];

/// What a `/` after `text` means, judged by the last token.
pub(super) fn slash_after(text: &[u8], before: Slash) -> Slash {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_end_matches(['\t', '\n', '\u{c}', '\r', ' ', '\u{2028}', '\u{2029}']);
    let Some(last) = text.chars().next_back() else { return before };
    match last {
        // `++` and `--` end a value, a lone sign does not; three are a pair and a sign.
        '+' | '-' => {
            let run = text.chars().rev().take_while(|c| *c == last).count();
            if run % 2 == 1 { Slash::Regexp } else { Slash::Division }
        }
        '.' => {
            let number = text[..text.len() - 1].ends_with(|c: char| c.is_ascii_digit());
            if number { Slash::Division } else { Slash::Regexp }
        }
        ',' | '<' | '>' | '=' | '*' | '%' | '&' | '|' | '^' | '?' | '!' | '~' | '(' | '[' | ':'
        | ';' | '{' | '}' => Slash::Regexp,
        _ => {
            let start = text
                .rfind(|c| !is_name(c))
                .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
            if PRECEDERS.contains(&&text[start..]) { Slash::Regexp } else { Slash::Division }
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

/// A value as a script expression: JSON, kept apart from neighbouring words.
pub(super) fn value(values: &[Value]) -> String {
    let shown = match values {
        [Value::Text(TextKind::Js, text)] => return text.as_ref().to_owned(),
        [Value::Text(TextKind::JsStr, text)] => return format!("\"{text}\""),
        // Types with a `String` method are shown by it, times have a JSON form of their own.
        [
            Value::Duration(_) | Value::Zone(_) | Value::Int(_, IntType::Month | IntType::Weekday),
        ] => Value::from(gofmt::display(&values[0])),
        [Value::Object(object)] => match object.text() {
            Some(text) => Value::from(text),
            None => values[0].clone(),
        },
        [one] => one.clone(),
        many => Value::from(gofmt::sprint(many)),
    };
    let json = shown.to_json().and_then(|j| go_json::to_string(&j).map_err(|e| e.to_string()));
    match json {
        Err(error) => {
            let error =
                error.replace("*/", "* /").replace("</", "\\x3C/").replace("<!--", "\\x3C!--");
            format!(" /* {error} */null ")
        }
        Ok(json) => {
            let pad = json.starts_with(is_name) || json.ends_with(is_name);
            if pad { format!(" {json} ") } else { json }
        }
    }
}

/// The body of a quoted string.
pub(super) fn string(value: &Typed) -> String {
    let keeps_escapes = value.kind == Some(TextKind::JsStr);
    escape(&value.text, |c| match c {
        '\\' if keeps_escapes => None,
        '"' | '`' | '&' | '\'' | '+' | '<' | '>' => Some(format!("\\u{:04x}", c as u32)),
        '/' => Some("\\/".to_owned()),
        '\\' => Some("\\\\".to_owned()),
        _ => control(c),
    })
}

/// Text of a template literal.
pub(super) fn template(value: &Typed) -> String {
    let keeps_escapes = value.kind == Some(TextKind::JsStr);
    escape(&value.text, |c| match c {
        '\\' if keeps_escapes => None,
        '"' | '`' | '&' | '\'' | '+' | '<' | '>' | '$' | '{' | '}' => {
            Some(format!("\\u{:04x}", c as u32))
        }
        '/' => Some("\\/".to_owned()),
        '\\' => Some("\\\\".to_owned()),
        _ => control(c),
    })
}

/// Text inside a regular expression literal; nothing becomes an empty group.
pub(super) fn regexp(value: &Typed) -> String {
    let text = escape(&value.text, |c| match c {
        '"' | '&' | '\'' | '+' | '<' | '>' | '`' => Some(format!("\\u{:04x}", c as u32)),
        '$' | '(' | ')' | '*' | '-' | '.' | '/' | '?' | '[' | '\\' | ']' | '^' | '{' | '|'
        | '}' => Some(format!("\\{c}")),
        _ => control(c),
    });
    if text.is_empty() { "(?:)".to_owned() } else { text }
}

fn control(c: char) -> Option<String> {
    Some(match c {
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '\0'..=' ' if c < ' ' => format!("\\u{:04x}", c as u32),
        '\u{2028}' | '\u{2029}' => format!("\\u{:04x}", c as u32),
        _ => return None,
    })
}

fn escape(text: &str, replacement: impl Fn(char) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match replacement(c) {
            Some(escaped) => out.push_str(&escaped),
            None => out.push(c),
        }
    }
    out
}
