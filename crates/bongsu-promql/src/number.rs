//! Floats as Go prints and reads them.

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
    use super::{go_plain, parse_go};

    #[test]
    fn prints_as_go_does() {
        let cases = [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (1_234_567.5, "1234567.5"),
            (0.00001, "0.00001"),
            (1e100, &format!("1{}", "0".repeat(100))),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, plain) in cases {
            assert_eq!(go_plain(value), plain);
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
