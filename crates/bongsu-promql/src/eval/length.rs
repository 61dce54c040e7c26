//! Lengths of time that are only known once the step of the query is.

use super::EvalError;
use crate::ast::{BinaryOp, Length, LengthExpr};

/// Longest length, in seconds, that still fits into milliseconds with room to add.
const MAX_SECONDS: f64 = (1_i64 << 53) as f64;

/// Milliseconds of a range or of a subquery's step, which must be positive.
pub(crate) fn positive(length: &Length, step_ms: i64) -> Result<i64, EvalError> {
    let millis = any(length, step_ms)?;
    if millis <= 0 {
        return Err(EvalError::Unfit("duration must be greater than 0".into()));
    }
    Ok(millis)
}

/// Milliseconds of an offset.
pub(crate) fn any(length: &Length, step_ms: i64) -> Result<i64, EvalError> {
    match length {
        Length::Fixed(millis) => Ok(*millis),
        Length::Computed(expr) => {
            let seconds = seconds(expr, step_ms)?;
            if !seconds.is_finite() || seconds.abs() > MAX_SECONDS / 1000.0 {
                return Err(EvalError::Unfit("duration is out of range".into()));
            }
            Ok((seconds * 1000.0) as i64)
        }
    }
}

fn seconds(expr: &LengthExpr, step_ms: i64) -> Result<f64, EvalError> {
    Ok(match expr {
        LengthExpr::Number { seconds, .. } => *seconds,
        LengthExpr::Step => step_ms as f64 / 1000.0,
        LengthExpr::Call { function, args } => {
            let mut values = Vec::with_capacity(args.len());
            for arg in args {
                values.push(seconds(arg, step_ms)?);
            }
            let pick = if *function == "min" { f64::min } else { f64::max };
            values.into_iter().reduce(pick).unwrap_or(0.0)
        }
        LengthExpr::Negative(inner) => -seconds(inner, step_ms)?,
        LengthExpr::Paren(inner) => seconds(inner, step_ms)?,
        LengthExpr::Binary { op, lhs, rhs } => {
            let (lhs, rhs) = (seconds(lhs, step_ms)?, seconds(rhs, step_ms)?);
            let by_zero = |what: &str| Err(EvalError::Unfit(format!("{what} by zero")));
            match op {
                BinaryOp::Div if rhs == 0.0 => return by_zero("division"),
                BinaryOp::Mod if rhs == 0.0 => return by_zero("modulo"),
                _ => super::arithmetic::apply(*op, lhs, rhs),
            }
        }
    })
}
