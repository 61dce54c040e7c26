//! What Go's URL parser accepts, as far as configuration values need it.

use std::fmt::Write as _;

use bongsu_model::go_quote;

/// The parts a check looks at.
pub(super) struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
}

/// Accepts what Go's `url.Parse` accepts; the error has its wording.
pub(super) fn check(text: &str) -> Result<Parts<'_>, String> {
    split(text).map_err(|why| format!("parse {}: {why}", quoted(text)))
}

/// The same for a URL that is a credential or holds one: nothing of it is repeated.
pub(super) fn check_secret(text: &str) -> Result<Parts<'_>, String> {
    // What is wrong with it comes before the first quote.
    let shown = |why: String| why.split('"').next().unwrap_or_default().trim_end().to_owned();
    split(text).map_err(|why| format!("parse \"<secret>\": {}", shown(why)))
}

/// An absolute `http` or `https` URL with a host.
pub(super) fn check_http(text: &str) -> Result<(), String> {
    is_http(&check(text)?)
}

/// The same for a URL that is a credential.
pub(super) fn check_secret_http(text: &str) -> Result<(), String> {
    is_http(&check_secret(text)?)
}

fn is_http(parts: &Parts<'_>) -> Result<(), String> {
    let scheme = parts.scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(format!("unsupported scheme {} for URL", quoted(&scheme)));
    }
    if parts.host.is_empty() {
        return Err("missing host for URL".to_owned());
    }
    Ok(())
}

/// The URL with `xxxxx` for its password.
pub(super) fn without_password(text: &str) -> String {
    let Some(start) = text.find("://").map(|at| at + 3) else { return text.to_owned() };
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let authority = &text[start..end];
    match authority.rfind('@').and_then(|at| authority[..at].find(':').map(|colon| (colon, at))) {
        Some((colon, at)) => {
            format!("{}{}:xxxxx{}", &text[..start], &authority[..colon], &text[start + at..])
        }
        None => text.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    let _ = go_quote(text, &mut out);
    out
}

fn split(text: &str) -> Result<Parts<'_>, String> {
    if text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let body = text.split('#').next().unwrap_or(text);
    if let Some(at) = text.find('#') {
        escapes(&text[at + 1..])?;
    }
    let (scheme, rest) = scheme_of(body)?;
    let (rest, _query) = rest.split_once('?').unwrap_or((rest, ""));
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            // Opaque, as in `mailto:x`.
            return Ok(Parts { scheme, host: "" });
        }
        if rest.split('/').next().unwrap_or(rest).contains(':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let Some(after) =
        rest.strip_prefix("//").filter(|_| !scheme.is_empty() || !rest.starts_with("///"))
    else {
        escapes(rest)?;
        return Ok(Parts { scheme, host: "" });
    };
    let (authority, path) = match after.find('/') {
        Some(at) => after.split_at(at),
        None => (after, ""),
    };
    let host = authority.rfind('@').map_or(authority, |at| &authority[at + 1..]);
    check_host(host)?;
    escapes(path)?;
    Ok(Parts { scheme, host })
}

fn scheme_of(text: &str) -> Result<(&str, &str), String> {
    for (i, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if i > 0 => {}
            ':' if i == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok((&text[..i], &text[i + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn check_host(host: &str) -> Result<(), String> {
    if let Some(rest) = host.strip_prefix('[') {
        let end = rest.rfind(']').ok_or_else(|| "missing ']' in host".to_owned())?;
        return check_port(&rest[end + 1..]);
    }
    if let Some(at) = host.rfind(':') {
        check_port(&host[at..])?;
    }
    for (i, c) in host.char_indices() {
        let refused = c.is_ascii()
            && !c.is_ascii_alphanumeric()
            && !matches!(
                c,
                '-' | '_'
                    | '.'
                    | '~'
                    | '$'
                    | '&'
                    | '+'
                    | ':'
                    | '='
                    | '!'
                    | '\''
                    | '('
                    | ')'
                    | '*'
                    | ','
                    | ';'
                    | '<'
                    | '>'
                    | '"'
                    | '['
                    | ']'
                    | '%'
            );
        if refused {
            return Err(format!("invalid character {} in host name", quoted(&c.to_string())));
        }
        if c == '%' {
            // Only bytes above ASCII may be escaped in a host.
            let code = host.get(i..i + 3).unwrap_or(&host[i..]);
            let high = u8::from_str_radix(code.get(1..).unwrap_or(""), 16);
            if !matches!(high, Ok(byte) if byte >= 0x80 || byte == b'%') {
                return Err(format!("invalid URL escape {}", quoted(code)));
            }
        }
    }
    Ok(())
}

fn check_port(port: &str) -> Result<(), String> {
    let digits = match port.strip_prefix(':') {
        Some(digits) => digits,
        None if port.is_empty() => return Ok(()),
        None => port,
    };
    if !port.starts_with(':') || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("invalid port {} after host", quoted(port)));
    }
    Ok(())
}

fn escapes(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        if *byte == b'%' {
            let pair = bytes.get(i + 1..i + 3);
            if !pair.is_some_and(|p| p.iter().all(u8::is_ascii_hexdigit)) {
                let shown: String = text[i..].chars().take(3).collect();
                let mut message = String::new();
                let _ = write!(message, "invalid URL escape {}", quoted(&shown));
                return Err(message);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_go_says() {
        for (text, expected) in [
            ("http://a.b/c", Ok(())),
            ("HTTP://a.b", Ok(())),
            ("https://u:p@a.b:8080/c?d=%zz#e", Ok(())),
            ("http://[::1]:9093/", Ok(())),
            ("ftp://a", Err("unsupported scheme \"ftp\" for URL")),
            ("a.b/c", Err("unsupported scheme \"\" for URL")),
            ("", Err("unsupported scheme \"\" for URL")),
            ("http:///x", Err("missing host for URL")),
            ("http://", Err("missing host for URL")),
            ("://a", Err("parse \"://a\": missing protocol scheme")),
            ("a_b:c", Err("parse \"a_b:c\": first path segment in URL cannot contain colon")),
            ("http://a:x/", Err("parse \"http://a:x/\": invalid port \":x\" after host")),
            ("http://a b/", Err("parse \"http://a b/\": invalid character \" \" in host name")),
            ("http://a/%zz", Err("parse \"http://a/%zz\": invalid URL escape \"%zz\"")),
        ] {
            assert_eq!(
                check_http(text).as_ref().map_err(String::as_str),
                expected.as_ref().map_err(|e| *e),
                "{text}"
            );
        }
        for (text, expected) in [
            ("http://a:x/", "parse \"<secret>\": invalid port"),
            ("http://[x/", "parse \"<secret>\": missing ']' in host"),
            ("ftp://a", "unsupported scheme \"ftp\" for URL"),
        ] {
            assert_eq!(check_secret_http(text).unwrap_err(), expected, "{text}");
        }
        assert_eq!(without_password("http://u:p@h:1/x"), "http://u:xxxxx@h:1/x");
        assert_eq!(without_password("http://u@h:1/x"), "http://u@h:1/x");
    }
}
