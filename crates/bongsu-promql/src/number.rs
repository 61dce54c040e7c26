//! Floats as Go prints and reads them.

use std::fmt;

/// `%g`: the fewest digits that tell the float apart, with an exponent outside of 10⁻⁴ to 10⁶.
pub(crate) struct Shortest(pub(crate) f64);

impl fmt::Display for Shortest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if !value.is_finite() {
            return f.write_str(&go_plain(value));
        }
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if (-4..6).contains(&exponent) || value == 0.0 {
            return write!(f, "{value}");
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(f, "{digits}e{sign}{:02}", exponent.unsigned_abs())
    }
}

/// `strconv.FormatFloat(value, 'f', -1, 64)`.
pub(crate) fn go_plain(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    format!("{value}")
}

/// A float as `strconv.ParseFloat` reads the value of an `le` label.
pub(crate) fn parse_go(text: &str) -> Option<f64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let lower = digits.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" => return (text.len() == 3).then_some(f64::NAN),
        _ => {}
    }
    // Rust takes what Go takes here, but also a sign after the one that was cut off.
    if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    digits.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| sign * value)
}

#[cfg(test)]
mod tests {
    use super::{Shortest, go_plain, parse_go};

    #[test]
    fn prints_as_go_does() {
        let cases = [
            (0.0, "0", "0"),
            (-0.5, "-0.5", "-0.5"),
            (123_456.0, "123456", "123456"),
            (1e6, "1000000", "1e+06"),
            (1_234_567.5, "1234567.5", "1.2345675e+06"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "0.00001", "1e-05"),
            (1e100, &format!("1{}", "0".repeat(100)), "1e+100"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
            (f64::NAN, "NaN", "NaN"),
        ];
        for (value, plain, shortest) in cases {
            assert_eq!(go_plain(value), plain);
            assert_eq!(Shortest(value).to_string(), shortest);
        }
    }

    #[test]
    fn reads_as_go_does() {
        for (text, value) in [("+Inf", f64::INFINITY), (".2", 0.2), ("1e0", 1.0), ("-.25", -0.25)] {
            assert_eq!(parse_go(text), Some(value));
        }
        for text in ["", "a", "+-1", "1x", "--1"] {
            assert_eq!(parse_go(text), None, "{text}");
        }
    }
}
