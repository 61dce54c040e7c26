//! What a cell of a table accepts.
//!
//! In: the text of a cell. Out: whether a value of an alert fits. A text fits itself and nothing
//! else; `*` stands for any run of characters and `?` for one; `/…/` is a regular expression that may
//! be found anywhere.

use regex::{Regex, RegexBuilder};

/// Bytes a compiled regular expression may take.
pub(crate) const MAX_REGEX: usize = 1 << 20;

/// One cell of a column that is compared.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// Nothing was written: the row does not speak about this column and never matches by it.
    Empty,
    /// This text.
    Exact(Box<str>),
    /// `*`: whatever the alert has there.
    Any,
    /// A text with `*` or `?`.
    Glob(Box<str>),
    /// `/…/`
    Regex(Box<Regex>),
}

impl Cell {
    /// The error says why a regular expression is refused.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(pattern) = text.strip_prefix('/').and_then(|t| t.strip_suffix('/'))
            && !pattern.is_empty()
        {
            return regex(pattern).map(|regex| Self::Regex(Box::new(regex)));
        }
        Ok(match text {
            "" => Self::Empty,
            "*" => Self::Any,
            _ if text.contains(['*', '?']) => Self::Glob(text.into()),
            _ => Self::Exact(text.into()),
        })
    }

    /// The text itself, whatever is in it.
    pub(crate) fn plain(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Exact(text.into()) }
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        match self {
            Self::Empty => false,
            Self::Exact(text) => **text == *value,
            Self::Any => true,
            Self::Glob(pattern) => glob(pattern, value),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// Compiles within limits; the message is short enough for a log line.
pub(crate) fn regex(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > 4 << 10 {
        return Err("a regular expression has at most 4096 bytes".to_owned());
    }
    RegexBuilder::new(pattern).size_limit(MAX_REGEX).nest_limit(100).build().map_err(|error| {
        match error {
            regex::Error::CompiledTooBig(_) => {
                "the regular expression is too large when compiled".to_owned()
            }
            // The last line says what is wrong; those before draw the pattern.
            other => {
                let text = other.to_string();
                let line = text.lines().last().unwrap_or(&text).trim();
                line.strip_prefix("error: ").unwrap_or(line).to_owned()
            }
        }
    })
}

/// Whether `text` as a whole is what `pattern` describes. Takes at most the product of both lengths
/// in steps: after a mismatch only the last `*` takes one character more.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += width(text[t]);
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    // A whole character, so that `?` never begins inside one.
                    let next = from + width(text[from]);
                    star = Some((after, next));
                    (p, t) = (after, next);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Bytes of the character that starts with this one.
fn width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cell, glob};

    #[test]
    fn cells() {
        for (cell, value, want) in [
            ("prod", "prod", true),
            ("prod", "preprod", false),
            ("a.b", "axb", false),
            ("*", "", true),
            ("", "", false),
            (" prod ", "prod", true),
            ("pro?", "prod", true),
            ("pro?", "pro한", true),
            ("pro?", "prodd", false),
            ("*-db-*", "eu-db-1", true),
            ("*-db-*", "eu-db1", false),
            ("a*b*c", "abbbc", true),
            ("*한", "대한", true),
            ("/^prod/", "prod-eu", true),
            ("/prod/", "preprod", true),
            ("/", "/", true),
            ("//", "//", true),
        ] {
            assert_eq!(Cell::parse(cell).unwrap().matches(value), want, "{cell:?} {value:?}");
        }
        assert_eq!(Cell::parse("/(/").unwrap_err(), "unclosed group");
        assert!(Cell::parse(r"/\pL{1000}{100}/").unwrap_err().contains("too large"));
    }

    proptest! {
        #[test]
        fn a_glob_is_the_regular_expression_it_stands_for(
            pattern in "[ab한*?]{0,8}", text in "[ab한]{0,10}"
        ) {
            let translated: String = pattern.chars().map(|c| match c {
                '*' => "(?s:.*)".to_owned(),
                '?' => "(?s:.)".to_owned(),
                c => regex::escape(&c.to_string()),
            }).collect();
            let regex = regex::Regex::new(&format!("^{translated}$")).unwrap();
            prop_assert_eq!(glob(&pattern, &text), regex.is_match(&text));
        }
    }
}
