//! Which texts count as a link.

/// Whether Go's `url.ParseRequestURI` takes the text: an absolute URI or an absolute path. The
/// `generatorURL` of an alert must pass it.
pub(crate) fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((scheme, rest)) = split_scheme(text) else { return false };
    let path_and_host = rest.split_once('?').map_or(rest, |(before, _)| before);
    if !path_and_host.starts_with('/') {
        // Opaque, as in `mailto:a@b`; without a scheme it is neither URI nor path.
        return scheme;
    }
    let path = match path_and_host.strip_prefix("//") {
        Some(after) if scheme || !after.starts_with('/') => {
            let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
            if !authority_is_valid(authority) {
                return false;
            }
            path
        }
        _ => path_and_host,
    };
    escapes_are_valid(path)
}

/// Whether there is a scheme, and what follows it; `None` if the text starts with a colon.
fn split_scheme(text: &str) -> Option<(bool, &str)> {
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return None,
            b':' => return Some((true, &text[i + 1..])),
            _ => return Some((false, text)),
        }
    }
    Some((false, text))
}

fn authority_is_valid(authority: &str) -> bool {
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b);
            if !user.bytes().all(allowed) || !escapes_are_valid(user) {
                return false;
            }
            host
        }
        None => authority,
    };
    let (name, port) = if host.starts_with('[') {
        match host.rfind(']') {
            Some(end) => (&host[..=end], &host[end + 1..]),
            None => return false,
        }
    } else {
        host.split_at(host.rfind(':').unwrap_or(host.len()))
    };
    let port_is_valid =
        port.strip_prefix(':').map_or(port.is_empty(), |p| p.bytes().all(|b| b.is_ascii_digit()));
    let host_byte =
        |b: u8| b >= 0x80 || b.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&b);
    port_is_valid && name.bytes().all(host_byte) && escapes_are_valid(name)
}

fn escapes_are_valid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter(|(_, b)| **b == b'%').all(|(i, _)| {
        let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        hex(i + 1) && hex(i + 2)
    })
}

#[cfg(test)]
mod tests {
    use super::is_request_uri;

    #[test]
    fn as_go_reads_them() {
        for good in [
            "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            "https://user:pass@host/",
            "/relative",
            "mailto:a@b",
            "http://[::1]:80/x y",
            "http://h?x=%zz",
            "*",
        ] {
            assert!(is_request_uri(good), "{good}");
        }
        for bad in [
            "",
            "not a url",
            "foo",
            ":x",
            "http://a b/",
            "http://h:x/",
            "http://h/%zz",
            "a\nb",
            "http://[::1/",
            "http://a{b}/",
        ] {
            assert!(!is_request_uri(bad), "{bad}");
        }
    }
}
