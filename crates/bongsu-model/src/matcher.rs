//! Label matchers: evaluation and printing. Parsing lives in `bongsu-lang`.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::quote::go_quote;
use crate::{Labels, re2};

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// From the API's two booleans.
    pub fn from_flags(is_regex: bool, is_equal: bool) -> Self {
        match (is_regex, is_equal) {
            (false, true) => Self::Equal,
            (false, false) => Self::NotEqual,
            (true, true) => Self::Regex,
            (true, false) => Self::NotRegex,
        }
    }

    /// `=~` or `!~`.
    pub fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// `=` or `=~`.
    pub fn is_equal(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }
}

/// One condition on one label. A missing label has the value `""`.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: Box<str>,
    op: MatchOp,
    value: Box<str>,
    regex: Option<regex::Regex>,
}

impl Matcher {
    /// Builds a matcher; fails if `op` is a regex operator and `value` is not valid RE2. The
    /// regex is anchored at both ends.
    pub fn new(
        name: impl Into<Box<str>>,
        op: MatchOp,
        value: impl Into<Box<str>>,
    ) -> Result<Self, re2::Error> {
        let value = value.into();
        let regex = if op.is_regex() { Some(re2::compile_anchored(&value)?) } else { None };
        Ok(Self { name: name.into(), op, value, regex })
    }

    /// The label looked at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The comparison.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value or regex source as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Evaluates against a label's value.
    pub fn matches_value(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => *self.value == *value,
            (MatchOp::NotEqual, _) => *self.value != *value,
            (MatchOp::Regex, Some(re)) => re.is_match(value),
            (MatchOp::NotRegex, Some(re)) => !re.is_match(value),
            (MatchOp::Regex | MatchOp::NotRegex, None) => false,
        }
    }

    /// Evaluates against a label set.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.value(&self.name))
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

/// `name="value"`. Of the value only `\`, `"` and the newline are escaped, unless the name holds a
/// character reserved in the matcher grammar: then both are quoted as Go quotes.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reserved = |c: char| {
            c.is_whitespace()
                || matches!(c, '{' | '}' | '!' | '=' | '~' | ',' | '\\' | '"' | '\'' | '`')
        };
        if self.name.chars().any(reserved) {
            go_quote(&self.name, f)?;
            f.write_str(self.op.as_str())?;
            return go_quote(&self.value, f);
        }
        write!(f, "{}{}\"", self.name, self.op.as_str())?;
        for c in self.value.chars() {
            match c {
                '\\' | '"' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// The API's form of a matcher. `isEqual` came later than the others and may be missing: true.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatcherObject<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = MatcherObject {
            name: Cow::Borrowed(&self.name),
            value: Cow::Borrowed(&self.value),
            is_regex: self.op.is_regex(),
            is_equal: self.op.is_equal(),
        };
        object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let MatcherObject { name, value, is_regex, is_equal } =
            MatcherObject::deserialize(deserializer)?;
        let op = MatchOp::from_flags(is_regex, is_equal);
        Self::new(name, op, value).map_err(serde::de::Error::custom)
    }
}

/// A conjunction of matchers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matchers(pub Vec<Matcher>);

impl Matchers {
    /// Whether every matcher holds; an empty list matches everything.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|m| m.matches(labels))
    }

    /// Sorts by name, value, operator: the order routes are printed in.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| (&a.name, &a.value, a.op).cmp(&(&b.name, &b.value, b.op)));
    }
}

/// `{a="b",c=~"d"}`
impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, matcher) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{matcher}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_itself() {
        for (name, op, value, want) in [
            ("foo", MatchOp::Equal, "b\"a\\r\n\t", "foo=\"b\\\"a\\\\r\\n\t\""),
            ("foo bar", MatchOp::NotRegex, "x\t", "\"foo bar\"!~\"x\\t\""),
        ] {
            assert_eq!(Matcher::new(name, op, value).unwrap().to_string(), want);
        }
    }

    #[test]
    fn json_and_back() {
        for (op, text) in [
            (MatchOp::Equal, r#"{"name":"a","value":"b","isRegex":false,"isEqual":true}"#),
            (MatchOp::NotRegex, r#"{"name":"a","value":"b","isRegex":true,"isEqual":false}"#),
        ] {
            let matcher = Matcher::new("a", op, "b").unwrap();
            assert_eq!(serde_json::to_string(&matcher).unwrap(), text);
            assert_eq!(serde_json::from_str::<Matcher>(text).unwrap(), matcher);
        }
        let old: Matcher =
            serde_json::from_str(r#"{"name":"a","value":"b","isRegex":true}"#).unwrap();
        assert_eq!(old.op(), MatchOp::Regex);
        let bad = r#"{"name":"a","value":"(","isRegex":true}"#;
        assert!(serde_json::from_str::<Matcher>(bad).is_err());
    }
}
