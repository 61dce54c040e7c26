//! What an unquoted scalar means, by yaml.v2's rules: YAML 1.1 booleans and integers, no base-60
//! numbers, timestamps kept as text.

use base64::Engine as _;
use std::borrow::Cow;

/// A resolved scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `~`, `null`, nothing.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites.
    Bool(bool),
    /// An integer that fits 64 bits with sign.
    Int(i64),
    /// A larger positive integer.
    Uint(u64),
    /// A float, `.inf`, `.nan`, or an integer too large for 64 bits.
    Float(f64),
    /// Anything else.
    Text(Cow<'a, str>),
}

/// Resolves an untagged, unquoted scalar.
pub fn resolve_plain(text: &str) -> Scalar<'_> {
    keyword(text).or_else(|| number(text)).unwrap_or(Scalar::Text(Cow::Borrowed(text)))
}

pub(super) fn resolve<'a>(tag: Option<&str>, text: &'a str, plain: bool) -> Scalar<'a> {
    let as_text = || Scalar::Text(Cow::Borrowed(text));
    match tag {
        None if plain => resolve_plain(text),
        Some("!!float") => match resolve_plain(text) {
            Scalar::Int(n) => Scalar::Float(n as f64),
            Scalar::Uint(n) => Scalar::Float(n as f64),
            float @ Scalar::Float(_) => float,
            _ => as_text(),
        },
        Some("!!int" | "!!bool" | "!!null") => resolve_plain(text),
        Some("!!binary") => {
            let stripped: String = text.split_whitespace().collect();
            base64::engine::general_purpose::STANDARD
                .decode(stripped)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .map_or_else(as_text, |text| Scalar::Text(Cow::Owned(text)))
        }
        _ => as_text(),
    }
}

fn keyword(text: &str) -> Option<Scalar<'static>> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn number(text: &str) -> Option<Scalar<'static>> {
    match text.as_bytes().first()? {
        b'.' => float(text).map(Scalar::Float),
        b'0'..=b'9' | b'+' | b'-' => {
            let digits = text.replace('_', "");
            integer(&digits).or_else(|| float(&digits).map(Scalar::Float))
        }
        _ => None,
    }
}

/// Go's base prefixes; a leading zero alone means octal, so `08` is not an integer.
fn integer(text: &str) -> Option<Scalar<'static>> {
    let (sign, body) = match text.strip_prefix(['+', '-']) {
        Some(body) => (&text[..1], body),
        None => ("", text),
    };
    let lower = body.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &body[2..]),
        Some("0b") => (2, &body[2..]),
        Some("0o") => (8, &body[2..]),
        Some(_) if body.starts_with('0') => (8, &body[1..]),
        _ => (10, body),
    };
    // The standard parsers accept a second sign here.
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let signed = if sign == "-" { format!("-{digits}") } else { digits.to_owned() };
    match i64::from_str_radix(&signed, radix) {
        Ok(n) => Some(Scalar::Int(n)),
        Err(_) if sign.is_empty() => u64::from_str_radix(digits, radix).ok().map(Scalar::Uint),
        Err(_) => None,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` that fits a double.
fn float(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && all_digits(e)
    });
    let any_digit = !whole.is_empty() || !fraction.is_empty();
    if !(any_digit && all_digits(whole) && all_digits(fraction) && exponent_fits) {
        return None;
    }
    text.parse().ok().filter(|f: &f64| f.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_like_yaml_v2() {
        let text = |s| Scalar::Text(Cow::Borrowed(s));
        for (input, expected) in [
            ("yes", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("y", Scalar::Bool(true)),
            ("yEs", text("yEs")),
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("012", Scalar::Int(10)),
            ("0o17", Scalar::Int(15)),
            ("08", Scalar::Float(8.0)),
            ("0b11", Scalar::Int(3)),
            ("-0b11", Scalar::Int(-3)),
            ("0xFF", Scalar::Int(255)),
            ("1_000", Scalar::Int(1000)),
            ("+7", Scalar::Int(7)),
            ("9223372036854775808", Scalar::Uint(9_223_372_036_854_775_808)),
            ("-9223372036854775809", Scalar::Float(-9_223_372_036_854_775_809.0)),
            ("1e3", Scalar::Float(1000.0)),
            (".5", Scalar::Float(0.5)),
            ("5.", Scalar::Float(5.0)),
            ("1.2.3", text("1.2.3")),
            ("1:30", text("1:30")),
            ("-", text("-")),
            ("+-1", text("+-1")),
            ("0x", text("0x")),
            (".", text(".")),
            ("1e", text("1e")),
            ("2024-03-05", text("2024-03-05")),
            ("inf", text("inf")),
            ("<<", text("<<")),
        ] {
            assert_eq!(resolve_plain(input), expected, "{input}");
        }
        assert_eq!(resolve(Some("!!str"), "yes", true), text("yes"));
        assert_eq!(resolve(Some("!!float"), "3", true), Scalar::Float(3.0));
        assert_eq!(resolve(None, "yes", false), text("yes"));
    }
}
