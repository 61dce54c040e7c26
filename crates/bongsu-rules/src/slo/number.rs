//! Floats as Go prints them.

/// Go's `%g` with the fewest digits that read back: `0.9990000000000001`, `14.4`, `1e-05`.
pub(crate) fn go_float(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let scientific = format!("{value:e}");
    let exponent = scientific.split_once('e').and_then(|(digits, exponent)| {
        let exponent: i32 = exponent.parse().ok()?;
        Some((digits.to_owned(), exponent))
    });
    match exponent {
        Some((digits, exponent)) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::go_float;

    #[test]
    fn prints_as_go() {
        for (value, text) in [
            (99.9 / 100.0, "0.9990000000000001"),
            ((100.0 - 99.9) / 100.0, "0.0009999999999999432"),
            ((100.0 - 99.999) / 100.0, "1.0000000000047748e-05"),
            (2.0 * 672.0 / 100.0 / 1.0, "13.44"),
            (10.0 * 672.0 / 100.0 / 72.0, "0.9333333333333333"),
            (6.0, "6"),
            (999950.0, "999950"),
            (1234567.891, "1.234567891e+06"),
            (0.0001, "0.0001"),
            (0.0, "0"),
        ] {
            assert_eq!(go_float(value), text);
        }
    }
}
