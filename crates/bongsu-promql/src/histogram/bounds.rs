//! Where exponential buckets end.

use std::ops::RangeInclusive;

/// 2^(2^-k) for k = 1 to 8, the widths of buckets by schema. Square root of two is one bit below
/// the nearest float: Prometheus' bounds derive from that number, and bounds are compared and shown.
#[expect(clippy::approx_constant, reason = "deliberately the float below the nearest one")]
const WIDTHS: [f64; 8] = [
    1.414213562373095,
    1.189207115002721,
    1.0905077326652577,
    1.0442737824274138,
    1.0218971486541166,
    1.0108892860517005,
    1.0054299011128027,
    1.0027112750502025,
];

/// Exponent of the first power of two no float reaches.
const TOP: i64 = 1024;
/// Exponent of the smallest float above zero.
const BOTTOM: i64 = -1074;

/// The inclusive upper bound of a positive bucket: 2^(index · 2^-schema). The bucket that ends at
/// 2^1024 ends at the largest float instead, the one after it at infinity.
pub(super) fn upper(index: i32, schema: i32) -> f64 {
    let index = i64::from(index);
    let (exponent, part) = if schema <= 0 {
        (index << schema.unsigned_abs().min(16), 0)
    } else {
        let schema = schema.min(WIDTHS.len() as i32);
        (index >> schema, index & ((1 << schema) - 1))
    };
    if exponent == TOP && part == 0 {
        return f64::MAX;
    }
    // Each bit of `part` stands for a width, the highest for the widest.
    let bits = schema.clamp(0, WIDTHS.len() as i32);
    let widths = WIDTHS.iter().take(bits as usize).zip(1..);
    let within = widths
        .filter(|(_, bit)| part >> (bits - bit) & 1 == 1)
        .fold(1.0, |product, (width, _)| product * width);
    within * (exponent as f64).exp2()
}

/// The index in a coarser schema of a bucket's index in a finer one.
pub(super) fn coarser(index: i32, from: i32, to: i32) -> i32 {
    let shift = from.saturating_sub(to).clamp(0, 63);
    (((i64::from(index) - 1) >> shift) + 1) as i32
}

/// Indices of buckets that floats can fall into.
pub(super) fn index_range(schema: i32) -> RangeInclusive<i32> {
    let scale = |exponent: i64| {
        if schema >= 0 { exponent << schema } else { exponent >> schema.unsigned_abs() }
    };
    scale(BOTTOM) as i32..=scale(TOP) as i32 + 1
}
