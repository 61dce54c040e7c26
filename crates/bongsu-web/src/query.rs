//! Query parameters as Go reads them, and what both APIs make of them.

use bongsu_engine::api::AlertQuery;
use bongsu_lang::{Mode, matcher};
use bongsu_model::{MatchOp, Matcher, Matchers};
use percent_encoding::percent_decode_str;

/// Most matchers taken from one request.
const MAX_MATCHERS: usize = 100;

/// Decoded name/value pairs in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Pairs with a broken escape or a semicolon are dropped, as Go does.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|piece| !piece.is_empty() && !piece.contains(';'));
        Self(
            pairs
                .filter_map(|piece| {
                    let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
                    Some((unescape(name)?, unescape(value)?))
                })
                .collect(),
        )
    }

    /// Adds the pairs of another one behind its own.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// Every value of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All pairs, in order.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The last value, if it is not empty.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.all(name).last().filter(|value| !value.is_empty())
    }

    /// A loose boolean: a few words are true, every other text is false, missing is `default`.
    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        const TRUE: [&str; 10] =
            ["1", "true", "t", "yes", "y", "on", "ok", "selected", "checked", "enabled"];
        self.last(name).map_or(default, |v| TRUE.iter().any(|t| t.eq_ignore_ascii_case(v)))
    }

    /// The matchers of a repeatable parameter.
    pub(crate) fn matchers(&self, name: &str, mode: Mode) -> Result<Matchers, String> {
        let mut matchers = Vec::new();
        for text in self.all(name) {
            if matchers.len() == MAX_MATCHERS {
                return Err(format!("more than {MAX_MATCHERS} matchers"));
            }
            matchers.push(matcher::parse_one(text, mode)?);
        }
        Ok(Matchers(matchers))
    }

    /// What `/alerts` and `/alerts/groups` of both APIs are filtered by; else the name of the
    /// parameter and what is wrong with it.
    pub(crate) fn alert_query(&self, mode: Mode) -> Result<AlertQuery, (&'static str, String)> {
        let named = |name| move |e| (name, e);
        let receiver = match self.last("receiver") {
            None => None,
            Some(pattern) => {
                let compiled = Matcher::new("receiver", MatchOp::Regex, pattern);
                Some(compiled.map_err(|e| ("receiver", e.to_string()))?)
            }
        };
        Ok(AlertQuery {
            filter: self.matchers("filter", mode).map_err(named("filter"))?,
            receiver,
            receiver_matchers: self
                .matchers("receiver_matchers", mode)
                .map_err(named("receiver_matchers"))?,
            active: self.flag("active", true),
            silenced: self.flag("silenced", true),
            inhibited: self.flag("inhibited", true),
            muted: self.flag("muted", true),
            after: None,
            limit: None,
        })
    }
}

fn unescape(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let broken = bytes.iter().enumerate().any(|(i, byte)| {
        let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        *byte == b'%' && !(hex(i + 1) && hex(i + 2))
    });
    if broken {
        return None;
    }
    let spaced = text.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        let query = Query::parse("a=1&b=%zz&c;d=1&a=x+%2B%3d&e&=f&&g=%ff");
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "x +="]);
        assert_eq!(query.all("e").collect::<Vec<_>>(), [""]);
        assert_eq!(query.last("g"), Some("\u{fffd}"));
        assert_eq!(query.0.len(), 5);
    }

    #[test]
    fn loose_booleans() {
        let flag = |text: &str| Query::parse(text).flag("x", true);
        for text in ["", "x=", "x=1", "x=TRUE", "x=ok", "x=no&x=on"] {
            assert!(flag(text), "{text}");
        }
        for text in ["x=0", "x=foo", "x=truee"] {
            assert!(!flag(text), "{text}");
        }
    }
}
