//! The text of an e-mail: encoded words, quoted-printable, multipart/alternative, addresses.
//!
//! In: rendered texts. Out: the bytes between `DATA` and the final dot, CRLF line ends. The forms
//! are those of Go's `mime` packages, which receivers of Alertmanager mails see.

use std::fmt::Write;

/// Characters of an encoded word between `=?utf-8?q?` and `?=`, so that it fits in 75.
const WORD: usize = 63;
/// Characters of a quoted-printable line without its line end.
const LINE: usize = 76;

/// A header value: as it is if plain ASCII, else as Q-encoded words.
pub fn header_value(text: &str) -> String {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t') {
        return text.to_owned();
    }
    let mut out = String::from("=?utf-8?q?");
    let mut length = 0;
    for c in text.chars() {
        let mut piece = String::new();
        match c {
            ' ' => piece.push('_'),
            '!'..='~' if !matches!(c, '=' | '?' | '_') => piece.push(c),
            _ => push_hex(&mut piece, c),
        }
        if length + piece.len() > WORD {
            out.push_str("?= =?utf-8?q?");
            length = 0;
        }
        length += piece.len();
        out.push_str(&piece);
    }
    out.push_str("?=");
    out
}

/// A list of addresses as a header value: only the names are encoded, so that the addresses can
/// be read.
pub fn address_header_value(list: &str) -> String {
    let encoded = split_outside_quotes(list, ',').into_iter().map(|element| {
        match split_outside_quotes(element, '<').as_slice() {
            [name, address] if !name.is_ascii() => {
                let name = name.trim().trim_matches('"');
                format!("{} <{}", header_value(name), header_value(address.trim()))
            }
            _ => header_value(element.trim()),
        }
    });
    encoded.collect::<Vec<_>>().join(", ")
}

fn push_hex(out: &mut String, c: char) {
    let mut buffer = [0; 4];
    for byte in c.encode_utf8(&mut buffer).bytes() {
        let _ = write!(out, "={byte:02X}");
    }
}

/// A body in quoted-printable; every line end becomes CRLF.
pub fn quoted_printable(text: &str) -> String {
    let mut writer = QuotedPrintable { out: String::with_capacity(text.len() + 64), line: 0 };
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' {
                    bytes.next_if_eq(&b'\n');
                }
                writer.end_line();
            }
            b' ' | b'\t' | b'!'..=b'<' | b'>'..=b'~' => writer.plain(char::from(byte)),
            _ => writer.escaped(byte),
        }
    }
    writer.protect_space();
    writer.out
}

struct QuotedPrintable {
    out: String,
    line: usize,
}

impl QuotedPrintable {
    fn plain(&mut self, c: char) {
        if self.line == LINE - 1 {
            self.soft_break();
        }
        self.out.push(c);
        self.line += 1;
    }

    fn escaped(&mut self, byte: u8) {
        if LINE - 1 - self.line < 3 {
            self.soft_break();
        }
        let _ = write!(self.out, "={byte:02X}");
        self.line += 3;
    }

    fn soft_break(&mut self) {
        self.out.push_str("=\r\n");
        self.line = 0;
    }

    fn end_line(&mut self) {
        self.protect_space();
        self.out.push_str("\r\n");
        self.line = 0;
    }

    /// Space at the end of a line would be lost on the way.
    fn protect_space(&mut self) {
        if self.line > 0 && self.out.ends_with([' ', '\t']) {
            let byte = if self.out.pop() == Some(' ') { b' ' } else { b'\t' };
            self.line -= 1;
            self.escaped(byte);
        }
    }
}

/// Headers and the alternatives (content type, text), least preferred first.
pub fn message(headers: &[(String, String)], parts: &[(&str, String)], boundary: &str) -> Vec<u8> {
    let mut out = String::new();
    for (name, value) in headers {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    let _ = write!(out, "Content-Type: multipart/alternative;  boundary={boundary}\r\n");
    out.push_str("MIME-Version: 1.0\r\n\r\n");
    for (index, (content_type, text)) in parts.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\r\n" };
        let _ = write!(out, "{gap}--{boundary}\r\nContent-Transfer-Encoding: quoted-printable\r\n");
        let _ = write!(out, "Content-Type: {content_type}; charset=UTF-8\r\n\r\n");
        out.push_str(&quoted_printable(text));
    }
    let _ = write!(out, "\r\n--{boundary}--\r\n");
    out.into_bytes()
}

