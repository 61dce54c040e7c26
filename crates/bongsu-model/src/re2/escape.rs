//! Escapes of one character: `\n`, `\x{41}`, `\101`, `\.`.

use super::Error;

/// One code point and what follows it. The code point may be a surrogate, which matches nothing.
pub(super) type Escaped<'a> = (u32, &'a str);

/// Reads the escape at the start of `text` (which begins with a backslash).
pub(super) fn parse(text: &str) -> Result<Escaped<'_>, Error> {
    let mut rest = text[1..].chars();
    let Some(first) = rest.next() else {
        return Err(Error::new("trailing backslash at end of expression", ""));
    };
    let after = rest.as_str();
    let refuse =
        |after: &str| Err(Error::new("invalid escape sequence", &text[..text.len() - after.len()]));
    match first {
        // A single non-zero digit would be a back-reference, which RE2 cannot do.
        '1'..='7' if !after.starts_with(|c| matches!(c, '0'..='7')) => refuse(after),
        '0'..='7' => Ok(octal(u32::from(first) - 0x30, after)),
        'x' => hexadecimal(after).or_else(refuse),
        'a' => Ok((7, after)),
        'f' => Ok((0xc, after)),
        'n' => Ok((0xa, after)),
        'r' => Ok((0xd, after)),
        't' => Ok((9, after)),
        'v' => Ok((0xb, after)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((u32::from(c), after)),
        _ => refuse(after),
    }
}

fn octal(mut value: u32, mut rest: &str) -> Escaped<'_> {
    for _ in 0..2 {
        match rest.bytes().next() {
            Some(digit @ b'0'..=b'7') => {
                value = value * 8 + u32::from(digit - b'0');
                rest = &rest[1..];
            }
            _ => break,
        }
    }
    (value, rest)
}

/// `41` or `{1F642}`; the error is what was left when reading stopped.
fn hexadecimal(text: &str) -> Result<Escaped<'_>, &str> {
    let mut rest = text.chars();
    let Some(first) = rest.next() else { return Err(text) };
    if first != '{' {
        let Some(second) = rest.next() else { return Err(rest.as_str()) };
        return match (first.to_digit(16), second.to_digit(16)) {
            (Some(high), Some(low)) => Ok((high * 16 + low, rest.as_str())),
            _ => Err(rest.as_str()),
        };
    }
    let (mut value, mut digits) = (0u32, 0);
    loop {
        match rest.next() {
            Some('}') if digits > 0 => return Ok((value, rest.as_str())),
            Some(c) => match c.to_digit(16) {
                Some(digit) => value = value * 16 + digit,
                None => return Err(rest.as_str()),
            },
            None => return Err(""),
        }
        if value > 0x0010_ffff {
            return Err(rest.as_str());
        }
        digits += 1;
    }
}
