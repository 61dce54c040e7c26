//! URLs as text: adding path parts and queries with Go's escaping, which receivers know.
//!
//! In: a URL from the configuration and unescaped parts. Out: the URL to request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// What stays as it is in a query (a space becomes `+`).
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b' ');

/// Appends to the path directly, before any query of `base`.
pub(crate) fn append_path(base: &str, suffix: &str) -> String {
    let (path, query) = split_query(base);
    format!("{path}{}{query}", utf8_percent_encode(suffix, PATH))
}

/// Appends path elements with exactly one slash between.
pub(crate) fn join_path(base: &str, suffix: &str) -> String {
    let (path, query) = split_query(base);
    let suffix = utf8_percent_encode(suffix.trim_start_matches('/'), PATH);
    format!("{}/{suffix}{query}", path.trim_end_matches('/'))
}

/// Adds or replaces query parameters; the result is sorted by name.
pub(crate) fn with_query(base: &str, parameters: &[(&str, &str)]) -> String {
    let (path, query) = split_query(base);
    let known = query.strip_prefix('?').unwrap_or("");
    let mut all: Vec<(String, String)> = url::form_urlencoded::parse(known.as_bytes())
        .into_owned()
        .filter(|(name, _)| parameters.iter().all(|(new, _)| new != name))
        .collect();
    all.extend(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    let pairs: Vec<(&str, &str)> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    format!("{path}?{}", encode_form(&pairs))
}

/// `a=1&b=2`, sorted by name.
pub(crate) fn encode_form(parameters: &[(&str, &str)]) -> String {
    let mut sorted: Vec<&(&str, &str)> = parameters.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut out = String::new();
    for (name, value) in sorted {
        if !out.is_empty() {
            out.push('&');
        }
        push_escaped(&mut out, name);
        out.push('=');
        push_escaped(&mut out, value);
    }
    out
}

fn push_escaped(out: &mut String, text: &str) {
    for piece in utf8_percent_encode(text, QUERY) {
        out.extend(piece.chars().map(|c| if c == ' ' { '+' } else { c }));
    }
}

/// The part before the query, and the query with its `?` (a fragment is never sent).
fn split_query(url: &str) -> (&str, &str) {
    let url = url.split('#').next().unwrap_or(url);
    url.find('?').map_or((url, ""), |at| url.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_go_does() {
        assert_eq!(append_path("http://h/a/", "key/팀 1?"), "http://h/a/key/%ED%8C%80%201%3F");
        assert_eq!(append_path("http://h/a?x=1", "b"), "http://h/ab?x=1");
        assert_eq!(join_path("http://h/a/", "/b/c"), "http://h/a/b/c");
        assert_eq!(join_path("http://h", "b"), "http://h/b");
        assert_eq!(
            with_query("http://h/a?z=1&b=old", &[("b", "new & 'x'"), ("a", "(1)")]),
            "http://h/a?a=%281%29&b=new+%26+%27x%27&z=1"
        );
    }
}
