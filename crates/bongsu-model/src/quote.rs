//! Go's `strconv.Quote`, the quoting of group keys and matchers.

use std::fmt::{self, Write};
use std::sync::LazyLock;

use regex::Regex;

/// Writes `text` double-quoted with Go's escapes: printable characters (letters, marks, numbers,
/// punctuation, symbols and the ASCII space) stay, the rest becomes `\n`, `\x7f`, `\u00a0` …
pub fn go_quote(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    let mut clean = 0;
    for (at, c) in text.char_indices() {
        if is_plain(c) {
            continue;
        }
        out.write_str(&text[clean..at])?;
        clean = at + c.len_utf8();
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\u{7}' => out.write_str("\\a")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{b}' => out.write_str("\\v")?,
            c if (c as u32) < 0x80 => write!(out, "\\x{:02x}", c as u32)?,
            c if (c as u32) < 0x1_0000 => write!(out, "\\u{:04x}", c as u32)?,
            c => write!(out, "\\U{:08x}", c as u32)?,
        }
    }
    out.write_str(&text[clean..])?;
    out.write_char('"')
}

fn is_plain(c: char) -> bool {
    match c {
        '"' | '\\' => false,
        ' '..='~' => true,
        c if c.is_ascii() => false,
        c => is_go_printable(c),
    }
}

fn is_go_printable(c: char) -> bool {
    static PRINTABLE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
    let mut buffer = [0; 4];
    PRINTABLE.as_ref().is_none_or(|re| re.is_match(c.encode_utf8(&mut buffer)))
}

#[cfg(test)]
mod tests {
    use super::go_quote;

    #[test]
    fn quotes_as_go_does() {
        for (text, want) in [
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("c\"d\\", r#""c\"d\\""#),
            ("\n\t\u{1}", r#""\n\t\x01""#),
            ("디스크 🔥", r#""디스크 🔥""#),
            ("\u{a0}\u{200b}", r#""\u00a0\u200b""#),
        ] {
            let mut out = String::new();
            go_quote(text, &mut out).unwrap();
            assert_eq!(out, want);
        }
    }
}
