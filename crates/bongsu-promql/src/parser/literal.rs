//! Values of numbers, lengths and strings.

use super::Parser;
use crate::ast::Span;
use crate::length::parse_duration;
use crate::lexer::{Kind, Token, quoted};

/// What is said of a string that is not UTF-8; the string follows.
pub(super) const NOT_UTF8: &str = "invalid UTF-8 in string: ";

impl Parser<'_> {
    /// The value of a number or a duration, in seconds, and whether it is one.
    pub(super) fn number(&mut self, token: Token) -> (f64, bool) {
        let word = token.text(self.text);
        if token.kind == Kind::Duration {
            return match parse_duration(word) {
                Ok(milliseconds) => (milliseconds as f64 / 1000.0, true),
                Err(message) => {
                    self.report(token.span, message);
                    // Not zero, which a range refuses: one mistake is told once.
                    (1.0, true)
                }
            };
        }
        match number(word) {
            Some(value) if value.is_infinite() && !is_infinity(word) => {
                self.bad_number(token.span, word, "value out of range");
            }
            Some(value) => return (value, false),
            None => self.bad_number(token.span, word, "invalid syntax"),
        }
        (0.0, false)
    }

    fn bad_number(&mut self, span: Span, word: &str, why: &str) {
        let word = quoted(word);
        let message = format!("error parsing number: strconv.ParseFloat: parsing {word}: {why}");
        self.report(span, message);
    }

    /// The value of a string, escapes resolved.
    pub(super) fn string(&mut self, token: Token) -> String {
        let word = token.text(self.text);
        match unquote(word) {
            Ok(text) => text,
            Err(bytes) => {
                let shown = bytes.escape_ascii();
                let message = format!("{NOT_UTF8}\"{shown}\"");
                self.report(token.span, message);
                String::new()
            }
        }
    }
}

fn is_infinity(word: &str) -> bool {
    word.eq_ignore_ascii_case("inf")
}

/// A number as Go reads it: decimal, hexadecimal, octal with a leading zero, digits grouped by `_`.
fn number(word: &str) -> Option<f64> {
    if is_infinity(word) {
        return Some(f64::INFINITY);
    }
    if word.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let hexadecimal = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let digits = hexadecimal.map_or_else(|| ungrouped(word, false), |hex| ungrouped(hex, true))?;
    if hexadecimal.is_some() {
        return i64::from_str_radix(&digits, 16).ok().map(|value| value as f64);
    }
    if digits.len() > 1
        && digits.starts_with('0')
        && let Ok(value) = i64::from_str_radix(&digits, 8)
    {
        return Some(value as f64);
    }
    digits.parse().ok()
}

/// `word` without its `_`, each of which must stand between digits or behind the prefix `0x`.
fn ungrouped(word: &str, prefixed: bool) -> Option<String> {
    let mut before = prefixed;
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        if c != '_' {
            before = c.is_ascii_hexdigit();
            out.push(c);
        } else if !std::mem::take(&mut before) {
            return None;
        }
    }
    (!word.ends_with('_')).then_some(out)
}

/// The content of a quoted string the lexer accepted; its bytes if they are not UTF-8.
fn unquote(word: &str) -> Result<String, Vec<u8>> {
    let mut chars = word.chars();
    let quote = chars.next();
    chars.next_back();
    let inner = chars.as_str();
    if quote == Some('`') || !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let mut push = |c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        if c != '\\' {
            push(c);
            continue;
        }
        let code = |chars: &mut std::str::Chars<'_>, digits: usize, base: u32, first: u32| {
            let digits = chars.by_ref().take(digits).filter_map(|c| c.to_digit(base));
            digits.fold(first, |value, digit| value.wrapping_mul(base).wrapping_add(digit))
        };
        match chars.next() {
            Some('a') => push('\u{7}'),
            Some('b') => push('\u{8}'),
            Some('f') => push('\u{c}'),
            Some('n') => push('\n'),
            Some('r') => push('\r'),
            Some('t') => push('\t'),
            Some('v') => push('\u{b}'),
            // These two write bytes, not characters.
            Some('x') => out.push(code(&mut chars, 2, 16, 0) as u8),
            Some(first @ '0'..='7') => {
                out.push(code(&mut chars, 2, 8, first.to_digit(8).unwrap_or_default()) as u8);
            }
            Some('u') => push(char::from_u32(code(&mut chars, 4, 16, 0)).unwrap_or('\u{fffd}')),
            Some('U') => push(char::from_u32(code(&mut chars, 8, 16, 0)).unwrap_or('\u{fffd}')),
            Some(other) => push(other),
            None => {}
        }
    }
    String::from_utf8(out).map_err(std::string::FromUtf8Error::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::{number, unquote};

    #[test]
    fn numbers_read_as_go_reads_them() {
        let cases = [
            ("5", Some(5.0)),
            ("0x3d", Some(61.0)),
            ("0X_1f", Some(31.0)),
            ("0755", Some(493.0)),
            ("089", Some(89.0)),
            ("1_000", Some(1000.0)),
            ("1_000.5e-1", Some(100.05)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e400", Some(f64::INFINITY)),
            ("9223372036854775808", Some(9_223_372_036_854_775_808.0)),
            ("iNf", Some(f64::INFINITY)),
            ("1__0", None),
            ("_1", None),
        ];
        for (word, want) in cases {
            assert_eq!(number(word), want, "{word}");
        }
        assert!(number("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn strings_lose_their_escapes() {
        let cases = [
            (r#""a\tb\"c'""#, Ok("a\tb\"c'".to_owned())),
            (r#"'\'\x41\101\u00e9\U0001F600'"#, Ok("'AAé😀".to_owned())),
            (r"`a\n`", Ok(r"a\n".to_owned())),
            (r#""\xc3\xa9""#, Ok("é".to_owned())),
            (r#""a\xc5z""#, Err(b"a\xc5z".to_vec())),
        ];
        for (word, want) in cases {
            assert_eq!(unquote(word), want, "{word}");
        }
    }
}
