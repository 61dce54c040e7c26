//! Integers and floats in all of Go's verbs.

use super::pad::Flags;

impl Flags {
    /// `%d %b %o %O %x %X` and `%v`.
    pub(super) fn integer(&self, value: i64, verb: char, out: &mut String) {
        let (radix, prefix) = match verb {
            'b' => (2, "0b"),
            'o' | 'O' => (8, "0"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        let mut digits = in_radix(value.unsigned_abs(), radix, verb == 'X');
        let signed = value < 0 || self.plus || self.space;
        if self.precision == Some(0) && value == 0 {
            let plain = Flags { zero: false, ..*self };
            plain.fill(self.width.unwrap_or(0), out);
            return;
        }
        let least = match (self.precision, self.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if self.zero && !self.minus => {
                width - usize::from(signed && width > 0)
            }
            _ => 0,
        };
        if digits.len() < least {
            digits.insert_str(0, &"0".repeat(least - digits.len()));
        }
        if self.sharp && !(radix == 8 && digits.starts_with('0')) {
            digits.insert_str(0, prefix);
        }
        if verb == 'O' {
            digits.insert_str(0, "0o");
        }
        if value < 0 {
            digits.insert(0, '-');
        } else if self.plus {
            digits.insert(0, '+');
        } else if self.space {
            digits.insert(0, ' ');
        }
        Flags { zero: false, ..*self }.pad(&digits, out);
    }

    /// `%U`: `U+0041`, with `#` also the character.
    pub(super) fn unicode(&self, value: i64, out: &mut String) {
        let width = self.precision.unwrap_or(4).max(4);
        let mut text = format!("U+{:0width$X}", value as u64);
        if let Some(c) = u32::try_from(value).ok().and_then(char::from_u32).filter(|_| self.sharp) {
            text.push_str(&format!(" '{c}'"));
        }
        Flags { zero: false, ..*self }.pad(&text, out);
    }

    /// `%e %E %f %F %g %G %b %x %X` and `%v`; `precision` is used if the directive names none.
    pub(super) fn float(&self, value: f64, verb: char, precision: Option<usize>, out: &mut String) {
        let precision = self.precision.or(precision);
        let magnitude = float_text(value.abs(), verb, precision, self.sharp && verb != 'b');
        let negative = value.is_sign_negative() && !value.is_nan();
        let sign = match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ if value.is_infinite() => "+",
            _ => "",
        };
        if !value.is_finite() {
            Flags { zero: false, ..*self }.pad(&format!("{sign}{magnitude}"), out);
            return;
        }
        let length = magnitude.len() + sign.len();
        if self.zero && !self.minus && self.missing(length) > 0 {
            out.push_str(sign);
            self.fill(self.missing(length), out);
            out.push_str(&magnitude);
            return;
        }
        self.pad(&format!("{sign}{magnitude}"), out);
    }
}

fn in_radix(mut value: u64, radix: u64, upper: bool) -> String {
    if radix == 10 {
        return value.to_string();
    }
    let mut digits = Vec::new();
    loop {
        let digit = char::from_digit((value % radix) as u32, radix as u32).unwrap_or('0');
        digits.push(if upper { digit.to_ascii_uppercase() } else { digit });
        value /= radix;
        if value == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// A non-negative float without sign.
fn float_text(value: f64, verb: char, precision: Option<usize>, sharp: bool) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return "Inf".to_owned();
    }
    match verb {
        'e' | 'E' => cased(&exponent_form(value, precision, sharp), verb == 'E'),
        'f' | 'F' => {
            let mut text = match precision {
                Some(precision) => format!("{value:.precision$}"),
                None => format!("{value}"),
            };
            if sharp && !text.contains('.') {
                text.push('.');
            }
            text
        }
        'b' => binary_form(value),
        'x' | 'X' => cased(&hexadecimal_form(value, precision), verb == 'X'),
        _ => cased(&general_form(value, precision, sharp), verb == 'G'),
    }
}

fn cased(text: &str, upper: bool) -> String {
    if upper { text.to_ascii_uppercase() } else { text.to_owned() }
}

/// Digits and decimal exponent, the shortest that read back or with `precision` decimals.
fn scientific(value: f64, precision: Option<usize>) -> (String, i32) {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

fn exponent_form(value: f64, precision: Option<usize>, sharp: bool) -> String {
    let (mut mantissa, exponent) = scientific(value, precision);
    if sharp && !mantissa.contains('.') {
        mantissa.push('.');
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// `%g`: exponent form for exponents below -4 or beyond the precision.
fn general_form(value: f64, precision: Option<usize>, sharp: bool) -> String {
    let (limit, decimals) = match precision {
        None => (None, None),
        Some(0) => (Some(1), Some(0)),
        Some(precision) => (Some(precision), Some(precision - 1)),
    };
    let (mantissa, exponent) = scientific(value, decimals);
    let significant = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    let trimmed = trim_zeros(&mantissa);
    let digits = trimmed.bytes().filter(u8::is_ascii_digit).count() as i32;
    let most = match limit {
        None => 6,
        // Digits beyond the shortest form do not widen the range of plain notation.
        Some(limit) if limit as i32 > digits && digits > exponent => digits,
        Some(limit) => limit as i32,
    };
    if exponent < -4 || exponent >= most {
        let shown = if sharp { mantissa } else { trimmed };
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{shown}e{sign}{:02}", exponent.abs());
    }
    if sharp {
        let wanted = limit.unwrap_or(6) as i32;
        let decimals = (wanted - 1 - exponent).max(0) as usize;
        let text = format!("{value:.decimals$}");
        return if text.contains('.') { text } else { text + "." };
    }
    let decimals = (significant - 1 - exponent).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { trim_zeros(&text) } else { text }
}

fn trim_zeros(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// Mantissa and exponent so that `value = mantissa * 2^exponent`.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i32);
    if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) }
}

fn binary_form(value: f64) -> String {
    let (mantissa, exponent) = parts(value);
    format!("{mantissa}p{exponent:+}")
}

fn hexadecimal_form(value: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // The leading digit is one, 52 bits follow.
        let shift = mantissa.leading_zeros() as i32 - 11;
        mantissa <<= shift;
        exponent += 52 - shift;
    }
    if let Some(digits) = precision.filter(|p| *p < 13) {
        let drop = 52 - 4 * digits as u32;
        let half = 1_u64 << (drop - 1);
        let odd = mantissa >> drop & 1;
        let rest = mantissa & ((1 << drop) - 1);
        mantissa >>= drop;
        if rest > half || (rest == half && odd == 1) {
            mantissa += 1;
        }
        mantissa <<= drop;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let all = format!("{:013x}", mantissa & ((1 << 52) - 1));
    let fraction = match precision {
        None => all.trim_end_matches('0').to_owned(),
        Some(p) => format!("{all:0<p$}")[..p].to_owned(),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x{}{point}{fraction}p{sign}{:02}", mantissa >> 52, exponent.abs())
}
