//! Go's duration text and rounding.

/// `1h2m3.5s`, `1.5ms`, `0s`: Go's `Duration.String`.
pub(crate) fn text(nanoseconds: i64) -> String {
    let size = nanoseconds.unsigned_abs();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    if size < 1_000_000_000 {
        let (unit, digits) = match size {
            0 => return "0s".to_owned(),
            1..1_000 => ("ns", 0),
            1_000..1_000_000 => ("µs", 3),
            _ => ("ms", 6),
        };
        return format!("{sign}{}{unit}", decimal(size, digits));
    }
    let seconds = size / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(size % 60_000_000_000, 9);
    if hours > 0 {
        format!("{sign}{hours}h{minutes}m{rest}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m{rest}s")
    } else {
        format!("{sign}{rest}s")
    }
}

/// `value / 10^digits` without trailing zeros.
fn decimal(value: u64, digits: u32) -> String {
    let scale = 10_u64.pow(digits);
    let fraction = value % scale;
    if fraction == 0 {
        return (value / scale).to_string();
    }
    let text = format!("{fraction:0width$}", width = digits as usize);
    format!("{}.{}", value / scale, text.trim_end_matches('0'))
}

/// Toward zero to a multiple of `unit`; unchanged if `unit` is not positive.
pub(crate) fn truncate_duration(value: i64, unit: i64) -> i64 {
    if unit <= 0 { value } else { value - value % unit }
}

/// To the nearest multiple of `unit`, halves away from zero, saturating.
pub(crate) fn round_duration(value: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return value;
    }
    let (value, unit) = (i128::from(value), i128::from(unit));
    let rest = value.abs() % unit;
    let rounded = if rest * 2 < unit { value.abs() - rest } else { value.abs() - rest + unit };
    let signed = if value < 0 { -rounded } else { rounded };
    i64::try_from(signed).unwrap_or(if signed > 0 { i64::MAX } else { i64::MIN })
}

#[cfg(test)]
mod tests {
    use super::{round_duration, text, truncate_duration};

    #[test]
    fn prints_as_go() {
        for (nanoseconds, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (1_800_000_000_000, "30m0s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(text(nanoseconds), want);
        }
    }

    #[test]
    fn rounds_half_away_from_zero() {
        assert_eq!(round_duration(15, 10), 20);
        assert_eq!(round_duration(-15, 10), -20);
        assert_eq!(round_duration(14, 10), 10);
        assert_eq!(round_duration(14, 0), 14);
        assert_eq!(round_duration(i64::MAX, 1 << 40), i64::MAX);
        assert_eq!(truncate_duration(-15, 10), -10);
    }
}
