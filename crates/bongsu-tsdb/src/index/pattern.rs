//! What a regular expression of a matcher amounts to, where that is quickly seen.

/// A pattern that matches whole values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `.*`
    Everything,
    /// `.+`
    NotEmpty,
    /// `a|b|c`, without a further meaning.
    Literals(Vec<String>),
    /// All that matches begins so.
    Prefix(String),
    /// It has to be tried.
    Other,
}

impl Pattern {
    pub(super) fn of(source: &str) -> Self {
        match source {
            ".*" => return Self::Everything,
            ".+" => return Self::NotEmpty,
            _ => {}
        }
        let inner = unwrapped(source);
        if let Some(literals) = inner.split('|').map(literal).collect() {
            return Self::Literals(literals);
        }
        // A bar anywhere may be a choice between prefixes.
        if source.contains('|') {
            return Self::Other;
        }
        match prefix(source) {
            prefix if prefix.is_empty() => Self::Other,
            prefix => Self::Prefix(prefix),
        }
    }
}

/// Without one group around all of it.
fn unwrapped(source: &str) -> &str {
    let inner = source.strip_prefix("(?:").or_else(|| source.strip_prefix('('));
    match inner.and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')', '\\', '?']) => inner,
        _ => source,
    }
}

fn is_meta(c: char) -> bool {
    matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$')
}

/// The text that `source` matches, if it is only one.
fn literal(source: &str) -> Option<String> {
    let mut text = String::with_capacity(source.len());
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(char::is_ascii_punctuation)?),
            c if is_meta(c) => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

/// What every match of `source`, which has no bar, begins with.
fn prefix(source: &str) -> String {
    let mut text = String::new();
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => text.push(escaped),
                _ => break,
            },
            // The last character may be repeated or absent.
            '*' | '?' | '{' => {
                text.pop();
                break;
            }
            c if is_meta(c) => break,
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use bongsu_model::{MatchOp, Matcher};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sees_what_is_simple() {
        let literals =
            |texts: &[&str]| Pattern::Literals(texts.iter().map(|t| (*t).into()).collect());
        for (source, pattern) in [
            (".*", Pattern::Everything),
            (".+", Pattern::NotEmpty),
            ("a|b", literals(&["a", "b"])),
            ("(?:a|b)", literals(&["a", "b"])),
            ("(a|)", literals(&["a", ""])),
            ("", literals(&[""])),
            (r"10\.0\.0\.1", literals(&["10.0.0.1"])),
            ("api-.*", Pattern::Prefix("api-".into())),
            ("ab*c", Pattern::Prefix("a".into())),
            ("ab+c", Pattern::Prefix("ab".into())),
            ("a(b|c)", Pattern::Other),
            ("(?i)abc", Pattern::Other),
            ("(a)(b)", Pattern::Other),
            (r"a\d+", Pattern::Prefix("a".into())),
            ("5..", Pattern::Prefix("5".into())),
            (r"\d", Pattern::Other),
        ] {
            assert_eq!(Pattern::of(source), pattern, "{source}");
        }
    }

    proptest! {
        #[test]
        fn means_the_same_as_the_regex(source in r"[ab\\.|*+?()]{0,7}", value in "[ab.]{0,4}") {
            let Ok(matcher) = Matcher::new("x", MatchOp::Regex, source.as_str()) else {
                return Ok(());
            };
            let matches = matcher.matches_value(&value);
            match Pattern::of(&source) {
                Pattern::Everything => prop_assert!(matches),
                Pattern::NotEmpty => prop_assert_eq!(matches, !value.is_empty()),
                Pattern::Literals(literals) => {
                    prop_assert_eq!(matches, literals.contains(&value), "{:?}", literals);
                }
                Pattern::Prefix(prefix) => prop_assert!(!matches || value.starts_with(&prefix)),
                Pattern::Other => {}
            }
        }
    }
}
