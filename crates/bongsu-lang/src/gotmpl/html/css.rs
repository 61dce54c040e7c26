//! Values inside style sheets.

use crate::gotmpl::value::TextKind;

use super::escapers::{FAILSAFE, Typed};

/// Whether `text` ends with the keyword and not with a longer name.
pub(super) fn ends_with_keyword(text: &[u8], keyword: &[u8]) -> bool {
    let Some(start) = text.len().checked_sub(keyword.len()) else { return false };
    if !text[start..].eq_ignore_ascii_case(keyword) {
        return false;
    }
    let before = String::from_utf8_lossy(&text[..start]);
    before.chars().next_back().is_none_or(|c| !is_name(c))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '-' | '_' | '\u{80}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{c}' | '\r' | ' ')
}

/// Resolves backslash escapes.
pub(super) fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        if digits == 0 {
            // A backslash before any other character only quotes it; a line end disappears.
            if let Some(c) = rest.chars().next() {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
            continue;
        }
        let code = u32::from_str_radix(&rest[..digits], 16).unwrap_or(0);
        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        rest = &rest[digits..];
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(is_space)).unwrap_or(rest);
    }
    out.push_str(rest);
    out
}

/// For quoted strings in styles: hexadecimal escapes, separated from what would read on.
pub(super) fn escape(value: &Typed) -> String {
    let text = &value.text;
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\0' | '\t' | '\n' | '\u{c}' | '\r' | '"' | '&' | '\'' | '(' | ')' | '+' | '/'
            | ':' | ';' | '<' | '>' | '{' | '}' => {
                out.push_str(&format!("\\{:x}", c as u32));
                if characters.peek().is_none_or(|n| n.is_ascii_hexdigit() || is_space(*n)) {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// For property values: harmless keywords and quantities pass, anything else is replaced.
pub(super) fn filter_value(value: &Typed) -> String {
    if value.kind == Some(TextKind::Css) {
        return value.text.clone();
    }
    let text = decode(&value.text);
    let mut letters = String::new();
    let mut before = '\0';
    for c in text.chars() {
        match c {
            '\0' | '"' | '\'' | '(' | ')' | '/' | ';' | '@' | '[' | '\\' | ']' | '`' | '{'
            | '}' | '<' | '>' => return FAILSAFE.to_owned(),
            '-' if before == '-' => return FAILSAFE.to_owned(),
            c if c.is_ascii() && is_name(c) && c != '-' => letters.push(c.to_ascii_lowercase()),
            _ => {}
        }
        before = c;
    }
    if letters.contains("expression") || letters.contains("mozbinding") {
        return FAILSAFE.to_owned();
    }
    text
}
