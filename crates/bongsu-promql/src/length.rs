//! Lengths of time: their text and their value.

use std::fmt::Write;

use crate::ast::{BinaryOp, Length, LengthExpr};

/// Units in the order they are written, in milliseconds; the first three only divide evenly.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Longest duration, in milliseconds: what Go's nanoseconds hold.
const MAX_MILLISECONDS: i64 = i64::MAX / 1_000_000;

/// Milliseconds of `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("not a valid duration string: {}", crate::lexer::quoted(text));
    if text == "0" {
        return Ok(0);
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = &rest[digits..];
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, next) = after.split_at(letters);
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        if digits == 0 {
            return Err(wrong());
        }
        let count: i64 = rest[..digits].parse().map_err(|_| "duration out of range".to_owned())?;
        total = count
            .checked_mul(*factor)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= MAX_MILLISECONDS)
            .ok_or("duration out of range")?;
        rest = next;
    }
    if text.is_empty() { Err("empty duration string".to_owned()) } else { Ok(total) }
}

/// `1h30m`; `-5m` for less than nothing.
pub(crate) fn print_duration(milliseconds: i64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    if milliseconds < 0 {
        out.push('-');
    }
    let mut rest = milliseconds.unsigned_abs();
    for (at, (name, factor)) in UNITS.iter().enumerate() {
        let factor = factor.unsigned_abs();
        if rest < factor || (at < 2 && !rest.is_multiple_of(factor)) {
            continue;
        }
        // Writing to a string does not fail.
        let _ = write!(out, "{}{name}", rest / factor);
        rest %= factor;
    }
    out
}

impl Length {
    /// Its milliseconds in a query whose step is `step` milliseconds (0 for an instant). A range
    /// must be `positive`.
    pub fn milliseconds(&self, step: i64, positive: bool) -> Result<i64, String> {
        let computed = match self {
            Self::Fixed(milliseconds) => return Ok(*milliseconds),
            Self::Computed(expr) => expr.seconds(step as f64 / 1000.0)?,
        };
        if positive && computed <= 0.0 {
            return Err("duration must be greater than 0".to_owned());
        }
        if computed.is_nan() || computed.abs() > MAX_MILLISECONDS as f64 / 1000.0 {
            return Err("duration is out of range".to_owned());
        }
        Ok((computed * 1000.0) as i64)
    }
}

impl LengthExpr {
    fn seconds(&self, step: f64) -> Result<f64, String> {
        Ok(match self {
            Self::Number { seconds, .. } => *seconds,
            Self::Step => step,
            Self::Negative(expr) => -expr.seconds(step)?,
            Self::Paren(expr) => expr.seconds(step)?,
            Self::Call { function, args } => {
                let pick = if *function == "min" { f64::min } else { f64::max };
                let values = args.iter().map(|arg| arg.seconds(step));
                let values = values.collect::<Result<Vec<f64>, _>>()?;
                values.into_iter().reduce(pick).unwrap_or_default()
            }
            Self::Binary { op, lhs, rhs } => {
                let (lhs, rhs) = (lhs.seconds(step)?, rhs.seconds(step)?);
                match op {
                    BinaryOp::Add => lhs + rhs,
                    BinaryOp::Sub => lhs - rhs,
                    BinaryOp::Mul => lhs * rhs,
                    BinaryOp::Div if rhs == 0.0 => return Err("division by zero".to_owned()),
                    BinaryOp::Div => lhs / rhs,
                    BinaryOp::Mod if rhs == 0.0 => return Err("modulo by zero".to_owned()),
                    BinaryOp::Mod => lhs % rhs,
                    BinaryOp::Pow => lhs.powf(rhs),
                    other => return Err(format!("unexpected operator {}", other.name())),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        let cases = [
            ("5m", Ok(300_000), "5m"),
            ("90s", Ok(90_000), "1m30s"),
            ("1h30m", Ok(5_400_000), "1h30m"),
            ("1d12h", Ok(129_600_000), "1d12h"),
            ("14d", Ok(1_209_600_000), "2w"),
            ("8d", Ok(691_200_000), "8d"),
            ("1y", Ok(31_536_000_000), "1y"),
            ("366d", Ok(31_622_400_000), "366d"),
            ("1500ms", Ok(1500), "1s500ms"),
            ("0", Ok(0), "0s"),
            ("5hs", Err("not a valid duration string: \"5hs\"".to_owned()), ""),
            ("1m1h", Err("not a valid duration string: \"1m1h\"".to_owned()), ""),
            ("300y", Err("duration out of range".to_owned()), ""),
            ("99999999999999999999s", Err("duration out of range".to_owned()), ""),
        ];
        for (text, want, printed) in cases {
            assert_eq!(parse_duration(text), want, "{text}");
            if let Ok(milliseconds) = want {
                assert_eq!(print_duration(milliseconds), printed);
            }
        }
        assert_eq!(print_duration(-61_000), "-1m1s");
    }
}