/// The addresses of a list such as `a@x.org, "Bob, B." <b@x.org>`, without names.
///
/// # Errors
/// In Go's words, e.g. `mail: missing '@' or angle-addr`.
pub fn addresses(list: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for element in split_outside_quotes(list, ',') {
        let element = element.trim();
        if !element.is_empty() {
            found.push(address(element)?);
        }
    }
    if found.is_empty() { Err("mail: no address".to_owned()) } else { Ok(found) }
}

fn address(element: &str) -> Result<String, String> {
    let pieces = split_outside_quotes(element, '<');
    let spec = match pieces.as_slice() {
        [spec] => spec.trim(),
        [name, _] if !is_display_name(name.trim()) => {
            return Err("mail: no angle-addr".to_owned());
        }
        [_, rest] => match rest.trim_end().strip_suffix('>') {
            Some(spec) => spec.trim(),
            None => return Err("mail: unclosed angle-addr".to_owned()),
        },
        _ => return Err("mail: unclosed angle-addr".to_owned()),
    };
    if is_address(spec) {
        return Ok(spec.to_owned());
    }
    Err(match spec.split_once(char::is_whitespace) {
        Some((first, _)) if is_address(first) => "mail: expected comma",
        // What stands before the first special character reads as a name.
        _ => match spec.split(['@', '(', ':', ';']).next() {
            Some(name) if !name.is_empty() && name.chars().all(is_address_character) => {
                "mail: missing '@' or angle-addr"
            }
            _ => "mail: no angle-addr",
        },
    }
    .to_owned())
}

/// `local@domain`; the envelope goes into an SMTP command line, so nothing else may pass.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let quoted = local.len() > 1
        && local.starts_with('"')
        && local.ends_with('"')
        && !local.contains(char::is_control);
    let literal = domain.starts_with('[')
        && domain.ends_with(']')
        && !domain.contains(|c: char| c.is_control() || c.is_whitespace() || c == '>');
    (quoted || (!local.is_empty() && local.chars().all(is_address_character)))
        && (literal || (!domain.is_empty() && domain.chars().all(is_address_character)))
}

/// Quoted, or words without address syntax.
fn is_display_name(name: &str) -> bool {
    let quoted = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
    !name.contains(|c: char| c.is_control() || (!quoted && "()<>[]:;@\\,".contains(c)))
}

/// What atoms and dots are made of.
fn is_address_character(c: char) -> bool {
    !c.is_control() && !c.is_whitespace() && !"()<>[]:;@\\,\"".contains(c)
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                pieces.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encodes_headers_only_if_needed() {
        assert_eq!(header_value("[FIRING:1] a = b?"), "[FIRING:1] a = b?");
        assert_eq!(header_value("CPU 높음?"), "=?utf-8?q?CPU_=EB=86=92=EC=9D=8C=3F?=");
        let long = header_value(&"가".repeat(20));
        assert!(long.split(' ').all(|word| word.len() <= 75 && word.starts_with("=?utf-8?q?")));
    }

    #[test]
    fn breaks_and_protects_lines() {
        assert_eq!(quoted_printable("a=b\né \nend\t"), "a=3Db\r\n=C3=A9=20\r\nend=09");
        let long = quoted_printable(&"x".repeat(100));
        assert_eq!(long, format!("{}=\r\n{}", "x".repeat(75), "x".repeat(25)));
    }

    #[test]
    fn finds_addresses() {
        let two = addresses("a@x.org, \"Kim, B.\" <b@x.org>").unwrap();
        assert_eq!(two, ["a@x.org", "b@x.org"]);
        for (list, error) in [
            ("", "mail: no address"),
            (" , ", "mail: no address"),
            ("nobody", "mail: missing '@' or angle-addr"),
            ("not an address", "mail: no angle-addr"),
            ("a@x.org b@x.org", "mail: expected comma"),
            ("Bob <b@x.org", "mail: unclosed angle-addr"),
            ("a@x.org\r\nRCPT TO:<c@x.org>", "mail: no angle-addr"),
            ("a b@x.org", "mail: no angle-addr"),
        ] {
            assert_eq!(addresses(list), Err(error.to_owned()), "{list:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_stay_short_and_ascii(text in "\\PC{0,200}") {
            let encoded = quoted_printable(&text);
            prop_assert!(encoded.is_ascii());
            prop_assert!(encoded.split("\r\n").all(|line| line.len() <= LINE));
        }
    }
}
