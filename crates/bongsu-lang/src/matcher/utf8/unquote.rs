//! Go's `strconv.Unquote` for double-quoted text.

/// The text between the quotes with escapes undone; `None` if an escape is unknown, the text is not
/// closed, or the bytes are not UTF-8.
pub(super) fn unquote(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '"' => return None,
            '\\' => escape(&mut rest, &mut out)?,
            c => push(c, &mut out),
        }
    }
    String::from_utf8(out).ok()
}

fn push(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn escape(rest: &mut std::str::Chars<'_>, out: &mut Vec<u8>) -> Option<()> {
    let byte = match rest.next()? {
        'a' => 7,
        'b' => 8,
        'f' => 0xc,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0xb,
        '\\' => b'\\',
        '"' => b'"',
        'x' => u8::try_from(number(rest, 2, 16)?).ok()?,
        'u' => {
            return {
                push(char::from_u32(number(rest, 4, 16)?)?, out);
                Some(())
            };
        }
        'U' => {
            return {
                push(char::from_u32(number(rest, 8, 16)?)?, out);
                Some(())
            };
        }
        first @ '0'..='7' => {
            let value = first.to_digit(8)? * 64 + number(rest, 2, 8)?;
            u8::try_from(value).ok()?
        }
        _ => return None,
    };
    out.push(byte);
    Some(())
}

fn number(rest: &mut std::str::Chars<'_>, digits: usize, radix: u32) -> Option<u32> {
    (0..digits).try_fold(0u32, |value, _| {
        value.checked_mul(radix)?.checked_add(rest.next()?.to_digit(radix)?)
    })
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn follows_go() {
        for (quoted, want) in [
            (r#""a\tb\\\"""#, Some("a\tb\\\"")),
            (r#""\xf0\x9f\x99\x82""#, Some("🙂")),
            (r#""\u00e9\U0001f642\101""#, Some("é🙂A")),
            (r#""\xff""#, None),
            (r#""\ud800""#, None),
            (r#""\w""#, None),
            (r#""\'""#, None),
            ("\"a\nb\"", None),
            (r#""\777""#, None),
        ] {
            assert_eq!(unquote(quoted).as_deref(), want, "{quoted}");
        }
    }
}
