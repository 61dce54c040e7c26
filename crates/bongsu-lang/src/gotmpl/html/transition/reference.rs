//! Character references in attribute values.

/// Decodes the character references that matter for finding boundaries.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// A reference at the start of `text` and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    const NAMED: &[(&str, char)] = &[
        ("&quot;", '"'),
        ("&amp;", '&'),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&apos;", '\''),
        ("&nbsp;", '\u{a0}'),
        ("&sol;", '/'),
        ("&quest;", '?'),
        ("&num;", '#'),
        ("&colon;", ':'),
        ("&lpar;", '('),
        ("&rpar;", ')'),
        ("&grave;", '`'),
        ("&Tab;", '\t'),
        ("&NewLine;", '\n'),
    ];
    if let Some((name, c)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((*c, name.len()));
    }
    let body = text.strip_prefix("&#")?;
    let (radix, digits) = match body.strip_prefix(['x', 'X']) {
        Some(digits) => (16, digits),
        None => (10, body),
    };
    let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let code = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
    let semicolon = usize::from(digits[length..].starts_with(';'));
    let used = text.len() - digits.len() + length + semicolon;
    Some((char::from_u32(code).unwrap_or('\u{fffd}'), used))
}
