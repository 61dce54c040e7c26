//! Number literals and what they can be read as.

use std::sync::Arc;

use super::ast::Number;
use super::unquote::unquote;

/// Reads a number or character constant.
pub(super) fn number(text: &str) -> Option<Number> {
    let mut number =
        Number { text: Arc::from(text), int: None, float: None, complex: None, unsigned: false };
    if text.starts_with('\'') {
        let value = unquote(text)?;
        let mut characters = value.chars();
        let rune = characters.next().filter(|_| characters.next().is_none())?;
        number.set_int(i64::from(rune as u32));
        return Some(number);
    }
    if let Some(body) = text.strip_suffix('i') {
        number.set_complex(body)?;
        return Some(number);
    }
    if let Some((negative, magnitude)) = integer(text) {
        let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        number.float = Some(value as f64);
        number.complex = Some((value as f64, 0.0));
        match i64::try_from(value) {
            Ok(value) => number.int = Some(value),
            Err(_) if !negative => number.unsigned = true,
            Err(_) => {}
        }
        return Some(number);
    }
    let value = float(text)?;
    // Digits without point or exponent that are too long for an integer are refused.
    if !text.contains(['.', 'e', 'E', 'p', 'P']) {
        return None;
    }
    number.float = Some(value);
    number.complex = Some((value, 0.0));
    if value.fract() == 0.0 && value.abs() < 9.3e18 {
        number.int = Some(value as i64).filter(|i| *i as f64 == value);
    }
    Some(number)
}

impl Number {
    fn set_int(&mut self, value: i64) {
        self.int = Some(value);
        self.float = Some(value as f64);
        self.complex = Some((value as f64, 0.0));
    }

    /// `2i`, `1+2i`; a zero imaginary part makes it a plain number too.
    fn set_complex(&mut self, body: &str) -> Option<()> {
        let split = body
            .char_indices()
            .skip(1)
            .filter(|(at, c)| {
                matches!(c, '+' | '-') && !body[..*at].ends_with(['e', 'E', 'p', 'P'])
            })
            .map(|(at, _)| at)
            .next();
        let (real, imaginary) = match split {
            Some(at) => (any(&body[..at])?, any(&body[at..])?),
            None => (0.0, any(body)?),
        };
        self.complex = Some((real, imaginary));
        if imaginary == 0.0 {
            self.float = Some(real);
            self.int = (real.fract() == 0.0).then_some(real as i64);
        }
        Some(())
    }
}

fn any(text: &str) -> Option<f64> {
    match integer(text) {
        Some((negative, magnitude)) => {
            let value = magnitude as f64;
            Some(if negative { -value } else { value })
        }
        None => float(text),
    }
}

/// Sign and magnitude of an integer literal: decimal, `0x`, `0o`, `0`, `0b`, with underscores.
fn integer(text: &str) -> Option<(bool, u64)> {
    let (negative, digits) = sign(text);
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    // An underscore may follow the prefix and stand between digits.
    let prefixed = lower.len() > body.len();
    let clean = plain_digits(body, prefixed)?;
    u64::from_str_radix(&clean, radix).ok().map(|magnitude| (negative, magnitude))
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn plain_digits(text: &str, leading: bool) -> Option<String> {
    let bad = text.is_empty()
        || text.ends_with('_')
        || text.contains("__")
        || (text.starts_with('_') && !leading);
    (!bad).then(|| text.replace('_', ""))
}

fn float(text: &str) -> Option<f64> {
    let (negative, body) = sign(text);
    let lower = body.to_ascii_lowercase();
    let value = match lower.strip_prefix("0x") {
        Some(hex) => hex_float(hex)?,
        None => {
            let misplaced = lower
                .split(['.', 'e', '+', '-'])
                .any(|part| part.starts_with('_') || part.ends_with('_') || part.contains("__"));
            if misplaced || !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                return None;
            }
            lower.replace('_', "").parse().ok()?
        }
    };
    value.is_finite().then_some(if negative { -value } else { value })
}

/// `1.8p3`: a hexadecimal mantissa and a binary exponent, which is required.
fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for c in whole.chars().chain(fraction.chars()).filter(|c| *c != '_') {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    let shift = exponent.checked_sub(4 * i32::try_from(fraction.replace('_', "").len()).ok()?)?;
    Some(value * 2f64.powi(shift))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn readings() {
        for (text, int, float) in [
            ("0", Some(0), Some(0.0)),
            ("-3", Some(-3), Some(-3.0)),
            ("1_000", Some(1000), Some(1000.0)),
            ("0x1F", Some(31), Some(31.0)),
            ("0b11", Some(3), Some(3.0)),
            ("0o17", Some(15), Some(15.0)),
            ("017", Some(15), Some(15.0)),
            ("28800e9", Some(28_800_000_000_000), Some(2.88e13)),
            ("1.5", None, Some(1.5)),
            (".5", None, Some(0.5)),
            ("0x1p4", Some(16), Some(16.0)),
            ("1e100", None, Some(1e100)),
            ("9223372036854775807", Some(i64::MAX), Some(9.223_372_036_854_776e18)),
            ("18446744073709551615", None, Some(1.844_674_407_370_955_2e19)),
            ("'a'", Some(97), Some(97.0)),
            ("'\\n'", Some(10), Some(10.0)),
            ("2i", None, None),
            ("1+0i", Some(1), Some(1.0)),
        ] {
            let n = number(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((n.int, n.float), (int, float), "{text}");
        }
        assert_eq!(number("1+2i").unwrap().complex, Some((1.0, 2.0)));
        for text in ["1__0", "1_", "0x", "08", "99999999999999999999", "''", "'ab'", "1e", "+"] {
            assert!(number(text).is_none(), "{text}");
        }
    }
}
