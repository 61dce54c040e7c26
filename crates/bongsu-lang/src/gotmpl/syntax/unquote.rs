//! Go's string and character literals.

/// The value of a double- or single-quoted literal, quotes included.
///
/// Bytes given as `\xff` or `\377` that are not UTF-8 become U+FFFD: text here is Unicode.
pub(super) fn unquote(literal: &str) -> Option<String> {
    let quote = literal.chars().next()?;
    let body = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = rest.chars().next()?;
        let after = &rest[escape.len_utf8()..];
        rest = match escape {
            'x' => push_byte(after, 2, 16, &mut bytes)?,
            'u' => push_rune(after, 4, &mut bytes)?,
            'U' => push_rune(after, 8, &mut bytes)?,
            '0'..='7' => push_byte(rest, 3, 8, &mut bytes)?,
            _ => {
                bytes.push(match escape {
                    'a' => 7,
                    'b' => 8,
                    'f' => 12,
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    'v' => 11,
                    '\\' => b'\\',
                    c if c == quote => c as u8,
                    _ => return None,
                });
                after
            }
        };
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn push_byte<'a>(text: &'a str, width: usize, radix: u32, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let digits = text.get(..width).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    bytes.push(u8::try_from(u32::from_str_radix(digits, radix).ok()?).ok()?);
    Some(&text[width..])
}

fn push_rune<'a>(text: &'a str, width: usize, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let digits = text.get(..width).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let rune = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    bytes.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
    Some(&text[width..])
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn literals() {
        for (literal, want) in [
            (r#""""#, Some("")),
            (r#""a\tb\"\\\a""#, Some("a\tb\"\\\u{7}")),
            (r#""\x41\101\u00e9\U0001F525""#, Some("AAé🔥")),
            (r#""\xc3\xa9""#, Some("é")),
            (r#""\xff""#, Some("\u{fffd}")),
            (r"'\''", Some("'")),
            (r#""\'""#, None),
            (r#""\q""#, None),
            (r#""\u12""#, None),
            (r#""\ud800""#, None),
            (r#""\400""#, None),
        ] {
            assert_eq!(unquote(literal).as_deref(), want, "{literal}");
        }
    }
}
