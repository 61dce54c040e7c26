//! Functions of one float.

use std::f64::consts::PI;

/// The function called `name`, if it is one.
pub(crate) fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "acos" => f64::acos,
        "acosh" => f64::acosh,
        "asin" => f64::asin,
        "asinh" => f64::asinh,
        "atan" => f64::atan,
        "atanh" => f64::atanh,
        "ceil" => f64::ceil,
        "cos" => f64::cos,
        "cosh" => f64::cosh,
        "deg" => |v| v * 180.0 / PI,
        "exp" => f64::exp,
        "floor" => f64::floor,
        "ln" => f64::ln,
        "log10" => f64::log10,
        "log2" => f64::log2,
        "rad" => |v| v * PI / 180.0,
        "sgn" => |v| {
            if v < 0.0 {
                -1.0
            } else if v > 0.0 {
                1.0
            } else {
                v
            }
        },
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "sqrt" => f64::sqrt,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return None,
    })
}

/// The nearest multiple; ties upwards.
pub(crate) fn round(value: f64, to: f64) -> f64 {
    // The inverse keeps multiples of 0.1 exact.
    let inverse = 1.0 / to;
    (value * inverse + 0.5).floor() / inverse
}

/// Within `low..=high`; NaN if anything is.
pub(crate) fn clamp(value: f64, low: f64, high: f64) -> f64 {
    let (low_nan, high_nan) = (low.is_nan(), high.is_nan());
    if value.is_nan() || low_nan || high_nan { f64::NAN } else { low.max(high.min(value)) }
}
